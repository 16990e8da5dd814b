"""The toy sign's side of the wire."""

from drivers.emulate.slave import Slave
from drivers.serial_line import SerialLine


class SignSlave(Slave):
    """Shows texts, and says so unless it lies."""

    def __init__(self) -> None:
        super().__init__("sign", SerialLine())
        self.shown: list[str] = []
        self.lies: str | None = None
        self.dead_lamps = 2

    def accepts(self, frame: bytes) -> bool:
        """A text with the right sum, or the question."""
        return frame == b"?" or (
            frame[:1] == b"T" and len(frame) > 3 and sum(frame[:-1]) & 0xFF == frame[-1]
        )

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        """Act, or answer."""
        del at_s
        if frame != b"?":
            self.shown.append(frame[2:-1].decode("gb18030"))
            return None
        word = {"not-done": b"0", "not-yet": b"-"}.get(self.lies or "", b"1")
        begun = b"!" + word + bytes([self.dead_lamps])
        sum_ = sum(begun) & 0xFF
        return begun + bytes([sum_ ^ 0xFF if self.lies == "bad-sum" else sum_])
