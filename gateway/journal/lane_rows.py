"""Rows of a lane: their forms, their checksum, and the packing of readings. Pure."""

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

ONE = 0
PACK = 1
GAP = 2
FORMS = (ONE, PACK, GAP)

# Approximate size of a row without its body.
ROW_BYTES = 24

_HEAD = struct.Struct("<8sBBqqq")
_SIGN = 1 << 31
_LEVEL = 1
_PACK_BYTES_MAX = 8 * 1024 * 1024
_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(list[bytes])


class LaneRow(NamedTuple):
    """One row: the numbers `first` to `seq`, in one of three forms."""

    seq: int
    span: int
    form: int
    total: int
    crc: int
    body: bytes

    @property
    def first(self) -> int:
        """The first number that the row covers."""
        return self.seq - self.span + 1

    def holds(self, epoch: str, lane: int) -> bool:
        """Whether the row is intact and belongs to this lane of this epoch."""
        return self.crc == row_checksum(epoch, lane, self)


def row_checksum(epoch: str, lane: int, row: LaneRow) -> int:
    """CRC-32 over the content of the row and its place; fits in four bytes of SQLite."""
    head = _HEAD.pack(bytes.fromhex(epoch), lane, row.form, row.seq, row.span, row.total)
    return zlib.crc32(row.body, zlib.crc32(head)) - _SIGN


def with_checksum(epoch: str, lane: int, row: LaneRow) -> LaneRow:
    return row._replace(crc=row_checksum(epoch, lane, row))


def state_checksum(epoch: str, room: str, key: str, change: int, body: bytes) -> int:
    """CRC-32 of one state."""
    name = f"{epoch}\0{room}\0{key}\0{change}".encode()
    return zlib.crc32(body, zlib.crc32(name)) - _SIGN


def pack_bodies(bodies: Sequence[bytes]) -> bytes:
    """Pack many bodies into one."""
    return zlib.compress(_encode(bodies), _LEVEL)


def unpack_bodies(packed: bytes) -> list[bytes]:
    """The packed bodies; ValueError if these are not packed bodies."""
    inflate = zlib.decompressobj()
    try:
        return _decoder.decode(inflate.decompress(packed, _PACK_BYTES_MAX))
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(*error.args) from error
