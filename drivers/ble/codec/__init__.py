"""Decoding of adverts. Pure: bytes in, frozen values out; no received bytes make it raise.

A *message* is one AD structure of an advert as sent, without its length byte: the AD type, then the
data (Bluetooth Core Specification, Supplement, part A).

    message ──► formats.decode_message(message, mac, key) ──► DecodedMessage | RejectedMessage
                 ├── bthome      16 D2 FC …
                 ├── mibeacon    16 95 FE …
                 ├── eddystone   16 AA FE …
                 └── ibeacon     FF 4C 00 02 15 …
"""

from drivers.ble.codec.formats import FORMATS, AdvertFormat, decode_message, format_of
from drivers.ble.codec.message import (
    DecodedMessage,
    MeasuredQuantity,
    RejectedMessage,
    RejectReason,
)

__all__ = [
    "FORMATS",
    "AdvertFormat",
    "DecodedMessage",
    "MeasuredQuantity",
    "RejectReason",
    "RejectedMessage",
    "decode_message",
    "format_of",
]
