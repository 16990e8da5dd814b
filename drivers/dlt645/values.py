"""Data items and values, both ways. Pure.

Every item is sent lowest byte first. Numbers are packed BCD (`bcd`); signed ones have their sign in
the highest bit; status words are plain binary. A phase or tariff that the meter does not have is
all FF.
"""

import re
from collections.abc import Callable

from drivers import decimal_values
from drivers.contract import NotWritable, Point, Sample, Value

_SIGN = 0x80
_BINARY = {"u8": 1, "u16": 2, "u32": 4}
_DATE_BYTES, _TIME_BYTES = 4, 3
_MOMENT = re.compile(r"20(\d\d)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)")

TYPES = frozenset({"bcd", "bool", "bits", "string", *_BINARY})
KINDS = frozenset({"", "signed", "date", "time", "digits", "address", "relay", "clock"})


def width(point: Point) -> int:
    """Number of bytes of an item that this point needs."""
    if point.type == "bool":
        return (point.bit or 0) // 8 + 1
    if point.type == "bits":
        return -(-((point.bit or 0) + (point.size or 1)) // 8)
    fixed = {"date": _DATE_BYTES, "time": _TIME_BYTES, "clock": _TIME_BYTES}.get(point.kind)
    return fixed or _BINARY.get(point.type) or point.size or 1


def sample(point: Point, raw: bytes) -> Sample:
    """The sample in these bytes, exactly as many as the point needs."""
    return _READERS[point.type](point, raw)


def _bcd(point: Point, raw: bytes) -> Sample:
    negative = point.kind == "signed" and raw[-1] & _SIGN and raw.strip(b"\xff")
    digits = raw[:-1] + bytes([raw[-1] & ~_SIGN]) if negative else raw
    count = decimal_values.decode_bcd(digits)
    if count is None:
        return decimal_values.faulty_sample(point, raw)
    modulus = None if point.kind == "signed" else 100 ** len(raw)
    return decimal_values.number_sample(point, -count if negative else count, raw, modulus)


def _binary(point: Point, raw: bytes) -> Sample:
    return decimal_values.number_sample(point, int.from_bytes(raw, "little"), raw, 256 ** len(raw))


def _bits(point: Point, raw: bytes) -> Sample:
    mask = (1 << (point.size or 1)) - 1
    return decimal_values.number_sample(
        point, int.from_bytes(raw, "little") >> (point.bit or 0) & mask, raw
    )


def _bool(point: Point, raw: bytes) -> Sample:
    on = bool(int.from_bytes(raw, "little") >> (point.bit or 0) & 1)
    opened = point.kind == "relay"  # the bit means an open relay, the value a closed one
    return Sample(point, on != opened)


def _string(point: Point, raw: bytes) -> Sample:
    if point.kind:
        digits = raw[::-1].hex()
        shown = _WRITTEN.get(point.kind, str)(digits) if digits.isdecimal() else None
        return decimal_values.faulty_sample(point, raw) if shown is None else Sample(point, shown)
    characters = raw[::-1].strip(b"\0 \xff")
    if not characters.isascii():
        return decimal_values.faulty_sample(point, raw)
    return Sample(point, characters.decode())


def _date(digits: str) -> str | None:
    shown = decimal_values.parse_timestamp(f"20{digits[0:6]}000000")
    return None if shown is None else shown.partition(" ")[0]


def _time(digits: str) -> str | None:
    shown = decimal_values.parse_timestamp(f"20000101{digits[0:6]}")
    return None if shown is None else shown.partition(" ")[2]


_WRITTEN: dict[str, Callable[[str], str | None]] = {"date": _date, "time": _time, "clock": _time}
_READERS: dict[str, Callable[[Point, bytes], Sample]] = {
    "bcd": _bcd,
    "bool": _bool,
    "bits": _bits,
    "string": _string,
    **dict.fromkeys(_BINARY, _binary),
}


def encode(point: Point, value: Value) -> bytes:
    """The bytes that make the meter store `value`; NotWritable if there are none."""
    if (
        point.type in {"bcd", *_BINARY}
        and isinstance(value, int | float)
        and _allowed(point, value)
    ):
        count = round((value - point.offset) / point.scale)
        try:
            if point.type == "bcd":
                return decimal_values.encode_bcd(count, width(point))
            return count.to_bytes(width(point), "little")
        except (ValueError, OverflowError) as error:
            raise _bad(point, value) from error
    raise _bad(point, value)


def encode_timestamp(point: Point, value: Value) -> bytes:
    """Second, minute, hour, day, month and year of `2026-11-23 20:58:30`."""
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise _bad(point, value)
    return bytes(int(part, 16) for part in reversed(found.groups()))


def _allowed(point: Point, value: float) -> bool:
    low = None if point.writable is None else point.writable.min
    high = None if point.writable is None else point.writable.max
    return (low is None or value >= low) and (high is None or value <= high)


def _bad(point: Point, value: Value) -> NotWritable:
    return NotWritable("dlt645.bad-value", point=point.id, value=value)
