"""DL/T 645-2007 frames: bytes in, frozen values out. Pure.

    FE×0–4 | 68 | A0…A5 | 68 | C | L | DATA + 0x33 each | CS | 16

The address is sent lowest byte first; here it is the twelve digits printed on the meter. `AA` pairs
at its left end are wildcards; `999999999999` addresses all meters, and none answers. CS is the sum
of all bytes from the first 68 on.
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

ADDRESS_DIGITS = 12
# The standard's limit for a read; replies that claim more are noise.
DATA_BYTES_MAX = 200

ANYBODY = "A" * ADDRESS_DIGITS
EVERYBODY = "9" * ADDRESS_DIGITS

OVERHEAD = 12
_HEAD = 10
_OFFSET = 0x33
_SHIFTED = bytes((byte + _OFFSET) % 256 for byte in range(256))
_UNSHIFTED = bytes((byte - _OFFSET) % 256 for byte in range(256))


class Dlt645Control(enum.IntEnum):
    """The requests of a master (D4–D0 of the control code)."""

    BROADCAST_TIME = 0x08
    READ = 0x11
    READ_MORE = 0x12
    READ_ADDRESS = 0x13
    WRITE = 0x14
    SWITCH = 0x1C


ANSWER = 0x80
MORE = 0x20
DENIED = 0x40


class Dlt645Frame(msgspec.Struct, frozen=True):
    """One frame, its data without the offset of 0x33."""

    address: str
    control: int
    data: bytes = b""

    @property
    def is_denied(self) -> bool:
        """The meter refuses; `data` begins with the error word."""
        return bool(self.control & DENIED)

    @property
    def more_follows(self) -> bool:
        """The meter has more data than it could send."""
        return bool(self.control & MORE)


# Bits 0 to 6 of the error word, by name.
ERRORS = (
    "other",
    "no-such-item",
    "not-authorised",
    "baud-fixed",
    "too-many-zones",
    "too-many-periods",
    "too-many-tariffs",
)


def errors(word: int) -> tuple[str, ...]:
    """The reasons in an error word; bits that the standard does not define are ignored."""
    return tuple(name for bit, name in enumerate(ERRORS) if word >> bit & 1)


def encode(frame: Dlt645Frame, wake: int = WAKE_BYTES_MAX) -> bytes:
    """The frame as sent, after `wake` wake-up bytes."""
    address = address_bytes(frame.address, ADDRESS_DIGITS)
    head = bytes([START, *address, START, frame.control, len(frame.data)])
    return seal(head + frame.data.translate(_SHIFTED), wake)


def decode(raw: bytes) -> Dlt645Frame | None:
    """Decode the frame from its first 68 to its 16; None if it is not one."""
    size = _size(raw)
    if size != len(raw) or size == 0:
        return None
    return Dlt645Frame(
        address=raw[1:7][::-1].hex().upper(),
        control=raw[8],
        data=raw[_HEAD:-2].translate(_UNSHIFTED),
    )


def _size(raw: bytes) -> int:
    """Length of the frame at the front: 0 for none, more than there is if unfinished."""
    if raw[:1] != bytes([START]) or raw[7:8] not in (b"", bytes([START])):
        return 0
    if len(raw) < _HEAD:
        return _HEAD + 1
    return sealed_size(raw, OVERHEAD + raw[9])


class Dlt645Expect(msgspec.Struct, frozen=True):
    """How the reply to one request is recognised: its meter, control code and item.

    `item` is the beginning of the data of a good reply (the data identifier, lowest byte first).
    """

    address: str
    asked: int
    item: bytes = b""
    refusals: bool = True

    @property
    def kin(self) -> tuple[str, int]:
        """The meter and the control code."""
        return self.address, self.asked

    def any_of_kin(self) -> "Dlt645Expect":
        """Replies about any item."""
        return Dlt645Expect(self.address, self.asked)

    def good_only(self) -> "Dlt645Expect":
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
        if not matches(address_bytes(self.address, ADDRESS_DIGITS), raw[1:7]):
            return False
        control, length = raw[8:9], raw[9:10]
        if length and length[0] > DATA_BYTES_MAX:
            return False
        if control and control[0] == self.asked | ANSWER | DENIED:
            return self.refusals
        about = raw[_HEAD : _HEAD + len(self.item)].translate(_UNSHIFTED)
        return self.item.startswith(about) and (
            not control or control[0] & ~MORE == self.asked | ANSWER
        )
