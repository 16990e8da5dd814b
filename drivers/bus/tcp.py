"""TCP: byte streams for serial servers, and Modbus TCP with its header.

Transaction ids identify replies, so a late reply is dropped and no device rests because of it.
"""

import asyncio
import contextlib
import itertools
import socket
from typing import cast

from drivers.bus.link import CONNECTION_LOST, LinkCounters, ReceivedReply
from drivers.bus.stream import ByteReceiver, ByteStream, OpenStream
from drivers.contract import GarbledReply, GatewayUnreachable, LineDown, LineLost, NoReply
from drivers.family import Framing, Transaction
from drivers.serial_line import SerialLine

CONNECT_TIMEOUT_S = 3.0
# The kernel ends a connection whose peer has vanished while it is being polled.
_UNACKNOWLEDGED_MS = 10_000

_HEADER = 6
_BODY_MIN, _BODY_MAX = 2, 254


class _TcpStream(asyncio.Protocol):
    def __init__(self, receiver: ByteReceiver, address: str) -> None:
        self._receiver: ByteReceiver | None = receiver
        self._address = address
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)

    def data_received(self, data: bytes) -> None:
        if self._receiver is not None:
            self._receiver.on_bytes(data)

    def connection_lost(self, exc: Exception | None) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            reason = "" if exc is None else str(exc)
            receiver.on_lost(LineLost(CONNECTION_LOST, address=self._address, reason=reason))

    def write(self, data: bytes) -> None:
        if self._receiver is None or self._transport is None:
            raise LineLost(CONNECTION_LOST, address=self._address, reason="")
        self._transport.write(data)

    def set_line(self, line: SerialLine) -> None:
        """No effect: the serial server has its own settings."""

    def close(self) -> None:
        """Abort the connection; nothing that is still to be sent is worth a delay."""
        self._receiver = None
        if self._transport is not None:
            self._transport.abort()


def tcp_opener(host: str, port: int) -> OpenStream:
    """A function that connects to a gateway or serial server."""
    address = f"{host}:{port}"

    async def open_stream(receiver: ByteReceiver) -> ByteStream:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, stream = await loop.create_connection(
                    lambda: _TcpStream(receiver, address), host, port
                )
        except TimeoutError as error:
            raise GatewayUnreachable("bus.connect-timeout", address=address) from error
        except OSError as error:
            raise GatewayUnreachable(
                "bus.unreachable", address=address, reason=str(error)
            ) from error
        return stream

    return open_stream


class MbapLink:
    """Modbus TCP: up to `max_inflight` transactions of the bus may be pending at once."""

    framing = Framing.MBAP

    def __init__(self) -> None:
        self.counters = LinkCounters()
        self._loop = asyncio.get_running_loop()
        self._stream: ByteStream | None = None
        self._lost: LineDown | None = None
        self._ids = itertools.cycle(range(1, 1 << 16))
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._buffer = b""

    async def open(self, opener: OpenStream) -> None:
        """Connect; LineDown if that fails."""
        self._stream = await opener(self)

    async def exchange(
        self, transaction: Transaction, line: SerialLine, timeout_s: float
    ) -> ReceivedReply:
        """Carry out one transaction; DeviceFault or LineDown."""
        del line  # the gateway's own
        if self._lost is not None:
            raise self._lost
        assert self._stream is not None
        number = next(self._ids)
        body = transaction.request
        answered = self._waiting[number] = self._loop.create_future()
        sent_s = self._loop.time()
        timer = self._loop.call_at(sent_s + timeout_s, _no_reply, answered)
        try:
            self._stream.write(number.to_bytes(2) + b"\0\0" + len(body).to_bytes(2) + body)
            if transaction.expect is None:
                return ReceivedReply(b"", 0.0)
            frame = await answered
        finally:
            timer.cancel()
            self._waiting.pop(number, None)
        if transaction.expect.find(frame, final=True) is None:
            raise GarbledReply("bus.wrong-answer", heard=len(frame))
        return ReceivedReply(frame, self._loop.time() - sent_s)

    async def settle(self, window_s: float) -> None:
        """No effect: a new connection carries nothing old."""

    async def watch(self) -> None:
        """No effect: losing an idle connection does not matter until the next request."""
        await self._loop.create_future()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def on_bytes(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= _HEADER:
            size = int.from_bytes(self._buffer[4:6])
            if self._buffer[2:4] != b"\0\0" or not _BODY_MIN <= size <= _BODY_MAX:
                self.close()
                self.on_lost(LineLost("bus.not-modbus", heard=self._buffer[:_HEADER].hex()))
                return
            if len(self._buffer) < _HEADER + size:
                return
            number, body = int.from_bytes(self._buffer[:2]), self._buffer[_HEADER : _HEADER + size]
            self._buffer = self._buffer[_HEADER + size :]
            self._deliver(number, body)

    def on_lost(self, error: LineDown) -> None:
        self._lost = error
        for future in self._waiting.values():
            with contextlib.suppress(asyncio.InvalidStateError):
                future.set_exception(error)

    def _deliver(self, number: int, body: bytes) -> None:
        future = self._waiting.get(number)
        if future is None or future.done():
            self.counters.late += 1
        else:
            future.set_result(body)


def _no_reply(answered: asyncio.Future[bytes]) -> None:
    """The timeout: a reply that comes later belongs to no request."""
    if not answered.done():
        answered.set_exception(NoReply("bus.no-reply"))
