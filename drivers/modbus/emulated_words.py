"""Encodes a value as the registers of a device: the device's side of every type.

Written from the Modbus application notes, independently of our decoder, so that tests find where
the two disagree.
"""

import struct

from drivers.contract import Point, Value

_FORMATS = {
    "u8": ">xB", "i8": ">xb", "u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i",
    "u64": ">Q", "i64": ">q", "f32": ">f", "f64": ">d",
}  # fmt: skip
_FLOATS = frozenset({"f32", "f64"})
_DIGITS_PER_WORD = 4
_WORDS_OF_BCD = 2


def encode_words(point: Point, value: Value) -> list[int]:
    """The registers of `point` when it shows `value`; ValueError if that is impossible.

    A `bits` or `bool` point in a register gives the whole register with only its own bits set.
    """
    if value is None:
        raise ValueError(point.id)
    if point.type == "string":
        return _of_bytes(str(value).encode("ascii").ljust(2 * (point.size or 1), b"\0"))
    if point.type in {"bits", "bool"}:
        return [int(value) << (point.bit or 0)]
    count = raw_count(point, float(value))
    if point.type == "bcd":
        digits = _DIGITS_PER_WORD * (point.size or _WORDS_OF_BCD)
        return _arranged(bytes.fromhex(f"{int(count):0{digits}d}"), point.order)
    try:
        return _arranged(struct.pack(_FORMATS[point.type], count), point.order)
    except struct.error as error:
        raise ValueError(point.id) from error


def raw_count(point: Point, value: float) -> float | int:
    """The device's count for a value, from `value = count * scale + offset`."""
    count = (value - point.offset) / point.scale
    return count if point.type in _FLOATS else round(count)


def _arranged(big_endian: bytes, order: str) -> list[int]:
    """Two registers ABCD in that order; four registers in the same way."""
    in_words = _of_bytes(big_endian)
    if order in {"CDAB", "DCBA"}:
        in_words.reverse()
    if order in {"BADC", "DCBA"}:
        in_words = [(word >> 8) | (word & 0xFF) << 8 for word in in_words]
    return in_words


def _of_bytes(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 2}H", data))
