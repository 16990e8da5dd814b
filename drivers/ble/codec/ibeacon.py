"""iBeacon: manufacturer data of Apple, type 2 (Apple, Proximity Beacon Specification).

02 15  uuid(16)  major(2)  minor(2)  power at 1 m(1)        big endian
"""

import struct

from drivers.ble.codec.message import (
    DecodedMessage,
    MeasuredQuantity,
    RejectedMessage,
    RejectReason,
)

NAME = "ibeacon"
PREFIX = b"\xff\x4c\x00\x02\x15"
UNITS = {"uuid": "1", "major": "1", "minor": "1", "tx-power": "dB[mW]"}

_BODY = struct.Struct(">16sHHb")


def decode_ibeacon(
    message: bytes, _mac: bytes, _key: bytes | None
) -> DecodedMessage | RejectedMessage:
    """The beacon's identity."""
    body = message[len(PREFIX) :]
    if len(body) < _BODY.size:
        return RejectedMessage(RejectReason.SHORT)
    raw, major, minor, power = _BODY.unpack_from(body)
    digits = raw.hex()
    uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    measures = (
        MeasuredQuantity("uuid", uuid),
        MeasuredQuantity("major", major, count=major),
        MeasuredQuantity("minor", minor, count=minor),
        MeasuredQuantity("tx-power", power, UNITS["tx-power"]),
    )
    return DecodedMessage(NAME, measures, identity=f"{NAME}/{uuid}/{major}/{minor}")
