"""UDP sockets for speakers: non-blocking, marked as voice, on even ports."""

import socket

from broadcast.speakers.rtp import DSCP_EF
from gateway.errors import Unavailable

_TRIES = 50


def voice_socket(interface: str = "") -> socket.socket:
    """A socket to send voice from."""
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.setblocking(False)
    link.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, DSCP_EF)
    if interface:
        link.bind((interface, 0))
    return link


def even_socket(interface: str) -> socket.socket:
    """A socket on an even port: RTCP has the odd one after it."""
    for _ in range(_TRIES):
        link = voice_socket(interface)
        if link.getsockname()[1] % 2 == 0:
            return link
        link.close()
    raise Unavailable("speaker.no-port")


def own_address(to: tuple[str, int]) -> str:
    """This machine's address on the way to that host; OSError if there is no route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(to)
        address: str = probe.getsockname()[0]
        return address


def host_and_port(text: str, default: int = 5060) -> tuple[str, int]:
    """Parse `host:port` or `host`."""
    host, colon, port = text.rpartition(":")
    return (host.strip("[]"), int(port)) if colon else (text, default)
