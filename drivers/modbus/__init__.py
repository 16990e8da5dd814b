"""Modbus: codec, driver, and the device side with pymodbus as its engine."""
