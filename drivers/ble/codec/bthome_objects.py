"""The object ids of BTHome v2 (https://bthome.io/format/), each with one name and one unit."""

from drivers.ble.codec.bthome_shapes import (
    ChoiceShape,
    CommandShape,
    FlagShape,
    NumberShape,
    ObjectShape,
    RawShape,
    StepsShape,
    TextShape,
    VersionShape,
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
    0x01: NumberShape("battery", 1, unit="%"),
    0x02: NumberShape("temperature", 2, 0.01, 2, "Cel", signed=True),
    0x03: NumberShape("humidity", 2, 0.01, 2, "%"),
    0x04: NumberShape("pressure", 3, 0.01, 2, "hPa"),
    0x05: NumberShape("illuminance", 3, 0.01, 2, "lx"),
    0x06: NumberShape("mass", 2, 0.01, 2, "kg"),
    0x07: NumberShape("mass-lb", 2, 0.01, 2, "[lb_av]"),
    0x08: NumberShape("dew-point", 2, 0.01, 2, "Cel", signed=True),
    0x09: NumberShape("count", 1),
    0x0A: NumberShape("energy", 3, 0.001, 3, "kW.h"),
    0x0B: NumberShape("power", 3, 0.01, 2, "W"),
    0x0C: NumberShape("voltage", 2, 0.001, 3, "V"),
    0x0D: NumberShape("pm25", 2, unit="ug/m3"),
    0x0E: NumberShape("pm10", 2, unit="ug/m3"),
    0x12: NumberShape("co2", 2, unit="[ppm]"),
    0x13: NumberShape("tvoc", 2, unit="ug/m3"),
    0x14: NumberShape("moisture", 2, 0.01, 2, "%"),
    0x2E: NumberShape("humidity", 1, unit="%"),
    0x2F: NumberShape("moisture", 1, unit="%"),
    0x3D: NumberShape("count", 2),
    0x3E: NumberShape("count", 4),
    0x3F: NumberShape("rotation", 2, 0.1, 1, "deg", signed=True),
    0x40: NumberShape("distance", 2, 0.001, 3, "m"),
    0x41: NumberShape("distance", 2, 0.1, 1, "m"),
    0x42: NumberShape("duration", 3, 0.001, 3, "s"),
    0x43: NumberShape("current", 2, 0.001, 3, "A"),
    0x44: NumberShape("speed", 2, 0.01, 2, "m/s"),
    0x45: NumberShape("temperature", 2, 0.1, 1, "Cel", signed=True),
    0x46: NumberShape("uv-index", 1, 0.1, 1),
    0x47: NumberShape("volume", 2, 0.1, 1, "L"),
    0x48: NumberShape("volume", 2, 0.001, 3, "L"),
    0x49: NumberShape("flow", 2, 0.001, 3, "m3/h"),
    0x4A: NumberShape("voltage", 2, 0.1, 1, "V"),
    0x4B: NumberShape("gas", 3, 0.001, 3, "m3"),
    0x4C: NumberShape("gas", 4, 0.001, 3, "m3"),
    0x4D: NumberShape("energy", 4, 0.001, 3, "kW.h"),
    0x4E: NumberShape("volume", 4, 0.001, 3, "L"),
    0x4F: NumberShape("water", 4, 0.001, 3, "L"),
    0x50: NumberShape("time", 4, unit="s"),
    0x51: NumberShape("acceleration", 2, 0.001, 3, "m/s2"),
    0x52: NumberShape("gyroscope", 2, 0.001, 3, "deg/s"),
    0x55: NumberShape("stored-volume", 4, 0.001, 3, "L"),
    0x56: NumberShape("conductivity", 2, unit="uS/cm"),
    0x57: NumberShape("temperature", 1, unit="Cel", signed=True),
    0x58: NumberShape("temperature", 1, 0.35, 2, "Cel", signed=True),
    0x59: NumberShape("count", 1, signed=True),
    0x5A: NumberShape("count", 2, signed=True),
    0x5B: NumberShape("count", 4, signed=True),
    0x5C: NumberShape("power", 4, 0.01, 2, "W", signed=True),
    0x5D: NumberShape("current", 2, 0.001, 3, "A", signed=True),
    0x5E: NumberShape("direction", 2, 0.01, 2, "deg"),
    0x5F: NumberShape("precipitation", 2, 0.1, 1, "mm"),
    0x60: NumberShape("channel", 1),
    0x61: NumberShape("rotational-speed", 2, unit="/min"),
    0x62: NumberShape("speed", 4, 0.000001, 6, "m/s", signed=True),
    0x63: NumberShape("acceleration", 4, 0.000001, 6, "m/s2", signed=True),
    0x64: NumberShape("light-level", 1),
    0x65: NumberShape("settings-revision", 1),
    0xF0: NumberShape("device-type", 2),
}

# Every object by its id; one name always has one unit.
OBJECTS: dict[int, ObjectShape] = {
    **_NUMBERS,
    **{number: FlagShape(what) for number, what in _FLAGS.items()},
    PACKET: NumberShape("packet", 1),
    0x3A: ChoiceShape("button", _PRESSES),
    0x3B: CommandShape("command", _COMMANDS),
    0x3C: StepsShape("dimmer", {0x00: 0, 0x01: -1, 0x02: 1}),
    0x53: TextShape("text"),
    0x54: RawShape("raw"),
    0xF1: VersionShape("firmware", 4),
    0xF2: VersionShape("firmware", 3),
}

# The unit of every quantity of this format.
UNITS = {shape.what: shape.unit for shape in OBJECTS.values()}
