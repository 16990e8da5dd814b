"""The TCP inlet: devices connect and send frames; each is answered before the next is read."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable

import msgspec

from drivers.inlets.contract import OnMessage
from drivers.inlets.options import TcpInletOptions, host_and_port
from drivers.inlets.rates import SourceRates
from drivers.inlets.sockets import listen
from drivers.message import DeviceMessage, TcpPort

_READ_BYTES = 4096


class TcpBounds(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one sender, and of all together.

    A frame must be complete within `frame_within_s` of its beginning. A connection is closed after
    `garbage_max` bytes without a frame.
    """

    connections_max: int = 32
    source_connections_max: int = 4
    per_s: float = 10.0
    burst: float = 40.0
    frame_within_s: float = 10.0
    write_within_s: float = 10.0
    garbage_max: int = 64 * 1024


DEFAULT_TCP_BOUNDS = TcpBounds()


class TcpInlet:
    """One listening address."""

    def __init__(
        self, options: TcpInletOptions, need: TcpPort, bounds: TcpBounds = DEFAULT_TCP_BOUNDS
    ) -> None:
        self._options = options
        self._need = need
        self._bounds = bounds
        self._rates = SourceRates(per_s=bounds.per_s, burst=bounds.burst)
        self._held: dict[asyncio.Task[None], str] = {}

    def __len__(self) -> int:
        """Number of connections."""
        return len(self._held)

    async def serve(self, on_message: OnMessage, on_open: Callable[[], None]) -> None:
        """Listen until cancelled; LineDown if that fails."""
        line = listen(*host_and_port(self._options.listen))

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            source = str((writer.get_extra_info("peername") or ("?",))[0])
            held = Counter(self._held.values())
            full = held.total() >= self._bounds.connections_max
            if full or held[source] >= self._bounds.source_connections_max:
                writer.transport.abort()
                return
            talk = self._talk(reader, writer, source, on_message)
            task = asyncio.get_running_loop().create_task(talk, name="inlet connection")
            self._held[task] = source
            task.add_done_callback(self._held.pop)

        limit = max(_READ_BYTES, self._need.frame_max)
        listener = await asyncio.start_server(connected, sock=line, limit=limit)
        on_open()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            listener.close()
            talking = list(self._held)
            for task in talking:
                task.cancel()
            await asyncio.gather(*talking, return_exceptions=True)

    async def _talk(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        source: str,
        on_message: OnMessage,
    ) -> None:
        """One connection, to its end."""
        try:
            with contextlib.suppress(OSError, TimeoutError):
                await self._frames(reader, writer, source, on_message)
        finally:
            writer.transport.abort()

    async def _frames(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        source: str,
        on_message: OnMessage,
    ) -> None:
        loop = asyncio.get_running_loop()
        heard, garbage, until_s = b"", 0, loop.time() + self._need.idle_s
        while garbage <= self._bounds.garbage_max:
            try:
                async with asyncio.timeout_at(until_s):
                    chunk = await reader.read(_READ_BYTES)
            except TimeoutError:
                chunk = b""
            await self._pay(source, len(chunk) / _READ_BYTES)
            was_empty, heard = not heard, heard + chunk
            while (frame := self._next(heard, ended=not chunk)) is not None:
                start, end = frame
                garbage, was_empty = 0, True
                body, heard = heard[start:end], heard[end:]
                await self._pay(source, 1.0)
                receipt = await on_message(DeviceMessage(body=body, source=source))
                if receipt.reply is not None:
                    writer.write(receipt.reply)
                    async with asyncio.timeout(self._bounds.write_within_s):
                        await writer.drain()
            if not chunk:
                return
            if (surplus := len(heard) - self._need.frame_max) > 0:
                garbage, heard = garbage + surplus, heard[surplus:]
            if not heard:
                until_s = loop.time() + self._need.idle_s
            elif was_empty:
                until_s = loop.time() + min(self._bounds.frame_within_s, self._need.idle_s)

    def _next(self, heard: bytes, *, ended: bool) -> tuple[int, int] | None:
        """The first complete frame; an unfinished one is never longer than the longest frame."""
        if not heard:
            return None
        frame = self._need.find(heard, final=False)
        if frame is None and (ended or len(heard) >= self._need.frame_max):
            frame = self._need.find(heard, final=True)
        return frame

    async def _pay(self, source: str, cost: float) -> None:
        """Read more slowly from a sender that exceeds its rate."""
        loop = asyncio.get_running_loop()
        while (wait_s := self._rates.charge(source, cost, loop.time())) > 0:  # noqa: ASYNC110  # no event
            await asyncio.sleep(wait_s)
