"""Which format a message has: its first bytes say."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from drivers.ble.codec import bthome, bthome_objects, eddystone, ibeacon, mibeacon, mibeacon_objects
from drivers.ble.codec.message import Heard, Unheard, Why

Understand = Callable[[bytes, bytes, bytes | None], Heard | Unheard]


class Format(NamedTuple):
    """One format: how its messages begin, how they are understood, its quantities' units."""

    name: str
    prefix: bytes
    understand: Understand
    units: Mapping[str, str]
    sealed: bool = False


_MIBEACON_UNITS = {
    name: mibeacon_objects.UNITS.get(name, "1") for name in sorted(mibeacon_objects.NAMES)
}

FORMATS = (
    Format(bthome.NAME, bthome.PREFIX, bthome.understand, bthome_objects.UNITS, sealed=True),
    Format(mibeacon.NAME, mibeacon.PREFIX, mibeacon.understand, _MIBEACON_UNITS, sealed=True),
    Format(eddystone.NAME, eddystone.PREFIX, eddystone.understand, eddystone.UNITS),
    Format(ibeacon.NAME, ibeacon.PREFIX, ibeacon.understand, ibeacon.UNITS),
)

_PREFIX_BYTES = 3
_BY_PREFIX = {each.prefix[:_PREFIX_BYTES]: each for each in FORMATS}


def format_of(message: bytes) -> Format | None:
    """The format of a message; None: none of ours."""
    found = _BY_PREFIX.get(message[:_PREFIX_BYTES])
    return found if found and message.startswith(found.prefix) else None


def understand(message: bytes, mac: bytes, key: bytes | None = None) -> Heard | Unheard:
    """What a message of the sensor at `mac` (6 bytes, as people write it) says."""
    found = format_of(message)
    return Unheard(Why.OTHER) if found is None else found.understand(message, mac, key)
