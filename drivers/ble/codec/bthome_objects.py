"""The object ids of BTHome v2 (https://bthome.io/format/), each with one name and one unit."""

from drivers.ble.codec.bthome_shapes import (
    Choice,
    Command,
    Flag,
    Number,
    Raw,
    Shape,
    Steps,
    Text,
    Version,
)

PACKET = 0x00

_PRESSES = {
    0x00: "none",
    0x01: "press",
    0x02: "double-press",
    0x03: "triple-press",
    0x04: "long-press",
    0x05: "long-double-press",
    0x06: "long-triple-press",
    0x80: "hold-press",
    0x81: "hold-release",
}
_COMMANDS = {0x00: "off", 0x01: "on", 0x02: "toggle", 0x03: "step-up", 0x04: "step-down"}

_FLAGS = {
    0x0F: "generic", 0x10: "power-on", 0x11: "opening", 0x15: "battery-low", 0x16: "charging",
    0x17: "co", 0x18: "cold", 0x19: "connected", 0x1A: "door", 0x1B: "garage-door",
    0x1C: "gas-leak", 0x1D: "heat", 0x1E: "light", 0x1F: "unlocked", 0x20: "leak",
    0x21: "motion", 0x22: "moving", 0x23: "occupancy", 0x24: "plugged", 0x25: "presence",
    0x26: "problem", 0x27: "running", 0x28: "unsafe", 0x29: "smoke", 0x2A: "sound",
    0x2B: "tamper", 0x2C: "vibration", 0x2D: "window",
}  # fmt: skip

_NUMBERS = {
    0x01: Number("battery", 1, unit="%"),
    0x02: Number("temperature", 2, 0.01, 2, "Cel", signed=True),
    0x03: Number("humidity", 2, 0.01, 2, "%"),
    0x04: Number("pressure", 3, 0.01, 2, "hPa"),
    0x05: Number("illuminance", 3, 0.01, 2, "lx"),
    0x06: Number("mass", 2, 0.01, 2, "kg"),
    0x07: Number("mass-lb", 2, 0.01, 2, "[lb_av]"),
    0x08: Number("dew-point", 2, 0.01, 2, "Cel", signed=True),
    0x09: Number("count", 1),
    0x0A: Number("energy", 3, 0.001, 3, "kW.h"),
    0x0B: Number("power", 3, 0.01, 2, "W"),
    0x0C: Number("voltage", 2, 0.001, 3, "V"),
    0x0D: Number("pm25", 2, unit="ug/m3"),
    0x0E: Number("pm10", 2, unit="ug/m3"),
    0x12: Number("co2", 2, unit="[ppm]"),
    0x13: Number("tvoc", 2, unit="ug/m3"),
    0x14: Number("moisture", 2, 0.01, 2, "%"),
    0x2E: Number("humidity", 1, unit="%"),
    0x2F: Number("moisture", 1, unit="%"),
    0x3D: Number("count", 2),
    0x3E: Number("count", 4),
    0x3F: Number("rotation", 2, 0.1, 1, "deg", signed=True),
    0x40: Number("distance", 2, 0.001, 3, "m"),
    0x41: Number("distance", 2, 0.1, 1, "m"),
    0x42: Number("duration", 3, 0.001, 3, "s"),
    0x43: Number("current", 2, 0.001, 3, "A"),
    0x44: Number("speed", 2, 0.01, 2, "m/s"),
    0x45: Number("temperature", 2, 0.1, 1, "Cel", signed=True),
    0x46: Number("uv-index", 1, 0.1, 1),
    0x47: Number("volume", 2, 0.1, 1, "L"),
    0x48: Number("volume", 2, 0.001, 3, "L"),
    0x49: Number("flow", 2, 0.001, 3, "m3/h"),
    0x4A: Number("voltage", 2, 0.1, 1, "V"),
    0x4B: Number("gas", 3, 0.001, 3, "m3"),
    0x4C: Number("gas", 4, 0.001, 3, "m3"),
    0x4D: Number("energy", 4, 0.001, 3, "kW.h"),
    0x4E: Number("volume", 4, 0.001, 3, "L"),
    0x4F: Number("water", 4, 0.001, 3, "L"),
    0x50: Number("time", 4, unit="s"),
    0x51: Number("acceleration", 2, 0.001, 3, "m/s2"),
    0x52: Number("gyroscope", 2, 0.001, 3, "deg/s"),
    0x55: Number("stored-volume", 4, 0.001, 3, "L"),
    0x56: Number("conductivity", 2, unit="uS/cm"),
    0x57: Number("temperature", 1, unit="Cel", signed=True),
    0x58: Number("temperature", 1, 0.35, 2, "Cel", signed=True),
    0x59: Number("count", 1, signed=True),
    0x5A: Number("count", 2, signed=True),
    0x5B: Number("count", 4, signed=True),
    0x5C: Number("power", 4, 0.01, 2, "W", signed=True),
    0x5D: Number("current", 2, 0.001, 3, "A", signed=True),
    0x5E: Number("direction", 2, 0.01, 2, "deg"),
    0x5F: Number("precipitation", 2, 0.1, 1, "mm"),
    0x60: Number("channel", 1),
    0x61: Number("rotational-speed", 2, unit="/min"),
    0x62: Number("speed", 4, 0.000001, 6, "m/s", signed=True),
    0x63: Number("acceleration", 4, 0.000001, 6, "m/s2", signed=True),
    0x64: Number("light-level", 1),
    0x65: Number("settings-revision", 1),
    0xF0: Number("device-type", 2),
}

# Every object by its id; one name always has one unit.
OBJECTS: dict[int, Shape] = {
    **_NUMBERS,
    **{number: Flag(what) for number, what in _FLAGS.items()},
    PACKET: Number("packet", 1),
    0x3A: Choice("button", _PRESSES),
    0x3B: Command("command", _COMMANDS),
    0x3C: Steps("dimmer", {0x00: 0, 0x01: -1, 0x02: 1}),
    0x53: Text("text"),
    0x54: Raw("raw"),
    0xF1: Version("firmware", 4),
    0xF2: Version("firmware", 3),
}

# The unit of every quantity of this format.
UNITS = {shape.what: shape.unit for shape in OBJECTS.values()}
