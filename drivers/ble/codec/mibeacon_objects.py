"""The objects of MiBeacon: Mijia's general ones, and those that its newer sensors share.

Ids below 0x2000 are in Mijia's object definition (a translation stands in
pvvx/ATC_MiThermometer, `InfoMijiaBLE/Mijia BLE Object Definition.md`); the `0x48xx`, `0x4Axx`,
`0x4Cxx`, `0x4Exx` ids were learnt from the sensors themselves by the authors of xiaomi-ble.
"""

import math
import struct
from collections.abc import Callable
from typing import NamedTuple

from drivers.ble.codec.message import MeasuredQuantity, scale_value

# The units of this format's quantities, where they have one.
UNITS = {
    "temperature": "Cel", "humidity": "%", "battery": "%", "moisture": "%", "consumable": "%",
    "illuminance": "lx", "conductivity": "uS/cm", "formaldehyde": "mg/m3", "idle": "s",
}  # fmt: skip

# Sensors keep reporting the time since the last movement; up to this it counts as movement.
_MOTION_IDLE_S_MAX = 30

_PRESSES = {0: "press", 1: "double-press", 2: "long-press"}

ObjectReader = Callable[[bytes], tuple[MeasuredQuantity, ...]]


class MibeaconObject(NamedTuple):
    """The least length of an object's data, and its decoder."""

    least: int
    read: ObjectReader


def _measure(what: str, count: int, factor: float = 1, decimals: int = 0) -> MeasuredQuantity:
    return MeasuredQuantity(what, scale_value(count, factor, decimals), UNITS[what], count)


def _number(what: str, size: int, factor: float = 1, decimals: int = 0) -> MibeaconObject:
    """A little-endian integer; temperatures are signed."""

    def read(data: bytes) -> tuple[MeasuredQuantity, ...]:
        count = int.from_bytes(data[:size], "little", signed=what == "temperature")
        return (_measure(what, count, factor, decimals),)

    return MibeaconObject(size, read)


def _float(what: str, decimals: int) -> MibeaconObject:
    """A little-endian float; NaN and infinity are ignored."""

    def read(data: bytes) -> tuple[MeasuredQuantity, ...]:
        (value,) = struct.unpack_from("<f", data)
        if not math.isfinite(value):
            return ()
        return (MeasuredQuantity(what, round(value, decimals), UNITS[what]),)

    return MibeaconObject(4, read)


def _flag(what: str) -> MibeaconObject:
    return MibeaconObject(1, lambda data: (MeasuredQuantity(what, data[0] != 0),))


def _always(what: str, value: bool) -> MibeaconObject:
    return MibeaconObject(0, lambda _data: (MeasuredQuantity(what, value),))


def _states(states: dict[int, dict[str, bool | str]]) -> MibeaconObject:
    """One byte, and the meaning of its values; others are ignored."""

    def read(data: bytes) -> tuple[MeasuredQuantity, ...]:
        said = states.get(data[0], {})
        return tuple(MeasuredQuantity(what, value) for what, value in said.items())

    return MibeaconObject(1, read)


def _idle(size: int) -> MibeaconObject:
    def read(data: bytes) -> tuple[MeasuredQuantity, ...]:
        idle_s = int.from_bytes(data[:size], "little")
        return (MeasuredQuantity("motion", idle_s <= _MOTION_IDLE_S_MAX), _measure("idle", idle_s))

    return MibeaconObject(size, read)


def _climate(data: bytes) -> tuple[MeasuredQuantity, ...]:
    temperature, humidity = struct.unpack_from("<hH", data)
    return (_measure("temperature", temperature, 0.1, 1), _measure("humidity", humidity, 0.1, 1))


def _motion_and_light(data: bytes) -> tuple[MeasuredQuantity, ...]:
    return (MeasuredQuantity("motion", value=True), *_float("illuminance", 1).read(data))


def _button(data: bytes) -> tuple[MeasuredQuantity, ...]:
    press = _PRESSES.get(data[2])
    return (
        ()
        if press is None
        else (MeasuredQuantity("button", press), MeasuredQuantity("key", data[0]))
    )


_DOOR: dict[int, dict[str, bool | str]] = {
    0: {"door": True},
    1: {"door": False, "left-open": False},
    2: {"door": True, "left-open": True},
}
_OPENING: dict[int, dict[str, bool | str]] = {
    1: {"door": True},
    2: {"door": False, "left-open": False, "tamper": False},
}

_SMOKE: dict[int, dict[str, bool | str]] = {
    0: {"smoke": False, "problem": False},
    1: {"smoke": True, "problem": False},
    2: {"problem": True},
}

_WATER: dict[int, dict[str, bool | str]] = {
    0: {"leak": True},
    1: {"leak": False},
    2: {"splash": True},
    3: {"splash": False},
}

# Every object that has the same meaning on all sensors that send it.
OBJECTS: dict[int, MibeaconObject] = {
    0x0003: _always("motion", value=True),
    0x0007: _states(
        {**_DOOR, 3: {"door": False, "knock": True}, 4: {"door": True, "tamper": True}}
    ),
    0x000F: _always("motion", value=True),
    0x1001: MibeaconObject(3, _button),
    0x1004: _number("temperature", 2, 0.1, 1),
    0x1006: _number("humidity", 2, 0.1, 1),
    0x1007: _number("illuminance", 3),
    0x1008: _number("moisture", 1),
    0x1009: _number("conductivity", 2),
    0x100A: _number("battery", 1),
    0x100D: MibeaconObject(4, _climate),
    0x1010: _number("formaldehyde", 2, 0.01, 2),
    0x1012: _flag("power-on"),
    0x1013: _number("consumable", 1),
    0x1014: _flag("leak"),
    0x1015: _states(_SMOKE),
    0x1016: _flag("gas-leak"),
    0x1017: _idle(4),
    0x1018: _flag("light"),
    0x1019: _states(_DOOR),
    0x101B: _always("motion", value=False),
    0x4801: _float("temperature", 1),
    0x4802: _number("humidity", 1),
    0x4803: _number("battery", 1),
    0x4804: _states(_OPENING),
    0x4805: _float("illuminance", 1),
    0x4806: _flag("leak"),
    0x4808: _float("humidity", 1),
    0x480C: _states({0: {"door": True}, 1: {"door": False}}),
    0x4818: _idle(2),
    0x483C: _flag("occupancy"),
    0x484E: _states({0: {"occupancy": False}, 1: {"occupancy": True}, 2: {"occupancy": False}}),
    0x487B: _flag("splash"),
    0x4A01: _flag("battery-low"),
    0x4A08: MibeaconObject(4, _motion_and_light),
    0x4A0F: _states({1: {"door": True, "tamper": True}}),
    0x4A12: _states(_OPENING),
    0x4A13: _states({1: {"button": "press"}}),
    0x4A1A: _states({1: {"door": True, "left-open": True}}),
    0x4A68: _states(_WATER),
    0x4C01: _float("temperature", 2),
    0x4C02: _number("humidity", 1),
    0x4C03: _number("battery", 1),
    0x4C08: _float("humidity", 1),
    0x4E01: _flag("battery-low"),
}

# All quantities of this format.
NAMES = frozenset(UNITS) | {
    "motion", "door", "left-open", "knock", "tamper", "button", "key", "power-on", "leak", "smoke",
    "gas-leak", "light", "occupancy", "battery-low", "problem", "splash",
}  # fmt: skip
