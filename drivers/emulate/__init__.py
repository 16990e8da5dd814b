"""The device side: emulated slaves, lines, gateways and whole fields, with faults on demand."""
