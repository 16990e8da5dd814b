"""Conversion of decimal digits to values, for the families that count in them. Pure."""

import datetime

from drivers.contract import Point, Quality, Sample

YEAR_MIN, YEAR_MAX = 2000, 2099
_MOMENT_DIGITS = 14


def parse_timestamp(digits: str) -> str | None:
    """14 digits as `2015-05-11 22:01:31`; None if that is no instant of this century."""
    if len(digits) != _MOMENT_DIGITS or not digits.isdecimal():
        return None
    parts = int(digits[0:4]), *(int(digits[at : at + 2]) for at in range(4, _MOMENT_DIGITS, 2))
    try:
        shown = datetime.datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001  # the meter's own
    except ValueError:
        return None
    return str(shown) if YEAR_MIN <= shown.year <= YEAR_MAX else None


def decode_bcd(data: bytes) -> int | None:
    """The number in packed BCD, lowest byte first; None if a digit is above 9."""
    digits = data[::-1].hex()
    return int(digits) if digits.isdecimal() else None


def encode_bcd(count: int, size: int) -> bytes:
    """The number as packed BCD, lowest byte first; ValueError if it does not fit."""
    digits = f"{count:0{2 * size}d}"
    if len(digits) != 2 * size or not digits.isdecimal():
        raise ValueError(count)
    return bytes.fromhex(digits)[::-1]


def scale_count(point: Point, count: float, per_unit: int = 1) -> int | float:
    """The count in the point's unit, rounded to its decimals; an int if there are none.

    `per_unit` is the number of counted units in one unit that `scale` refers to.
    """
    value = count / per_unit * point.scale if per_unit > 1 else count * point.scale
    value += point.offset
    return round(value, point.decimals) if point.decimals else round(value)


def number_sample(
    point: Point, count: float, raw: bytes, modulus: int | None = None, per_unit: int = 1
) -> Sample:
    """The sample of a number: scaled, and checked against the point's range."""
    value = scale_count(point, count, per_unit)
    low, high = point.min, point.max
    if (low is not None and value < low) or (high is not None and value > high):
        return Sample(point, value, Quality.OUT_OF_RANGE, count, modulus, raw)
    return Sample(point, value, Quality.GOOD, count, modulus)


def faulty_sample(point: Point, raw: bytes) -> Sample:
    """The device answered, but without a usable value."""
    return Sample(point, None, Quality.SENSOR_FAULT, raw=raw)
