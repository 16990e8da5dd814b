"""A serial line's settings and the times that follow from them."""

import re

import msgspec

FIXED_ABOVE_BAUD = 19_200
"""Above this the Modbus specification fixes the silence instead of scaling it."""

_FIXED_SILENCE_S = 0.001_75
_SILENCE_CHARS = 3.5
_PATTERN = re.compile(r"(\d+) ([78])([NEO])([12])")


class Line(msgspec.Struct, frozen=True):
    """Baud rate and character format, written as installers write it: `9600 8N1`."""

    baud: int = 9600
    bits: int = 8
    parity: str = "N"
    stop: int = 1

    @classmethod
    def parse(cls, text: str) -> "Line":
        """The line that `text` names; ValueError if it names none."""
        found = _PATTERN.fullmatch(text)
        if not found or not int(found[1]):
            raise ValueError(text)
        return cls(int(found[1]), int(found[2]), found[3], int(found[4]))

    def __str__(self) -> str:
        return f"{self.baud} {self.bits}{self.parity}{self.stop}"

    @property
    def char_s(self) -> float:
        """How long one character occupies the wire, start bit included."""
        return (1 + self.bits + (self.parity != "N") + self.stop) / self.baud

    @property
    def silence_s(self) -> float:
        """The silence that ends one Modbus RTU frame and must come before the next."""
        if self.baud > FIXED_ABOVE_BAUD:
            return _FIXED_SILENCE_S
        return _SILENCE_CHARS * self.char_s
