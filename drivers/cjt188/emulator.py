"""An emulated CJ/T 188 meter, written from the standard's clauses.

It shares nothing with our codec. Makers differ in the byte order of the data identifier, in the
place of the unit and in the control code of the valve; see `Cjt188Quirks`.
"""

import dataclasses
import math
from collections.abc import Callable

from drivers.emulate.meter import LINE, MeterSlave
from drivers.serial_line import SerialLine

_READ, _READ_ADDRESS, _WRITE = 0x01, 0x03, 0x04
_ANSWER, _DENIED = 0x80, 0x40
_OPEN, _CLOSED = 0, 1
_ORDERS = {0x55: _OPEN, 0x99: _CLOSED}
_VALVE_STUCK = 0b11
_SHORTEST = 13


@dataclasses.dataclass(slots=True)
class Cjt188Quirks:
    """A maker's reading of the standard."""

    # FE bytes before a reply.
    wake: int = 4
    # The control code that moves the valve; some makers use one of their own.
    valve_control: int = _WRITE
    # How long the valve takes to move.
    valve_s: float = 8.0
    # Answers with the two bytes of the data identifier swapped.
    turns_item: bool = False
    # Ignores a request with fewer FE bytes before it.
    deaf_without_wake: int = 0


class Cjt188Slave(MeterSlave):
    """One meter. `fields` maps a data identifier, as sent, to the data of the reply."""

    def __init__(
        self,
        meter: int,
        address: str,
        line: SerialLine = LINE,
        *,
        habits: Cjt188Quirks | None = None,
        turnaround_s: float = 0.08,
        name: str = "",
        refresh: Callable[[float], None] | None = None,
    ) -> None:
        """Power it up: kind of meter, fourteen digits, valve open, battery full."""
        super().__init__(address, line, turnaround_s=turnaround_s, name=name, refresh=refresh)
        self.meter = meter
        self.habits = habits or Cjt188Quirks()
        self.fields: dict[str, bytes] = {}
        self.status_at: dict[str, int] = {}
        self.battery_low = False
        self.valve = _OPEN
        self.valve_next = _OPEN
        self._valve_moves_until_s = -math.inf

    def show(self, item: str, *fields: str, status: bool = True) -> None:
        """Set the bytes of a data identifier as sent, followed by the status word."""
        data = b"".join(map(bytes.fromhex, fields))
        if status:
            self.status_at[item] = len(data)
        self.fields[item] = data + bytes(2 if status else 0)

    @property
    def wake_bytes(self) -> tuple[int, int]:
        return self.habits.deaf_without_wake, self.habits.wake

    def accepts_body(self, body: bytes) -> bool:
        """True for a complete frame for this kind of meter and address, or wildcards for them."""
        if len(body) < _SHORTEST or len(body) != body[10] + _SHORTEST:
            return False
        return body[1] in {self.meter, 0xAA} and self.is_addressed(body[8:1:-1].hex().upper())

    def respond(self, body: bytes, at_s: float) -> bytes:
        """The reply from its 68 on."""
        control, data = body[9], body[11:-2]
        self._move_valve(at_s)
        if self.faults.exception is not None:
            return self._frame(control | _ANSWER | _DENIED, self._refusal(data))
        return self._frame(*self._obey(control, data, at_s))

    def _obey(self, control: int, data: bytes, at_s: float) -> tuple[int, bytes]:
        """Control code and data of the reply."""
        item, head = data[:2].hex().upper(), self._head(data)
        if control == _READ and item in self.fields:
            return control | _ANSWER, head + self._shown(item)
        if control == _READ_ADDRESS:
            return control | _ANSWER, head
        if control == self.habits.valve_control and data[3:4] and data[3] in _ORDERS:
            self.valve_next = _ORDERS[data[3]]
            self._valve_moves_until_s = at_s + self.habits.valve_s
            return control | _ANSWER, head + self._status()
        return control | _ANSWER | _DENIED, self._refusal(data)

    def _head(self, data: bytes) -> bytes:
        item = data[1::-1] if self.habits.turns_item else data[:2]
        return item + data[2:3]

    def _refusal(self, data: bytes) -> bytes:
        """Sequence number and status word."""
        return data[2:3] + self._status()

    def _shown(self, item: str) -> bytes:
        data, at = self.fields[item], self.status_at.get(item)
        return data if at is None else data[:at] + self._status()

    def _status(self) -> bytes:
        return bytes([self.valve | (0b100 if self.battery_low else 0), 0])

    def _move_valve(self, at_s: float) -> None:
        if at_s < self._valve_moves_until_s or self.valve == self.valve_next:
            return
        self.valve = _VALVE_STUCK if self.faults.stuck else self.valve_next

    def _frame(self, control: int, data: bytes) -> bytes:
        return bytes([0x68, self.meter, *self.reply_address(), control, len(data)]) + data
