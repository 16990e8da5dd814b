"""A known device of a family, for suites that run over all families.

A polled family offers `conformance_device(number)` in its `conformance.py`: numbers 1, 2, … are
different devices with different values that can share one wire.
"""

from collections.abc import Callable
from typing import NamedTuple

from drivers.contract import Device, Value
from drivers.emulate.slave import Slave
from drivers.message import DeviceMessage


class ConformanceDevice(NamedTuple):
    """The device's side, the station's side, and the true values by point."""

    slave: Slave
    device: Device
    values: dict[str, Value]


class SpokenMessage(NamedTuple):
    """A message of a device, for a listening family's `conformance_messages()`.

    `values` are the true ones by point; `confirmation` is the reply that means "stored".
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
