"""An emulated DL/T 645-2007 meter, written from the standard's clauses and annex A.

It shares nothing with our codec. Vendors differ in what they leave out; see `Dlt645Quirks`.
"""

import dataclasses
from collections.abc import Callable

from drivers.emulate.meter import LINE, MeterSlave
from drivers.serial_line import SerialLine

_STATE_3 = "04000503"
_RELAY_OPEN = 0x10
_TRIP, _PERMIT, _CLOSE = 0x1A, 0x1B, 0x1C
_OTHER, _NO_DATA, _NO_RIGHT = 0x01, 0x02, 0x04
_START, _BROADCAST_TIME = 0x68, 0x08
_EVERYBODY = "9" * 12
_SHORTEST = 12


@dataclasses.dataclass(slots=True)
class Dlt645Quirks:
    """A vendor's reading of the standard."""

    # FE bytes before a reply, 0 to 4.
    wake: int = 0
    # Answers blocks (FF); many single-phase meters do not.
    blocks: bool = True
    # Most data bytes in one reply; the rest must be requested.
    piece_bytes: int = 196
    # Answers a request for its address.
    tells_address: bool = True
    # Ignores a request with fewer FE bytes before it.
    deaf_without_wake: int = 0


class Dlt645Slave(MeterSlave):
    """One meter. `items` maps a data identifier as printed to its bytes as sent."""

    def __init__(
        self,
        address: str,
        line: SerialLine = LINE,
        *,
        habits: Dlt645Quirks | None = None,
        password: str = "000000",  # noqa: S107 - what meters leave the factory with
        turnaround_s: float = 0.05,
        name: str = "",
        refresh: Callable[[float], None] | None = None,
    ) -> None:
        """Power it up at the printed `address`, with nothing to show yet."""
        super().__init__(address, line, turnaround_s=turnaround_s, name=name, refresh=refresh)
        self.habits = habits or Dlt645Quirks()
        self.password = password
        self.items: dict[str, bytes] = {_STATE_3: bytes(2)}
        self.told_time: str | None = None

    def show(self, item: str, digits: str, *, minus: bool = False) -> None:
        """Set an item's digits, most significant first; `minus` sets the sign bit."""
        data = bytearray.fromhex(digits)[::-1]
        if minus:
            data[-1] |= 0x80
        self.items[item] = bytes(data)

    @property
    def relay_closed(self) -> bool:
        """True while the customer has power."""
        return not self.items[_STATE_3][0] & _RELAY_OPEN

    @property
    def wake_bytes(self) -> tuple[int, int]:
        return self.habits.deaf_without_wake, self.habits.wake

    def accepts_body(self, body: bytes) -> bool:
        """True for a complete frame for this meter, or a broadcast to all."""
        if len(body) < _SHORTEST or len(body) != body[9] + _SHORTEST or body[7] != _START:
            return False
        address, control = body[6:0:-1].hex().upper(), body[8]
        if address == _EVERYBODY:
            return control == _BROADCAST_TIME
        return self.is_addressed(address)

    def respond(self, body: bytes, at_s: float) -> bytes | None:
        """The reply from its 68 on; None for a broadcast."""
        del at_s
        control, data = body[8], bytes((byte - 0x33) % 256 for byte in body[10:-2])
        if control == _BROADCAST_TIME:
            self.told_time = data[::-1].hex()
            return None
        if control == 0x13 and not self.habits.tells_address:  # noqa: PLR2004 - read address
            return None
        if self.faults.exception is not None:
            return self._frame(control | 0xC0, bytes([self.faults.exception]))
        return self._frame(*self._obey(control, data))

    def _obey(self, control: int, data: bytes) -> tuple[int, bytes]:
        """Control code and data of the reply."""
        if control == 0x11:  # noqa: PLR2004 - read
            return self._piece(control, data, 0)
        if control == 0x12:  # noqa: PLR2004 - read the rest
            return self._piece(control, data[:4], data[4])
        if control == 0x13:  # noqa: PLR2004 - read address
            return 0x93, bytes.fromhex(self.address)[::-1]
        if control == 0x14:  # noqa: PLR2004 - write
            return self._write(data)
        if control == 0x1C:  # noqa: PLR2004 - switch
            return self._switch(data)
        return control | 0xC0, bytes([_OTHER])

    def _piece(self, control: int, identifier: bytes, number: int) -> tuple[int, bytes]:
        whole = self._whole(identifier[::-1].hex().upper())
        if whole is None:
            return control | 0xC0, bytes([_NO_DATA])
        most = self.habits.piece_bytes
        part, rest = whole[number * most : (number + 1) * most], whole[(number + 1) * most :]
        tail = bytes([number]) if number else b""
        return control | 0x80 | (0x20 if rest else 0), identifier + part + tail

    def _whole(self, item: str) -> bytes | None:
        """An item, or the items of a block in the order of their identifiers."""
        if item in self.items or not self.habits.blocks:
            return self.items.get(item)
        at = item.find("FF", 2)
        if at < 0 or at % 2:
            return None
        members = [
            data
            for known, data in sorted(self.items.items())
            if known[:at] == item[:at] and known[at + 2 :] == item[at + 2 :]
        ]
        return b"".join(members) or None

    def _write(self, data: bytes) -> tuple[int, bytes]:
        item = data[3::-1].hex().upper()
        if data[7:4:-1].hex() != self.password:
            return 0xD4, bytes([_NO_RIGHT])
        if item not in self.items or len(data) - 12 != len(self.items[item]):
            return 0xD4, bytes([_NO_DATA])
        self.items[item] = data[12:]
        return 0x94, b""

    def _switch(self, data: bytes) -> tuple[int, bytes]:
        if data[3:0:-1].hex() != self.password:
            return 0xDC, bytes([_NO_RIGHT])
        low, high = self.items[_STATE_3]
        if data[8] == _TRIP:
            low |= _RELAY_OPEN
        elif data[8] in {_PERMIT, _CLOSE}:
            low &= ~_RELAY_OPEN
        else:
            return 0xDC, bytes([_OTHER])
        if not self.faults.stuck:  # a welded relay confirms, and stays as it is
            self.items[_STATE_3] = bytes([low, high])
        return 0x9C, b""

    def _frame(self, control: int, data: bytes) -> bytes:
        head = bytes([0x68, *self.reply_address(), 0x68, control, len(data)])
        return head + bytes((byte + 0x33) % 256 for byte in data)
