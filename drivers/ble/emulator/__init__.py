"""The device's side of the air: BlueZ on a private D-Bus, and the sensors that it hears.

Whatever talks to BlueZ talks to this, if `DBUS_SYSTEM_BUS_ADDRESS` names the private bus; no
radio and no kernel part is needed. Nothing here knows our codecs: what sensors say is built from
the formats' documents.

    async with Broker() as broker:                 # a dbus-daemon of its own
        air = Air(parse(text), FakeBluez())
        async with air.on(broker.address):         # sensors speak
            air.fault("hall", "silent")            # silent, gone, garbage, wrong-key
            air.fault("adapter", "off")            # off, unplugged, deaf
            air.clear("adapter")

`python -m drivers.ble.emulator --config FILE` does so in a process of its own.
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
