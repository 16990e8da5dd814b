"""The settings of a serial line, and the times that follow from them."""

import re
from typing import Any, NamedTuple

import msgspec

# Above this speed the Modbus specification fixes the silence instead of scaling it.
FIXED_ABOVE_BAUD = 19_200

_FIXED_SILENCE_S = 0.001_75
_SILENCE_CHARS = 3.5
_PATTERN = re.compile(r"(\d+) ([78])([NEO])([12])")
_PARTS = re.compile(r"(\d+)\s+(\d)([A-Za-z])(\d)")

# Speeds with which serial devices are delivered.
USUAL_BAUDS = (
    *(300, 600, 1200, 2400, 4800, 9600, 14_400, 19_200, 28_800, 38_400, 57_600, 76_800),
    *(115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000),
)


class SerialLine(msgspec.Struct, frozen=True):
    """Baud rate and character format, as installers write them: `9600 8N1`."""

    baud: int = 9600
    bits: int = 8
    parity: str = "N"
    stop: int = 1

    @classmethod
    def parse(cls, text: str) -> "SerialLine":
        """Parse `9600 8N1`; ValueError if the text is something else."""
        found = _PATTERN.fullmatch(text)
        if not found or not int(found[1]):
            raise ValueError(text)
        return cls(int(found[1]), int(found[2]), found[3], int(found[4]))

    def __str__(self) -> str:
        return f"{self.baud} {self.bits}{self.parity}{self.stop}"

    @property
    def char_s(self) -> float:
        """The time of one character on the wire, start bit included."""
        return (1 + self.bits + (self.parity != "N") + self.stop) / self.baud

    @property
    def silence_s(self) -> float:
        """The silence that separates Modbus RTU frames."""
        if self.baud > FIXED_ABOVE_BAUD:
            return _FIXED_SILENCE_S
        return _SILENCE_CHARS * self.char_s


class SerialLineFault(NamedTuple):
    """A mistake in the settings of a line: a text code and the parameters of the text."""

    code: str
    data: dict[str, Any]


def serial_line_fault(text: object) -> SerialLineFault | None:
    """What is wrong with the text, if that can be told; None for a valid line."""
    found = _PARTS.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        return None
    if found[3].upper() not in "NEO":
        return SerialLineFault("line.parity", {"found": found[3]})
    if found[2] not in "78":
        return SerialLineFault("line.bits", {"found": found[2]})
    if found[4] not in "12":
        return SerialLineFault("line.stop", {"found": found[4]})
    meant = f"{int(found[1])} {found[2]}{found[3].upper()}{found[4]}"
    return (
        None if text == meant else SerialLineFault("line.written", {"found": text, "meant": meant})
    )


def intended_baud(baud: int) -> int | None:
    """The usual speed that was probably meant, if one digit 0 is missing or too many."""
    if baud in USUAL_BAUDS:
        return None
    return next((usual for usual in (baud * 10, baud // 10) if usual in USUAL_BAUDS), None)
