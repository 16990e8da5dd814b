"""The BLE family and its kind of bus. The meaning of its points is in `points.py`."""

from collections.abc import Sequence
from typing import Final

from drivers.ble.options import BleBusOptions, BleDeviceOptions
from drivers.ble.points import FAMILY, check_device
from drivers.contract import Device, FieldError, OnFault, OnState, Sink, log_fault
from drivers.family import Shape
from drivers.field_bus import BusKind, FieldBus
from drivers.message import Radio


class BleDriver:
    """The family: it knows addresses and quantities; the bus owns the radio."""

    family = FAMILY
    shape: Final = Shape.LISTENING
    inlet = Radio("ble")
    Options = BleDeviceOptions

    def check(self, device: Device) -> Sequence[FieldError]:
        """All reasons why the family cannot use this device."""
        return check_device(device)


def _build(
    name: str,
    options: BleBusOptions,
    devices: Sequence[Device],
    sink: Sink,
    on_state: OnState,
    *,
    on_fault: OnFault = log_fault,
) -> FieldBus:
    """The bus with a BlueZ scanner; bleak is imported when it runs."""
    from drivers.ble.bluez import BluezScanner  # noqa: PLC0415 - loaded only for this bus
    from drivers.ble.bus import BleBus  # noqa: PLC0415 - the same

    scanner = BluezScanner(options.adapter)
    return BleBus(name, options, devices, sink, on_state, scanner=scanner, on_fault=on_fault)


DRIVER = BleDriver()
BUS_KINDS = (BusKind("ble", BleBusOptions, _build),)
