"""The toy cuff's side of the wire."""

from drivers.emulate.slave import Slave
from drivers.serial_line import SerialLine


class CuffSlave(Slave):
    """Answers `M` with what it measures at that moment."""

    def __init__(self, value: int = 120) -> None:
        super().__init__("cuff", SerialLine())
        self.value = value

    def accepts(self, frame: bytes) -> bool:
        """The one request that it knows."""
        return frame == b"M"

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        """A fresh reading."""
        del frame, at_s
        begun = f"S{self.value:03d}".encode()
        return begun + bytes([sum(begun) & 0xFF])
