"""An open byte stream to the field, and who listens to it."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from drivers.contract import LineDown
from drivers.serial_line import SerialLine


class ByteReceiver(Protocol):
    """Who listens to a stream; called from the loop, never from another thread."""

    def on_bytes(self, data: bytes) -> None:
        """Bytes arrived, in any split."""

    def on_lost(self, error: LineDown) -> None:
        """The stream ended; nothing follows."""


class ByteStream(Protocol):
    """An open byte stream to the field: a serial port, a serial server, an emulated wire."""

    def write(self, data: bytes) -> None:
        """Send without waiting; LineLost if the stream has ended."""

    def set_line(self, line: SerialLine) -> None:
        """The following bytes travel so; nothing is on its way when this is called."""

    def close(self) -> None:
        """Let the port go; `lost` is not called."""


OpenStream: TypeAlias = Callable[[ByteReceiver], Awaitable[ByteStream]]
