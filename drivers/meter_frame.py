"""What the frames of Chinese meters (DL/T 645, CJ/T 188) have in common. Pure.

    FE×0–4 | 68 | … | DATA | CS | 16

Wake-up bytes, start, end and checksum are the same; addresses travel lowest byte first, and `AA`
pairs at their left end are wildcards. CS is the sum of all bytes from the first 68 on.
"""

import re
from collections.abc import Callable

from drivers.frame_search import find_first_frame

START, END, WAKE = 0x68, 0x16, 0xFE
WAKE_BYTES_MAX = 4
# Bytes of noise kept before a reply.
NOISE_BYTES_MAX = 32

_WILDCARD = 0xAA
_DIGITS = re.compile(r"[0-9A-F]+")


def checksum(body: bytes) -> int:
    """The sum that ends a frame."""
    return sum(body) % 256


def address_bytes(address: str, digits: int) -> bytes:
    """The address as sent; ValueError unless it has that many digits (`0` to `F`)."""
    if len(address) != digits or not _DIGITS.fullmatch(address):
        raise ValueError(address)
    return bytes.fromhex(address)[::-1]


def is_address(address: str, digits: int) -> bool:
    """True for that many decimal digits; wildcards `A` at the left end are allowed."""
    tail = address.lstrip("A")
    return len(address) == digits and (tail.isdecimal() or not tail)


def narrower_addresses(address: str) -> tuple[str, ...]:
    """The hundred addresses with two more known digits, from the right; none for a full one."""
    digits, known = len(address), address.lstrip("A")
    if len(known) == digits:
        return ()
    return tuple(f"{pair:02d}{known}".rjust(digits, "A") for pair in range(100))


def matches(asked: bytes, heard: bytes) -> bool:
    """True if `heard`, as far as it goes, matches `asked` with its wildcards."""
    pairs = zip(asked, heard, strict=False)
    return all(ours in (theirs, _WILDCARD) for ours, theirs in pairs)


def seal(body: bytes, wake: int) -> bytes:
    """The frame as sent: `wake` wake-up bytes, `body` from its 68 on, checksum, end."""
    return bytes([WAKE] * wake) + body + bytes([checksum(body), END])


def sealed_size(raw: bytes, size: int) -> int:
    """`size`, the claimed length of the frame at the front; 0 if checksum or end are wrong."""
    if size <= len(raw) and (raw[size - 2] != checksum(raw[: size - 2]) or raw[size - 1] != END):
        return 0
    return size


def find_frame(
    heard: bytes, size_of: Callable[[bytes], int], *, final: bool
) -> tuple[int, int] | None:
    """Where the first frame is in the received bytes, without its wake-up bytes.

    `size_of` and `final` as in `drivers.frame_search.find_first_frame`.
    """
    return find_first_frame(heard, START, size_of, final=final)
