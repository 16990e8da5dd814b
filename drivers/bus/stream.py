"""An open byte stream to the field, and the receiver of its bytes."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from drivers.contract import LineDown
from drivers.serial_line import SerialLine


class ByteReceiver(Protocol):
    """Receives the bytes of a stream; called in the loop's thread."""

    def on_bytes(self, data: bytes) -> None:
        """Bytes arrived, in any split."""

    def on_lost(self, error: LineDown) -> None:
        """The stream ended; nothing follows."""


class ByteStream(Protocol):
    """An open byte stream to the field: a serial port, a serial server, an emulated wire."""

    def write(self, data: bytes) -> None:
        """Send without waiting; LineLost if the stream has ended."""

    def set_line(self, line: SerialLine) -> None:
        """Line settings of the bytes that follow; never called while bytes are being sent."""

    def close(self) -> None:
        """Close the port; `on_lost` is not called."""


OpenStream: TypeAlias = Callable[[ByteReceiver], Awaitable[ByteStream]]
