"""Admits connections before a byte of HTTP is read.

A connection over the limit is told so and closed; a peer of the control socket must be root or the
station's own user, according to the kernel (SO_PEERCRED).
"""

import asyncio
import enum
import os
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web

# Connections held by the kernel until they are accepted.
BACKLOG = 64

# A peer that acknowledges nothing for this long is gone (also one that keeps its window closed).
USER_TIMEOUT_MS = 20_000


class ConnectionOrigin(enum.Enum):
    """The listener that a connection came through; each has its own limit of connections."""

    CONTROL = "control"
    HERE = "here"
    LAN = "lan"


def connection_origin(transport: asyncio.BaseTransport | None) -> ConnectionOrigin | None:
    """The listener of that connection; None for one that is closed."""
    if transport is None or (line := transport.get_extra_info("socket")) is None:
        return None
    if line.family == socket.AF_UNIX:
        return ConnectionOrigin.CONTROL
    return (
        ConnectionOrigin.LAN
        if transport.get_extra_info("ssl_object") is not None
        else ConnectionOrigin.HERE
    )


_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
_NOT_YOU = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class SocketPeer(NamedTuple):
    """The process at the other end of a unix socket, according to the kernel."""

    pid: int
    uid: int
    gid: int


def socket_peer(line: socket.socket) -> SocketPeer:
    packed = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return SocketPeer(*struct.unpack("3i", packed))


def may_control(peer: SocketPeer, own_uid: int) -> bool:
    """Whether it is root or the station's own user."""
    return peer.uid in {0, own_uid}


class ConnectionAdmission(asyncio.Protocol):
    """Holds a connection until it is admitted, then hands it to aiohttp's own protocol."""

    def __init__(self, server: web.Server, connections_max: int) -> None:
        self._server = server
        self._max = connections_max

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit or refuse."""
        assert isinstance(transport, asyncio.Transport)
        refusal = self._refusal(transport)
        if refusal is not None:
            transport.write(refusal)
            transport.close()
            return
        inner = self._server()
        transport.set_protocol(inner)
        inner.connection_made(transport)

    def _refusal(self, transport: asyncio.Transport) -> bytes | None:
        line = transport.get_extra_info("socket")
        if line.family == socket.AF_UNIX and not may_control(socket_peer(line), os.getuid()):
            return _NOT_YOU
        here = connection_origin(transport)
        held = sum(connection_origin(each.transport) is here for each in self._server.connections)
        return _FULL if held >= self._max else None


def admission_factory(
    server: web.Server, connections_max: int
) -> Callable[[], ConnectionAdmission]:
    """A protocol factory for asyncio's servers."""
    return lambda: ConnectionAdmission(server, connections_max)
