"""Session announcements (RFC 2974): receivers that browse see a group while it plays. Pure."""

import ipaddress
import zlib

PORT = 9875
# Every 5 s while it plays: more often than the RFC asks of the internet, because sessions are
# short.
AGAIN_FRAMES = 250

_VERSION_1 = 0x20
_DELETE = 0x04
_SCOPE = ipaddress.IPv4Network("239.255.0.0/16")


def announcement_address(address: str) -> str:
    """The address on which sessions of that address are announced, by its scope (section 3)."""
    return "239.255.255.255" if ipaddress.IPv4Address(address) in _SCOPE else "224.2.127.254"


def build_announcement(description: str, origin: str, *, over: bool = False) -> bytes:
    """Build the packet; `over` withdraws the session."""
    text = description.encode()
    head = bytes([_VERSION_1 | (_DELETE if over else 0), 0])
    mark = (zlib.crc32(text) & 0xFFFF).to_bytes(2, "big")
    return head + mark + ipaddress.IPv4Address(origin).packed + b"application/sdp\0" + text
