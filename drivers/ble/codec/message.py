"""What every format's decoder gives back."""

import enum

import msgspec

from drivers.contract import Value


class RejectReason(enum.Enum):
    """Why a message was not understood; the value is the text code."""

    OTHER = "ble.other-format"
    SHORT = "ble.short"
    VERSION = "ble.version"
    OTHER_MAC = "ble.other-mac"
    SEALED = "ble.no-key"
    WRONG_KEY = "ble.wrong-key"
    LEGACY = "ble.legacy-encryption"
    PLAIN = "ble.not-encrypted"


class MeasuredQuantity(msgspec.Struct, frozen=True, gc=False):
    """One quantity: its name among all formats, its value in `unit`.

    `count` is the integer before scaling; `modulus` is where that count starts again at 0.
    """

    what: str
    value: Value
    unit: str = "1"
    count: int | None = None
    modulus: int | None = None


class DecodedMessage(msgspec.Struct, frozen=True):
    """A message that was understood; without measures it only says that the sensor lives.

    `packet` is the sender's number of this message where it gives one: repeats carry the same.
    `counter` is the number that an encrypted message was sealed with; it only grows. `identity`
    is the name that a beacon calls out, for beacons whose radio address changes.
    """

    format: str
    measures: tuple[MeasuredQuantity, ...] = ()
    packet: int | None = None
    counter: int | None = None
    identity: str | None = None


class RejectedMessage(msgspec.Struct, frozen=True):
    """A message that says nothing, and why."""

    why: RejectReason


def scale_value(count: int, factor: float, decimals: int) -> int | float:
    """`count * factor` as people write it; an integer stays one."""
    return count if factor == 1 else round(count * factor, decimals)
