"""BTHome v2: service data of FCD2, plain or sealed (https://bthome.io/format/).

info  [mac reversed]  objects…                       plain
info  [mac reversed]  sealed objects  counter  tag   encrypted, info bit 0 set
"""

from drivers.ble.codec.aes_ccm import TAG_BYTES, decrypt_sealed
from drivers.ble.codec.bthome_objects import OBJECTS, PACKET
from drivers.ble.codec.message import DecodedMessage, RejectedMessage, RejectReason

NAME = "bthome"
PREFIX = b"\x16\xd2\xfc"

_VERSION = 2
_ENCRYPTED = 0x01
_HAS_MAC = 0x02
_MAC_BYTES = 6
_COUNTER_BYTES = 4


def decode_bthome(
    message: bytes, mac: bytes, key: bytes | None
) -> DecodedMessage | RejectedMessage:
    """Decode a message of the sensor at `mac`.

    With a key only encrypted messages are accepted, so that nobody can impersonate the sensor.
    """
    data = message[len(PREFIX) :]
    if not data:
        return RejectedMessage(RejectReason.SHORT)
    info = data[0]
    if info >> 5 != _VERSION:
        return RejectedMessage(RejectReason.VERSION)
    body = data[1:]
    if info & _HAS_MAC:
        if len(body) < _MAC_BYTES:
            return RejectedMessage(RejectReason.SHORT)
        mac, body = body[_MAC_BYTES - 1 :: -1], body[_MAC_BYTES:]
    if info & _ENCRYPTED:
        return _sealed(info, body, mac, key)
    return RejectedMessage(RejectReason.PLAIN) if key else _plain(body, None)


def _sealed(
    info: int, body: bytes, mac: bytes, key: bytes | None
) -> DecodedMessage | RejectedMessage:
    """The objects, if they were encrypted with our key by that sensor."""
    if key is None:
        return RejectedMessage(RejectReason.SEALED)
    if len(body) <= _COUNTER_BYTES + TAG_BYTES:
        return RejectedMessage(RejectReason.SHORT)
    sealed = body[: -_COUNTER_BYTES - TAG_BYTES]
    counter, tag = body[-_COUNTER_BYTES - TAG_BYTES : -TAG_BYTES], body[-TAG_BYTES:]
    nonce = mac + PREFIX[1:] + bytes([info]) + counter
    objects = decrypt_sealed(key, nonce, sealed + tag, None)
    if objects is None:
        return RejectedMessage(RejectReason.WRONG_KEY)
    return _plain(objects, int.from_bytes(counter, "little"))


def _plain(objects: bytes, counter: int | None) -> DecodedMessage:
    """The objects up to the first one that is cut off or unknown (as its length is, too)."""
    packet, measures = None, []
    rest = objects
    while rest:
        shape, number, rest = OBJECTS.get(rest[0]), rest[0], rest[1:]
        if shape is None or (size := shape.size(rest)) > len(rest):
            break
        body, rest = rest[:size], rest[size:]
        if number == PACKET:
            packet = body[0]
        elif measure := shape.read(body):
            measures.append(measure)
    return DecodedMessage(NAME, tuple(measures), packet, counter)
