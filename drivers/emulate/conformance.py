"""A device of a family with everything known about it, for suites that take every family.

A polled family offers `conformance_device(number)` in its `conformance.py`: number 1, 2, … are
different devices with different values that can live on one wire.
"""

from collections.abc import Callable
from typing import NamedTuple

from drivers.contract import Device, Value
from drivers.emulate.slave import Slave
from drivers.message import DeviceMessage


class ConformanceDevice(NamedTuple):
    """The device's side, the station's side, and the values by point that are true."""

    slave: Slave
    device: Device
    values: dict[str, Value]


class SpokenMessage(NamedTuple):
    """What a device says of itself, for a listening family's `conformance_messages()`.

    `values` are true by point; `confirmation` is the reply that the sender takes for "stored".
    """

    device: Device
    message: DeviceMessage
    values: dict[str, Value]
    confirmation: bytes | None


class ActingSpecimen(NamedTuple):
    """A device that acts, for an acting family's `conformance_device()`.

    `acted` lists what it really did, in order; its slave has `lies` that can be set.
    """

    slave: Slave
    device: Device
    action: str
    value: Value
    acted: Callable[[], list[Value]]
