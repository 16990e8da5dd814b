"""Registers and values: every type and byte order, both ways. Pure.

`ABCD` is the order of the Modbus specification: the first register is the most significant one.
`CDAB` has the registers reversed, `BADC` the bytes within each register, `DCBA` both. Four
registers continue the pattern.
"""

import math
import struct
from collections.abc import Callable
from typing import TypeAlias

from drivers import decimal_values
from drivers.contract import NotWritable, Point, Quality, Sample, Value

# Registers of each type, unless the point has a `size` (`string` always has one).
REGISTERS = {
    "u16": 1, "i16": 1, "u32": 2, "i32": 2, "f32": 2, "u64": 4, "i64": 4, "f64": 4,
    "bool": 1, "bits": 1, "bcd": 2,
}  # fmt: skip

_FORMATS = {
    "u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q", "f32": "f", "f64": "d",
}  # fmt: skip
_FLOATS = frozenset({"f32", "f64"})
_REGISTER_BITS = 16

# Returns the sample of one point from the bytes of its registers.
Decoder: TypeAlias = Callable[[bytes], Sample]

# Returns the sample of one point from its unpacked number; None if it needs the decoder.
NumberDecoder: TypeAlias = Callable[[int | float], Sample | None]


def width(point: Point) -> int:
    """Number of registers of the point."""
    if point.type == "bits":
        last_bit = (point.bit or 0) + (point.size or 1)
        return -(-last_bit // _REGISTER_BITS)
    if point.type == "string":
        return point.size or 1
    if point.type == "bcd":
        return point.size or REGISTERS["bcd"]
    return REGISTERS[point.type]


def arrange(data: bytes, order: str) -> bytes:
    """The bytes, most significant first; calling it again restores them."""
    if order == "ABCD":
        return data
    if order == "DCBA":
        return data[::-1]
    pairs = [data[at : at + 2] for at in range(0, len(data), 2)]
    if order == "CDAB":
        return b"".join(reversed(pairs))
    return b"".join(pair[::-1] for pair in pairs)


def modulus(point: Point) -> int | None:
    """The count at which the point wraps to 0; None if it does not."""
    if point.type in {"u16", "u32", "u64"}:
        return 1 << (_REGISTER_BITS * REGISTERS[point.type])
    if point.type == "bcd":
        return int(10 ** (4 * width(point)))
    return None


def decoder(point: Point) -> Decoder:
    """The decoder for the bytes of this point's registers."""
    if point.type in _FORMATS:
        return _number(point)
    return {"bool": _bool, "bits": _bits, "bcd": _bcd, "string": _string}[point.type](point)


def _number(point: Point) -> Decoder:
    little = point.order == "DCBA"
    unpack = struct.Struct(("<" if little else ">") + _FORMATS[point.type]).unpack
    straight = little or point.order == "ABCD"
    wraps = modulus(point)

    def decode(data: bytes) -> Sample:
        (count,) = unpack(data if straight else arrange(data, point.order))
        if not math.isfinite(count):
            return decimal_values.faulty_sample(point, data)
        return decimal_values.number_sample(point, count, data, wraps)

    return decode


def struct_code(point: Point) -> str | None:
    """The `struct` code of the point; None if its bytes must be arranged first."""
    return _FORMATS.get(point.type) if point.order == "ABCD" else None


def number_decoder(point: Point) -> NumberDecoder:
    """`decoder` for a number that is unpacked already."""
    scale, offset, decimals, wraps = (
        point.scale,
        point.offset,
        point.decimals or None,
        modulus(point),
    )
    low = -math.inf if point.min is None else point.min
    high = math.inf if point.max is None else point.max
    floats = point.type in _FLOATS

    def decode(count: float) -> Sample | None:
        if floats and not math.isfinite(count):
            return None
        value = round(count * scale + offset, decimals)
        if value < low or value > high:
            return None
        return Sample(point, value, Quality.GOOD, count, wraps)

    return decode


def _bool(point: Point) -> Decoder:
    bit = point.bit or 0

    def decode(data: bytes) -> Sample:
        register = int.from_bytes(arrange(data, point.order))
        return Sample(point, bool(register >> bit & 1))

    return decode


def _bits(point: Point) -> Decoder:
    shift, mask = point.bit or 0, (1 << (point.size or 1)) - 1

    def decode(data: bytes) -> Sample:
        return decimal_values.number_sample(
            point, int.from_bytes(arrange(data, point.order)) >> shift & mask, data
        )

    return decode


def _bcd(point: Point) -> Decoder:
    wraps = modulus(point)

    def decode(data: bytes) -> Sample:
        digits = arrange(data, point.order).hex()
        if not digits.isdecimal():
            return decimal_values.faulty_sample(point, data)
        return decimal_values.number_sample(point, int(digits), data, wraps)

    return decode


def _string(point: Point) -> Decoder:
    def decode(data: bytes) -> Sample:
        text, _, _ = arrange(data, point.order).partition(b"\0")
        return Sample(point, text.decode("utf-8", "replace").strip())

    return decode


def encode(point: Point, value: Value) -> bytes:
    """The registers for this value; NotWritable if there are none."""
    if isinstance(value, str) or value is None or point.type in {"bits", "string"}:
        raise NotWritable("modbus.not-a-number", point=point.id, value=value)
    try:
        return arrange(_big_endian(point, value), point.order)
    except (struct.error, OverflowError, ValueError) as error:
        raise NotWritable("modbus.does-not-fit", point=point.id, value=value) from error


def _big_endian(point: Point, value: float) -> bytes:
    if point.type == "bool":
        return bool(value).to_bytes(2)
    exact = point.scale == 1 and point.offset == 0
    count = value if exact else (value - point.offset) / point.scale
    if point.type in {"f32", "f64"}:
        return struct.pack(">" + _FORMATS[point.type], count)
    whole = round(count)
    if point.type == "bcd":
        return bytes.fromhex(f"{whole:0{4 * width(point)}d}")
    return struct.pack(">" + _FORMATS[point.type], whole)
