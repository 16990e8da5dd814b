"""The emulated wire as a byte stream in memory, for masters under a simulated loop."""

from drivers.bus.stream import ByteReceiver, ByteStream, OpenStream
from drivers.contract import LineLost, PortHeld, PortMissing
from drivers.emulate.rs485 import Rs485Line
from drivers.serial_line import SerialLine


class Rs485Stream:
    """The master's end of a wire. Once unplugged it stays closed, like a port."""

    def __init__(
        self, wire: Rs485Line, receiver: ByteReceiver, where: str, line: SerialLine
    ) -> None:
        """Take the master's end; `stream_opener` allows one at a time."""
        self._wire, self._receiver, self._where, self._line = wire, receiver, where, line
        self._open = True
        wire.listen(receiver.on_bytes, self._pulled)

    @property
    def is_open(self) -> bool:
        return self._open

    def write(self, data: bytes) -> None:
        """Send without waiting; LineLost if the stream has ended."""
        if not self._open:
            raise LineLost("bus.line-lost", port=self._where)
        self._wire.send(data, self._line)

    def set_line(self, line: SerialLine) -> None:
        self._line = line

    def close(self) -> None:
        """Release the wire; the receiver is not notified."""
        if self._open:
            self._open = False
            self._wire.hang_up()

    def _pulled(self) -> None:
        if self._open:
            self._open = False
            self._receiver.on_lost(LineLost("bus.line-lost", port=self._where))


def stream_opener(
    wire: Rs485Line, where: str = "emulated", line: SerialLine | None = None
) -> OpenStream:
    """Opens this wire: PortMissing while unplugged, PortHeld while it is open."""
    held: list[Rs485Stream] = []

    async def open_stream(receiver: ByteReceiver) -> ByteStream:
        if not wire.plugged:
            raise PortMissing("bus.port-missing", port=where, ports="-")
        if held and held[0].is_open:
            raise PortHeld("bus.port-held", port=where, by="?")
        held[:] = [Rs485Stream(wire, receiver, where, line or SerialLine())]
        return held[0]

    return open_stream
