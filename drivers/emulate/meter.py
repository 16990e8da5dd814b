"""What emulated Chinese meters have in common, written from the standards' clauses.

It shares nothing with `drivers/meter_frame.py`, so that tests find where the two disagree.
"""

import abc
from collections.abc import Callable

from drivers.emulate.slave import Slave
from drivers.serial_line import SerialLine

LINE = SerialLine(2400, 8, "E", 1)


class MeterSlave(Slave):
    """One meter at its printed `address`; `refresh` is called before every reply, to move values.

    A subclass receives frames without their wake-up bytes.
    """

    def __init__(
        self,
        address: str,
        line: SerialLine,
        *,
        turnaround_s: float,
        name: str = "",
        refresh: Callable[[float], None] | None = None,
    ) -> None:
        """Power it up, with nothing to show yet."""
        super().__init__(name or address, line, turnaround_s=turnaround_s, strict=False)
        self.address = address
        self._refresh = refresh

    @property
    @abc.abstractmethod
    def wake_bytes(self) -> tuple[int, int]:
        """The FE bytes that a request needs, and those before a reply."""

    @abc.abstractmethod
    def accepts_body(self, body: bytes) -> bool:
        """True if the frame is complete and meant for this meter; checksum and end are right."""

    @abc.abstractmethod
    def respond(self, body: bytes, at_s: float) -> bytes | None:
        """The reply from its 68 on, without checksum and end; None for silence."""

    def accepts(self, frame: bytes) -> bool:
        """True for a complete frame with the right checksum that is meant for this meter."""
        body = frame.lstrip(b"\xfe")
        needed, _ = self.wake_bytes
        return (
            len(frame) - len(body) >= needed
            and (body[:1], body[-1:]) == (b"\x68", b"\x16")
            and sum(body[:-2]) % 256 == body[-2]
            and self.accepts_body(body)
        )

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        """The reply frame, after its wake-up bytes."""
        if self._refresh and not self.faults.stuck:
            self._refresh(at_s)
        reply = self.respond(frame.lstrip(b"\xfe"), at_s)
        if reply is None:
            return None
        _, wake = self.wake_bytes
        return b"\xfe" * wake + reply + bytes([sum(reply) % 256, 0x16])

    def is_addressed(self, address: str) -> bool:
        """True for its own address, or its last digits behind wildcards."""
        return self.address.endswith(address.lstrip("A"))

    def reply_address(self) -> bytes:
        """Its address as sent; another one while the fault `wrong_unit` is set."""
        other = self.faults.wrong_unit
        address = self.address if other is None else f"{other:0{len(self.address)}d}"
        return bytes.fromhex(address)[::-1]
