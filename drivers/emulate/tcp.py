"""Emulated boxes with a TCP port: the listener with its faults, and the plain serial server."""

import asyncio
import dataclasses
from typing import Protocol

from drivers.emulate.rs485 import Rs485Line
from drivers.serial_line import SerialLine


@dataclasses.dataclass(slots=True)
class TcpFaults:
    """The faults of the box itself; its line and its slaves have faults of their own."""

    # Connections are accepted, and nothing is ever answered.
    held: bool = False
    # Every request ends the connection.
    drop: bool = False
    # Every reply is delayed by this time.
    slow_s: float = 0.0

    def clear(self) -> None:
        for field in dataclasses.fields(self):
            setattr(self, field.name, field.default)


class TcpPeer(Protocol):
    """One connected client."""

    def send(self, data: bytes) -> None: ...


class TcpBox(Protocol):
    """What is behind the port."""

    def on_connect(self, peer: TcpPeer) -> None: ...

    def on_data(self, peer: TcpPeer, data: bytes) -> None:
        """A client has sent something, in any split."""

    def on_disconnect(self, peer: TcpPeer) -> None:
        """A client has left; replies to it are dropped."""


class _Connection(asyncio.Protocol):
    """One client: applies the faults and passes the rest on."""

    def __init__(self, server: "TcpServer") -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.open.add(self)
        self._server.box.on_connect(self)

    def data_received(self, data: bytes) -> None:
        faults = self._server.faults
        if faults.drop:
            self.abort()
        elif not faults.held:
            self._server.box.on_data(self, data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._transport = None
        self._server.open.discard(self)
        self._server.box.on_disconnect(self)

    def send(self, data: bytes) -> None:
        slow_s = self._server.faults.slow_s
        if slow_s:
            asyncio.get_running_loop().call_later(slow_s, self._write, data)
        else:
            self._write(data)

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport and not self._server.faults.held:
            self._transport.write(data)


class TcpServer:
    """A box on the network. `unplug` refuses connections, `plug` accepts them at the same port."""

    def __init__(self, box: TcpBox, host: str = "127.0.0.1", port: int = 0) -> None:
        """Nothing is bound before `plug`; port 0 chooses a free one, once."""
        self.box = box
        self.host = host
        self.port = port
        self.faults = TcpFaults()
        self.open: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """The `host:port` for clients."""
        return f"{self.host}:{self.port}"

    @property
    def is_plugged(self) -> bool:
        """True while it listens."""
        return self._server is not None

    async def plug(self) -> None:
        """Listen; OSError if the port is taken."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: _Connection(self), self.host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Stop listening and cut all connections."""
        server, self._server = self._server, None
        if server:
            server.close()
            for connection in list(self.open):
                connection.abort()
            await server.wait_closed()


class SerialServer:
    """A box that passes bytes between TCP and its line without understanding them.

    Modbus RTU over TCP, DL/T 645 over TCP: whatever is on the line. Every client receives every
    reply.
    """

    def __init__(self, wire: Rs485Line, line: SerialLine) -> None:
        """Connect the box to its line, at the line settings of its web page."""
        self.wire = wire
        self.line = line
        self._peers: list[TcpPeer] = []
        wire.listen(self._heard)

    def on_connect(self, peer: TcpPeer) -> None:
        self._peers.append(peer)

    def on_data(self, peer: TcpPeer, data: bytes) -> None:  # noqa: ARG002 - all share the wire
        """Its bytes are sent as they arrive."""
        self.wire.send(data, self.line)

    def on_disconnect(self, peer: TcpPeer) -> None:
        self._peers.remove(peer)

    def _heard(self, data: bytes) -> None:
        for peer in self._peers:
            peer.send(data)
