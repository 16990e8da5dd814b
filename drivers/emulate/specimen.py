"""A device of a family with everything known about it, for suites that take every family.

A polled family offers `conformance_device(number)` in its `conformance.py`: number 1, 2, … are
different devices with different values that can live on one wire.
"""

from typing import NamedTuple

from drivers.contract import Device, Value
from drivers.emulate.slave import Slave


class Specimen(NamedTuple):
    """The device's side, the station's side, and the values by point that are true."""

    slave: Slave
    device: Device
    values: dict[str, Value]
