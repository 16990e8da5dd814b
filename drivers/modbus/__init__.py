"""Modbus: codec, driver, and the device side played by pymodbus."""
