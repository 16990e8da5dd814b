"""MiBeacon versions 2 to 5: service data of FE95, plain or sealed (versions 4 and 5).

    control(2) product(2) frame(1) [mac reversed] [capability [io]] [objects…]
    control(2) product(2) frame(1) [mac reversed] [capability [io]] sealed ext(3) tag(4)

Mijia BLE Broadcasting Protocol, Mi Beacon v4 (a translation stands in pvvx/ATC_MiThermometer,
`InfoMijiaBLE`). The seal's nonce is mac reversed, product, frame, ext.
"""

from typing import NamedTuple

from drivers.ble.codec.aes_ccm import TAG_BYTES, decrypt_sealed
from drivers.ble.codec.message import (
    DecodedMessage,
    MeasuredQuantity,
    RejectedMessage,
    RejectReason,
)
from drivers.ble.codec.mibeacon_objects import OBJECTS

NAME = "mibeacon"
PREFIX = b"\x16\x95\xfe"

_ENCRYPTED = 1 << 3
_HAS_MAC = 1 << 4
_HAS_CAPABILITY = 1 << 5
_HAS_OBJECT = 1 << 6
_MESH = 1 << 7
_CAPABILITY_IO = 1 << 5
_VERSION_MIN = 2
_VERSION_SEALED_MIN = 4

_HEAD_BYTES = 5
_MAC_BYTES = 6
_EXT_BYTES = 3
_OBJECT_HEAD_BYTES = 3
_ASSOCIATED = b"\x11"


class _Frame(NamedTuple):
    """One frame, split into its optional fields; `mac` is in the order sent."""

    control: int
    head: bytes
    mac: bytes | None
    body: bytes


def decode_mibeacon(
    message: bytes, mac: bytes, key: bytes | None
) -> DecodedMessage | RejectedMessage:
    """Decode a message of the sensor at `mac`.

    With a key only encrypted objects are accepted, so that nobody can impersonate the sensor.
    """
    frame = _taken_apart(message[len(PREFIX) :])
    if frame is None:
        return RejectedMessage(RejectReason.SHORT)
    if frame.control & _MESH or frame.control >> 12 < _VERSION_MIN:
        return RejectedMessage(RejectReason.VERSION)
    if frame.mac not in {None, mac[::-1]}:
        return RejectedMessage(RejectReason.OTHER_MAC)
    number = frame.head[4]
    if not frame.control & _HAS_OBJECT:
        return DecodedMessage(NAME, packet=number)
    if frame.control & _ENCRYPTED:
        return _sealed(frame, mac, key)
    return (
        RejectedMessage(RejectReason.PLAIN)
        if key
        else DecodedMessage(NAME, _measures(frame.body), number)
    )


def _taken_apart(data: bytes) -> _Frame | None:
    """The frame's fields; None if it is cut off."""
    control = int.from_bytes(data[:2], "little")
    at, mac = _HEAD_BYTES, None
    if control & _HAS_MAC:
        mac = data[at : at + _MAC_BYTES]
        at += _MAC_BYTES
    if control & _HAS_CAPABILITY:
        capability = data[at : at + 1]
        at += 1 + bool(capability and capability[0] & _CAPABILITY_IO)
    return None if at > len(data) else _Frame(control, data[:_HEAD_BYTES], mac, data[at:])


def _sealed(frame: _Frame, mac: bytes, key: bytes | None) -> DecodedMessage | RejectedMessage:
    """The objects, if they were encrypted with our key by that sensor."""
    if frame.control >> 12 < _VERSION_SEALED_MIN:
        return RejectedMessage(RejectReason.LEGACY)
    if key is None:
        return RejectedMessage(RejectReason.SEALED)
    body = frame.body
    if len(body) <= _EXT_BYTES + TAG_BYTES:
        return RejectedMessage(RejectReason.SHORT)
    ext, tag = body[-_EXT_BYTES - TAG_BYTES : -TAG_BYTES], body[-TAG_BYTES:]
    nonce = mac[::-1] + frame.head[2:] + ext
    objects = decrypt_sealed(key, nonce, body[: -_EXT_BYTES - TAG_BYTES] + tag, _ASSOCIATED)
    if objects is None:
        return RejectedMessage(RejectReason.WRONG_KEY)
    number = frame.head[4]
    return DecodedMessage(
        NAME, _measures(objects), number, int.from_bytes(ext, "little") << 8 | number
    )


def _measures(objects: bytes) -> tuple[MeasuredQuantity, ...]:
    """The objects up to the first one that is cut off; unknown ones are skipped."""
    measures: list[MeasuredQuantity] = []
    rest = objects
    while len(rest) >= _OBJECT_HEAD_BYTES:
        number, end = int.from_bytes(rest[:2], "little"), _OBJECT_HEAD_BYTES + rest[2]
        if end > len(rest):
            break
        known, data, rest = OBJECTS.get(number), rest[_OBJECT_HEAD_BYTES:end], rest[end:]
        if known and len(data) >= known.least:
            measures += known.read(data)
    return tuple(measures)
