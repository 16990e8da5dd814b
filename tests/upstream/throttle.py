"""A slow wire between a station and a platform, for real sockets.

Whoever has begun has the wire as long as there is something to send, as behind a modem's queue.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

PACKET_BYTES = 512
GOES_ON_S = 0.05
BUFFER_BYTES = 4096  # of the kernel: what lies there has left the station, but not the wire


class Throttle:
    """Forwards to `url`: `bps` bytes a second up, for all connections together."""

    def __init__(self, url: str, bps: float) -> None:
        self.bps = bps
        self.connections = 0
        self._platform = urlsplit(url)
        self._wire = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Its own address."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        listening.bind(("127.0.0.1", 0))
        server = await asyncio.start_server(self._forward, sock=listening, limit=PACKET_BYTES)
        async with server:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"

    async def _forward(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.connections += 1
        assert self._platform.hostname is not None
        far, on = await asyncio.open_connection(self._platform.hostname, self._platform.port)
        try:
            with contextlib.suppress(ConnectionError):
                async with asyncio.TaskGroup() as ways:
                    ways.create_task(self._carry(near, on, slow=True))
                    ways.create_task(self._carry(far, back, slow=False))
        except* ConnectionError:
            pass
        finally:
            on.transport.abort()
            back.transport.abort()

    async def _pass(self, packet: bytes, go: asyncio.StreamWriter) -> None:
        go.write(packet)
        await go.drain()

    async def _carry(
        self, come: asyncio.StreamReader, go: asyncio.StreamWriter, *, slow: bool
    ) -> None:
        while packet := await come.read(PACKET_BYTES):
            if not slow:
                await self._pass(packet, go)
                continue
            async with self._wire:
                while packet:
                    await asyncio.sleep(len(packet) / self.bps)
                    await self._pass(packet, go)
                    packet = b""
                    with contextlib.suppress(TimeoutError):
                        packet = await asyncio.wait_for(come.read(PACKET_BYTES), GOES_ON_S)
        raise ConnectionResetError("closed")
