"""Asks chronyd how right the system clock is, by its own protocol on this machine (UDP 323).

Under the unit's sandbox this is the only way: `adjtimex` is forbidden, and chrony's files are for
root. Any local process may ask; the port is one that only root can bind.
"""

import socket
import struct
from typing import NamedTuple

from gateway import entropy

ADDRESS = ("127.0.0.1", 323)
# It answers in well under a millisecond; a late answer is asked for again.
ANSWER_S = 0.02

_VERSION, _REQUEST, _REPLY, _TRACKING, _TRACKED = 6, 1, 2, 33, 5
_ASK = struct.Struct("!BBxxHHI8x")
_HEAD = struct.Struct("!BBxxHHH6xI8x")
_BODY = struct.Struct("!I20xHHIII9I")
_SIZE = _HEAD.size + _BODY.size
_UNSYNCHRONISED = 3
# The reference id of a chronyd that follows nothing but its own crystal.
_LOCAL = 0x7F7F0101


class ChronyTracking(NamedTuple):
    """chronyd's report: the system clock is `ahead_s` ahead of NTP (negative: behind).

    `ref_s` is the last update from a server, UTC in seconds.
    """

    ahead_s: float
    error_s: float
    ref_s: float


def encode_request(sequence: int) -> bytes:
    """The `tracking` request, as long as its reply, as the protocol requires."""
    head = _ASK.pack(_VERSION, _REQUEST, _TRACKING, 0, sequence)
    return head.ljust(_SIZE, b"\0")


def decode_reply(packet: bytes, sequence: int) -> ChronyTracking | None:
    """The decoded reply; None if it is invalid, or if chronyd follows no server."""
    if len(packet) < _SIZE:
        return None
    version, kind, command, reply, status, echoed = _HEAD.unpack_from(packet)
    if (version, kind, command, reply) != (_VERSION, _REPLY, _TRACKING, _TRACKED):
        return None
    reference, _, leap, high, low, nano, *floats = _BODY.unpack_from(packet, _HEAD.size)
    if status or echoed != sequence or leap == _UNSYNCHRONISED or reference in (0, _LOCAL):
        return None
    behind_s, _, _, _, _, _, delay_s, dispersion_s, _ = map(_float, floats)
    seconds = low if high == 0x7FFFFFFF else (high << 32) + low  # noqa: PLR2004  # "no high part"
    return ChronyTracking(
        -behind_s, abs(behind_s) + dispersion_s + delay_s / 2, seconds + nano / 1e9
    )


def query_chronyd(address: tuple[str, int] = ADDRESS) -> ChronyTracking | None:
    """Chronyd's report on this machine; None if none runs, or it follows no server."""
    sequence = int.from_bytes(entropy.token_bytes(4))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(ANSWER_S)
        try:
            asker.connect(address)  # datagrams from others are dropped
            asker.send(encode_request(sequence))
            return decode_reply(asker.recv(2 * _SIZE), sequence)
        except OSError:
            return None


def _float(packed: int) -> float:
    """Chrony's own format: 7 bits of exponent, 25 of coefficient, both signed."""
    exponent, coefficient = packed >> 25, packed & 0x1FFFFFF
    if exponent >= 1 << 6:
        exponent -= 1 << 7
    if coefficient >= 1 << 24:
        coefficient -= 1 << 25
    return float(coefficient) * 2.0 ** (exponent - 25)
