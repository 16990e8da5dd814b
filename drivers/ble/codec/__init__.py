"""What an advert says. Pure: bytes in, frozen values out; nothing from the air makes it raise.

A *message* is one AD structure of an advert as it was on the air, without its length byte: the
AD type, then the data (Bluetooth Core Specification, Supplement, part A).

    message ──► formats.understand(message, mac, key) ──► Heard | Unheard
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
