"""Session announcements (RFC 2974): receivers that browse see a group while it sounds. Pure."""

import ipaddress
import zlib

PORT = 9875
# Every 5 s while it sounds: more often than the RFC asks of the internet, for sessions are short.
AGAIN_FRAMES = 250

_VERSION_1 = 0x20
_DELETE = 0x04
_SCOPE = ipaddress.IPv4Network("239.255.0.0/16")


def announcement_address(address: str) -> str:
    """Where sessions of that address are announced: each scope has its own place (section 3)."""
    return "239.255.255.255" if ipaddress.IPv4Address(address) in _SCOPE else "224.2.127.254"


def build_announcement(description: str, origin: str, *, over: bool = False) -> bytes:
    """The packet; `over` takes the session back."""
    text = description.encode()
    head = bytes([_VERSION_1 | (_DELETE if over else 0), 0])
    mark = (zlib.crc32(text) & 0xFFFF).to_bytes(2, "big")
    return head + mark + ipaddress.IPv4Address(origin).packed + b"application/sdp\0" + text
