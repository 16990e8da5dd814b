"""CJ/T 188 frames: bytes in, frozen values out. Pure.

    FE×2–4 | 68 | T | A0…A6 | C | L | DATA | CS | 16

T is the kind of meter. The address is sent lowest byte first; here it is fourteen digits, the
maker's four before the meter's ten. CS is the sum of all bytes from the 68 on. Good replies repeat
the data identifier and the sequence number of the request.
"""

import enum

import msgspec

from drivers.meter_frame import (
    NOISE_BYTES_MAX,
    START,
    WAKE_BYTES_MAX,
    address_bytes,
    find_frame,
    matches,
    seal,
    sealed_size,
)

ADDRESS_DIGITS = 14
# The standard's limit for a read (64H); replies that claim more are noise.
DATA_BYTES_MAX = 100

ANYBODY = "A" * ADDRESS_DIGITS
ANY_METER = 0xAA

OVERHEAD = 13
# Data identifier and sequence number, before the data of a request or a good reply.
HEAD_BYTES = 3

_HEAD = 11


class Cjt188Control(enum.IntEnum):
    """The requests of a master; makers add their own from 20H on."""

    READ = 0x01
    READ_ADDRESS = 0x03
    WRITE = 0x04


ANSWER = 0x80
DENIED = 0x40


class Cjt188Frame(msgspec.Struct, frozen=True):
    meter: int
    address: str
    control: int
    data: bytes = b""

    @property
    def is_denied(self) -> bool:
        """The meter says no; `data` are the sequence number and the status word."""
        return bool(self.control & DENIED)


def encode(frame: Cjt188Frame, wake: int = WAKE_BYTES_MAX) -> bytes:
    """The frame as sent, after `wake` wake-up bytes."""
    address = address_bytes(frame.address, ADDRESS_DIGITS)
    head = bytes([START, frame.meter, *address, frame.control, len(frame.data)])
    return seal(head + frame.data, wake)


def decode(raw: bytes) -> Cjt188Frame | None:
    """Decode the frame from its 68 to its 16; None if it is not one."""
    if not raw or _size(raw) != len(raw):
        return None
    return Cjt188Frame(
        meter=raw[1],
        address=raw[2:9][::-1].hex().upper(),
        control=raw[9],
        data=raw[_HEAD:-2],
    )


def _size(raw: bytes) -> int:
    """Length of the frame at the front: 0 for none, more than there is if unfinished."""
    if raw[:1] != bytes([START]):
        return 0
    if len(raw) < _HEAD:
        return _HEAD + 1
    return sealed_size(raw, OVERHEAD + raw[10])


class Cjt188Expect(msgspec.Struct, frozen=True):
    """How the reply to one request is recognised: its meter, control code and item.

    `item` is the data identifier as the request carries it. Some makers answer with its two bytes
    swapped, which means the same.
    """

    meter: int
    address: str
    asked: int
    item: bytes
    refusals: bool = True

    @property
    def kin(self) -> tuple[int, str, int]:
        """The meter and the control code."""
        return self.meter, self.address, self.asked

    def any_of_kin(self) -> "Cjt188Expect":
        """Replies about any item."""
        return msgspec.structs.replace(self, item=b"", refusals=True)

    def good_only(self) -> "Cjt188Expect":
        """The same without error replies."""
        return msgspec.structs.replace(self, refusals=False)

    @property
    def limit(self) -> int:
        return NOISE_BYTES_MAX + WAKE_BYTES_MAX + OVERHEAD + DATA_BYTES_MAX

    def find(self, heard: bytes, *, final: bool) -> tuple[int, int] | None:
        """Where the reply is in the received bytes, without its wake-up bytes."""
        return find_frame(heard, self._size, final=final)

    def _size(self, raw: bytes) -> int:
        return _size(raw) if self._begins(raw) else 0

    def _begins(self, raw: bytes) -> bool:
        """Whether `raw`, finished or not, can be the reply or its beginning."""
        asked = bytes([self.meter]) + address_bytes(self.address, ADDRESS_DIGITS)
        if not matches(asked, raw[1:9]):
            return False
        control, length = raw[9:10], raw[10:11]
        if length and length[0] > DATA_BYTES_MAX:
            return False
        if control and control[0] == self.asked | ANSWER | DENIED:
            return self.refusals
        about = raw[_HEAD : _HEAD + len(self.item)]
        return (self.item.startswith(about) or self.item[::-1].startswith(about)) and (
            not control or control[0] == self.asked | ANSWER
        )
