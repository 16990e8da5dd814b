"""The device side of BLE: BlueZ on a private D-Bus, and the sensors that it receives.

Programs that use BlueZ use this instead if `DBUS_SYSTEM_BUS_ADDRESS` names the private bus; no
radio and no kernel support is needed. Nothing here uses our codecs: the messages are built from the
documents of the formats.

    async with DbusDaemon() as daemon:             # a dbus-daemon of its own
        radio = VirtualRadio(parse_radio(text), FakeBluez())
        async with radio.serve(daemon.address):    # the sensors send
            radio.set_fault("hall", "silent")      # silent, gone, garbage, wrong-key
            radio.set_fault("adapter", "off")      # off, unplugged, deaf
            radio.clear_fault("adapter")

`python -m drivers.ble.emulator --config FILE` runs it as a process.
"""

from drivers.ble.emulator.bluez import FakeBluez
from drivers.ble.emulator.dbus_daemon import DbusDaemon
from drivers.ble.emulator.virtual_radio import (
    ADAPTER,
    ADAPTER_FAULTS,
    DEMO_SENSORS,
    SENSOR_FAULTS,
    RadioSpec,
    VirtualRadio,
    parse_radio,
)

__all__ = [
    "ADAPTER",
    "ADAPTER_FAULTS",
    "DEMO_SENSORS",
    "SENSOR_FAULTS",
    "DbusDaemon",
    "FakeBluez",
    "RadioSpec",
    "VirtualRadio",
    "parse_radio",
]
