"""Finds the format of a message by its first bytes."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from drivers.ble.codec import bthome, bthome_objects, eddystone, ibeacon, mibeacon, mibeacon_objects
from drivers.ble.codec.message import DecodedMessage, RejectedMessage, RejectReason

DecodeMessage = Callable[[bytes, bytes, bytes | None], DecodedMessage | RejectedMessage]


class AdvertFormat(NamedTuple):
    """One format: the prefix of its messages, their decoder, and the units of its quantities."""

    name: str
    prefix: bytes
    understand: DecodeMessage
    units: Mapping[str, str]
    sealed: bool = False


_MIBEACON_UNITS = {
    name: mibeacon_objects.UNITS.get(name, "1") for name in sorted(mibeacon_objects.NAMES)
}

FORMATS = (
    AdvertFormat(
        bthome.NAME, bthome.PREFIX, bthome.decode_bthome, bthome_objects.UNITS, sealed=True
    ),
    AdvertFormat(
        mibeacon.NAME, mibeacon.PREFIX, mibeacon.decode_mibeacon, _MIBEACON_UNITS, sealed=True
    ),
    AdvertFormat(eddystone.NAME, eddystone.PREFIX, eddystone.decode_eddystone, eddystone.UNITS),
    AdvertFormat(ibeacon.NAME, ibeacon.PREFIX, ibeacon.decode_ibeacon, ibeacon.UNITS),
)

_PREFIX_BYTES = 3
_BY_PREFIX = {each.prefix[:_PREFIX_BYTES]: each for each in FORMATS}


def format_of(message: bytes) -> AdvertFormat | None:
    """The format of a message; None for an unknown one."""
    found = _BY_PREFIX.get(message[:_PREFIX_BYTES])
    return found if found and message.startswith(found.prefix) else None


def decode_message(
    message: bytes, mac: bytes, key: bytes | None = None
) -> DecodedMessage | RejectedMessage:
    """Decode a message of the sensor at `mac` (6 bytes, in the order people write them)."""
    found = format_of(message)
    return (
        RejectedMessage(RejectReason.OTHER)
        if found is None
        else found.understand(message, mac, key)
    )
