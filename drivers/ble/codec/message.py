"""The results of every format's decoder."""

import enum

import msgspec

from drivers.contract import Value


class RejectReason(enum.Enum):
    """Why a message was rejected; the value is the text code."""

    OTHER = "ble.other-format"
    SHORT = "ble.short"
    VERSION = "ble.version"
    OTHER_MAC = "ble.other-mac"
    SEALED = "ble.no-key"
    WRONG_KEY = "ble.wrong-key"
    LEGACY = "ble.legacy-encryption"
    PLAIN = "ble.not-encrypted"


class MeasuredQuantity(msgspec.Struct, frozen=True, gc=False):
    """One quantity: its name, which all formats share, and its value in `unit`.

    `count` is the integer before scaling; `modulus` is where that count wraps to 0.
    """

    what: str
    value: Value
    unit: str = "1"
    count: int | None = None
    modulus: int | None = None


class DecodedMessage(msgspec.Struct, frozen=True):
    """A decoded message; without measures it only shows that the sensor is alive.

    `packet` is the message's own number, if it has one: repeats carry the same. `counter` is the
    increasing number with which an encrypted message was sealed. `identity` is the name that a
    beacon sends, for beacons whose radio address changes.
    """

    format: str
    measures: tuple[MeasuredQuantity, ...] = ()
    packet: int | None = None
    counter: int | None = None
    identity: str | None = None


class RejectedMessage(msgspec.Struct, frozen=True):
    """A message that could not be decoded, and why."""

    why: RejectReason


def scale_value(count: int, factor: float, decimals: int) -> int | float:
    """`count * factor` rounded to `decimals`; unchanged with a factor of 1."""
    return count if factor == 1 else round(count * factor, decimals)
