"""The shapes of BTHome v2 objects: their length, and the meaning of their bytes."""

from typing import NamedTuple, Protocol

from drivers.ble.codec.message import MeasuredQuantity, scale_value

# The used bits of a command's length byte; the rest are reserved.
_ARGUMENTS = 0x1F


class ObjectShape(Protocol):
    """The encoding of one object in the payload."""

    @property
    def what(self) -> str:
        """The quantity's name."""

    @property
    def unit(self) -> str:
        """The unit of its values."""

    def size(self, rest: bytes) -> int:
        """The object's length in `rest`, which begins after its id."""

    def read(self, body: bytes) -> MeasuredQuantity | None:
        """The quantity in its bytes; None if they have no defined meaning."""


class NumberShape(NamedTuple):
    """An integer of fixed length: `value = count * factor`."""

    what: str
    length: int
    factor: float = 1
    decimals: int = 0
    unit: str = "1"
    signed: bool = False

    def size(self, _rest: bytes) -> int:
        return self.length

    def read(self, body: bytes) -> MeasuredQuantity:
        """Little endian."""
        count = int.from_bytes(body, "little", signed=self.signed)
        value = scale_value(count, self.factor, self.decimals)
        modulus = None if self.signed else 1 << 8 * self.length
        return MeasuredQuantity(self.what, value, self.unit, count, modulus)


class FlagShape(NamedTuple):
    """One byte, 0 or 1."""

    what: str
    unit: str = "1"

    def size(self, _rest: bytes) -> int:
        return 1

    def read(self, body: bytes) -> MeasuredQuantity:
        """Any bit set means true."""
        return MeasuredQuantity(self.what, bool(body[0]))


class ChoiceShape(NamedTuple):
    """One byte that names an event."""

    what: str
    names: dict[int, str]
    unit: str = "1"

    def size(self, _rest: bytes) -> int:
        return 1

    def read(self, body: bytes) -> MeasuredQuantity | None:
        """Unknown bytes have no name."""
        name = self.names.get(body[0])
        return None if name is None else MeasuredQuantity(self.what, name)


class StepsShape(NamedTuple):
    """A direction, then a number of steps."""

    what: str
    signs: dict[int, int]
    unit: str = "1"

    def size(self, _rest: bytes) -> int:
        return 2

    def read(self, body: bytes) -> MeasuredQuantity | None:
        """Steps to the left are negative."""
        sign = self.signs.get(body[0])
        return None if sign is None else MeasuredQuantity(self.what, sign * body[1])


class TextShape(NamedTuple):
    """A length byte, then UTF-8."""

    what: str
    unit: str = "1"

    def size(self, rest: bytes) -> int:
        """The length byte and the text."""
        return 1 + rest[0] if rest else 1

    def read(self, body: bytes) -> MeasuredQuantity | None:
        """Invalid UTF-8 is ignored."""
        try:
            return MeasuredQuantity(self.what, body[1:].decode())
        except UnicodeDecodeError:
            return None


class RawShape(NamedTuple):
    """A length byte, then bytes that only the maker understands."""

    what: str
    unit: str = "1"

    def size(self, rest: bytes) -> int:
        """The length byte and the bytes."""
        return 1 + rest[0] if rest else 1

    def read(self, body: bytes) -> MeasuredQuantity:
        """In hexadecimal digits."""
        return MeasuredQuantity(self.what, body[1:].hex())


class CommandShape(NamedTuple):
    """A length byte, an opcode, and as many arguments as the length byte says."""

    what: str
    names: dict[int, str]
    unit: str = "1"

    def size(self, rest: bytes) -> int:
        """The length byte, the opcode, the arguments."""
        return 2 + (rest[0] & _ARGUMENTS) if rest else 2

    def read(self, body: bytes) -> MeasuredQuantity | None:
        """The opcode's name; the arguments are specific to the maker."""
        name = self.names.get(body[1])
        return None if name is None else MeasuredQuantity(self.what, name)


class VersionShape(NamedTuple):
    """A firmware version, least significant part first."""

    what: str
    length: int
    unit: str = "1"

    def size(self, _rest: bytes) -> int:
        return self.length

    def read(self, body: bytes) -> MeasuredQuantity:
        """Most significant part first."""
        return MeasuredQuantity(self.what, ".".join(str(part) for part in reversed(body)))
