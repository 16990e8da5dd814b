"""The fields of a reply and their values. Pure.

Numbers are packed BCD, lowest byte first. Many have a unit byte after or (some makers) before them,
which a meter may change while it counts: a value is always in the point's own unit, and a counter's
count in the base unit.
"""

from collections.abc import Callable
from typing import NamedTuple

from drivers import decimal_values
from drivers.contract import Point, Sample

CLOCK_BYTES = 7
STATUS_BYTES = 2

VALVE_OPEN, VALVE_CLOSED = 0b00, 0b01
_VALVE = 0b11


class UnitCode(NamedTuple):
    """A unit, and its size in the base unit of its dimension (J, W, L, L/h)."""

    dimension: str
    factor: int


_KILO, _MEGA, _GIGA = 10**3, 10**6, 10**9
_WH = 3600

# UCUM units of points that have a unit byte.
UNITS = {
    "J": UnitCode("energy", 1),
    "kJ": UnitCode("energy", _KILO),
    "MJ": UnitCode("energy", _MEGA),
    "GJ": UnitCode("energy", _GIGA),
    "W.h": UnitCode("energy", _WH),
    "kW.h": UnitCode("energy", _WH * _KILO),
    "MW.h": UnitCode("energy", _WH * _MEGA),
    "W": UnitCode("power", 1),
    "kW": UnitCode("power", _KILO),
    "MW": UnitCode("power", _MEGA),
    "L": UnitCode("volume", 1),
    "m3": UnitCode("volume", _KILO),
    "L/h": UnitCode("flow", 1),
    "m3/h": UnitCode("flow", _KILO),
}

# The unit byte.
CODES = {
    0x01: UNITS["J"],
    0x02: UNITS["W.h"],
    0x05: UNITS["kW.h"],
    0x08: UNITS["MW.h"],
    0x0A: UnitCode("energy", _WH * _MEGA * 100),
    0x0B: UNITS["kJ"],
    0x0E: UNITS["MJ"],
    0x11: UNITS["GJ"],
    0x13: UnitCode("energy", _GIGA * 100),
    0x14: UNITS["W"],
    0x17: UNITS["kW"],
    0x1A: UNITS["MW"],
    0x29: UNITS["L"],
    0x2C: UNITS["m3"],
    0x32: UNITS["L/h"],
    0x35: UNITS["m3/h"],
}

TYPES = frozenset({"bcd", "bool", "bits", "u8", "u16", "string"})
MEANINGS = frozenset({None, "clock", "valve", "address"})
PLACES = frozenset({None, "before", "after"})

YEAR_FIRST = "year"
# Which part of a clock is sent first.
FIRSTS = frozenset({None, "second", YEAR_FIRST})


def width(point: Point) -> int:
    """Number of bytes of the field, its unit byte included."""
    fixed = {"clock": CLOCK_BYTES, "valve": STATUS_BYTES}.get(point.extra.get("is", ""))
    if fixed:
        return fixed
    if point.type in {"bool", "bits"}:
        bits = (point.bit or 0) + (1 if point.type == "bool" else point.size or 1)
        return -(-bits // 8)
    digits = {"u8": 1, "u16": 2}.get(point.type) or point.size or 1
    return digits + ("unit" in point.extra)


def sample(point: Point, raw: bytes) -> Sample:
    """The sample in these bytes, exactly as many as the field has."""
    meaning = {"clock": _clock, "valve": _valve}.get(point.extra.get("is", ""))
    return (meaning or _READERS[point.type])(point, raw)


def _number(point: Point, raw: bytes) -> Sample:
    place = point.extra.get("unit")
    digits = raw[1:] if place == "before" else raw[:-1] if place == "after" else raw
    count = decimal_values.decode_bcd(digits)
    if count is None:
        return decimal_values.faulty_sample(point, raw)
    modulus = 100 ** len(digits)
    if place is None:
        return decimal_values.number_sample(point, count, raw, modulus)
    shown, wanted = CODES.get(raw[0] if place == "before" else raw[-1]), UNITS[point.unit]
    if shown is None or shown.dimension != wanted.dimension:
        return decimal_values.faulty_sample(point, raw)
    return decimal_values.number_sample(
        point, count * shown.factor, raw, modulus * shown.factor, wanted.factor
    )


def _binary(point: Point, raw: bytes) -> Sample:
    return decimal_values.number_sample(point, int.from_bytes(raw, "little"), raw, 256 ** len(raw))


def _bits(point: Point, raw: bytes) -> Sample:
    mask = (1 << (point.size or 1)) - 1
    return decimal_values.number_sample(
        point, int.from_bytes(raw, "little") >> (point.bit or 0) & mask, raw
    )


def _bool(point: Point, raw: bytes) -> Sample:
    return Sample(point, bool(int.from_bytes(raw, "little") >> (point.bit or 0) & 1))


def _digits(point: Point, raw: bytes) -> Sample:
    digits = raw[::-1].hex()
    return Sample(point, digits) if digits.isdecimal() else decimal_values.faulty_sample(point, raw)


def _clock(point: Point, raw: bytes) -> Sample:
    """`2015-05-11 22:01:31`; None for a clock that was never set or shows an impossible time.

    The second is sent first, but by some makers the year (`first = "year"`).
    """
    digits = (raw if point.extra.get("first") == YEAR_FIRST else raw[::-1]).hex()
    shown = decimal_values.parse_timestamp(digits)
    return decimal_values.faulty_sample(point, raw) if shown is None else Sample(point, shown)


def _valve(point: Point, raw: bytes) -> Sample:
    """True is open; the two lowest bits of the status word. A third state is a stuck valve."""
    state = raw[0] & _VALVE
    if state not in {VALVE_OPEN, VALVE_CLOSED}:
        return decimal_values.faulty_sample(point, raw)
    return Sample(point, state == VALVE_OPEN)


_READERS: dict[str, Callable[[Point, bytes], Sample]] = {
    "bcd": _number,
    "bool": _bool,
    "bits": _bits,
    "string": _digits,
    "u8": _binary,
    "u16": _binary,
}
