"""Listens for desk computers: connections are admitted before TLS costs anything.

A TLS connection takes about 100 kB from its first byte, and a handshake takes milliseconds of the
one core that also serves the fire panel. So a connection is admitted when it is accepted: by its
origin, by how many its address has, and by how many handshakes are under way. Others are closed at
once, at the cost of a descriptor for an instant.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections import Counter
from collections.abc import Collection

import msgspec
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.access.throttle import address_block
from gateway.web.connection_admission import ConnectionOrigin, connection_origin

log = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# asyncio reserves 256 kB for reading each TLS connection; a form fits into this.
SSLProtocol.max_size = 32 * 1024

# This machine needs no limit: whoever can run programs here is past it anyway.
OWN = frozenset({"127.0.0.1", "::1"})

# Pause after a failed accept (no descriptor left).
ACCEPT_AGAIN_S = 0.5


class LanLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many connections desk computers may have, in total and per address."""

    connections_max: int = 48
    peer_max: int = 16
    handshakes_max: int = 12
    peer_handshakes_max: int = 3
    handshake_within_s: float = 5.0


class LanListener:
    """One listening socket for TLS."""

    def __init__(
        self,
        server: web.Server,
        context: ssl.SSLContext,
        line: socket.socket,
        *,
        bounds: LanLimits,
        networks: Collection[Network] = (),
        known: set[RequestHandler],
    ) -> None:
        """`networks` are admitted beside private ones; `known` are connections with a session."""
        line.setblocking(False)
        self._server, self._context, self._line = server, context, line
        self._bounds, self._networks, self._known = bounds, networks, known
        self._entering: dict[asyncio.Task[None], str] = {}
        self._accepting = asyncio.create_task(self._accept(), name="desk computers")

    async def close(self) -> None:
        """Admit nobody any more; open connections stay."""
        tasks = [self._accepting, *self._entering]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._line.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                line, address = await loop.sock_accept(self._line)
            except OSError as error:
                log.error("no connection is accepted: %s", error)  # noqa: TRY400  # said whole
                await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            host = str(address[0])
            peer = address_block(host)
            if not (is_near_address(host, self._networks) and self._has_room(peer)):
                line.close()
                continue
            entering = asyncio.create_task(self._enter(line))
            self._entering[entering] = peer
            entering.add_done_callback(self._entered)

    async def _enter(self, line: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError, ssl.SSLError):  # the peer's mistake, and its loss
            await loop.connect_accepted_socket(
                self._server,
                line,
                ssl=self._context,
                ssl_handshake_timeout=self._bounds.handshake_within_s,
            )

    def _entered(self, task: asyncio.Task[None]) -> None:
        self._entering.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("a connection came to nothing: %s", error)

    def _has_room(self, peer: str) -> bool:
        """Whether that peer may open another; an address that has more than others gives way."""
        self._known.intersection_update(self._server.connections)
        trying = Counter(self._entering.values())
        own = peer in OWN
        if not own and (
            trying.total() >= self._bounds.handshakes_max
            or trying[peer] >= self._bounds.peer_handshakes_max
        ):
            return False
        lines = [(each, _peer(each)) for each in self._server.connections
                 if connection_origin(each.transport) is ConnectionOrigin.LAN]  # fmt: skip
        held = Counter(found for _, found in lines)
        if held[peer] >= self._bounds.peer_max and not own:
            return self._evict(lines, peer)
        if len(lines) + trying.total() < self._bounds.connections_max:
            return True
        strangers = Counter(found for each, found in lines if each not in self._known)
        most = max(strangers, key=strangers.__getitem__, default=peer)
        return strangers[most] > held[peer] and self._evict(lines, most)

    def _evict(self, lines: list[tuple[RequestHandler, str]], peer: str) -> bool:
        """Close the oldest connection of that peer without a session."""
        for each, found in lines:
            if found == peer and each not in self._known and each.transport is not None:
                each.transport.abort()
                return True
        return False


def is_near_address(host: str, networks: Collection[Network]) -> bool:
    """Whether a desk computer may have that address: in a private network, or one of those."""
    ip = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_private or ip.is_link_local or any(ip in net for net in networks)


def _peer(connection: RequestHandler) -> str:
    name = connection.transport and connection.transport.get_extra_info("peername")
    return address_block(str(name[0])) if name else "?"
