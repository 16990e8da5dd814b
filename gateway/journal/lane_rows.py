"""What a row of a lane is, its checksum, and how a commit's readings are packed. Pure."""

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

ONE = 0
PACK = 1
GAP = 2
FORMS = (ONE, PACK, GAP)

# What a row takes beside its body, about.
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
        """Whether this is what was written, in this lane of this epoch."""
        return self.crc == row_checksum(epoch, lane, self)


def row_checksum(epoch: str, lane: int, row: LaneRow) -> int:
    """CRC-32 over everything that the row says and where it says it; fits SQLite's four bytes."""
    head = _HEAD.pack(bytes.fromhex(epoch), lane, row.form, row.seq, row.span, row.total)
    return zlib.crc32(row.body, zlib.crc32(head)) - _SIGN


def with_checksum(epoch: str, lane: int, row: LaneRow) -> LaneRow:
    """The row with its checksum."""
    return row._replace(crc=row_checksum(epoch, lane, row))


def state_checksum(epoch: str, room: str, key: str, change: int, body: bytes) -> int:
    """CRC-32 of one state."""
    name = f"{epoch}\0{room}\0{key}\0{change}".encode()
    return zlib.crc32(body, zlib.crc32(name)) - _SIGN


def pack_bodies(bodies: Sequence[bytes]) -> bytes:
    """Many bodies in one."""
    return zlib.compress(_encode(bodies), _LEVEL)


def unpack_bodies(packed: bytes) -> list[bytes]:
    """The bodies again; ValueError if these are not packed bodies."""
    inflate = zlib.decompressobj()
    try:
        return _decoder.decode(inflate.decompress(packed, _PACK_BYTES_MAX))
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(*error.args) from error
