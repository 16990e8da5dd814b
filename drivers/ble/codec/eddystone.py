"""Eddystone: service data of FEAA, frames UID, URL and plain TLM (github.com/google/eddystone).

    00  power(1) namespace(10) instance(6) [reserved(2)]
    10  power(1) scheme(1) encoded url(1…17)
    20  00 battery mV(2) temperature 8.8(2) adverts(4) 0.1 s since start(4)      big endian

EID and sealed TLM change with a secret that only the registering service knows: not understood.
"""

import struct

from drivers.ble.codec.message import (
    DecodedMessage,
    MeasuredQuantity,
    RejectedMessage,
    RejectReason,
)

NAME = "eddystone"
PREFIX = b"\x16\xaa\xfe"
UNITS = {
    "namespace": "1", "instance": "1", "url": "1", "tx-power": "dB[mW]", "voltage": "V",
    "temperature": "Cel", "adverts": "1", "uptime": "s",
}  # fmt: skip

_UID, _URL, _TLM = 0x00, 0x10, 0x20
_UID_BODY = struct.Struct(">b10s6s")
_TLM_BODY = struct.Struct(">BHhII")
_TLM_PLAIN = 0
_NO_TEMPERATURE = -0x8000
_COUNT_MODULUS = 1 << 32

_SCHEMES = ("http://www.", "https://www.", "http://", "https://")
_ENDINGS = (
    ".com/", ".org/", ".edu/", ".net/", ".info/", ".biz/", ".gov/",
    ".com", ".org", ".edu", ".net", ".info", ".biz", ".gov",
)  # fmt: skip
_PRINTABLE = range(0x21, 0x7F)


def decode_eddystone(
    message: bytes, _mac: bytes, _key: bytes | None
) -> DecodedMessage | RejectedMessage:
    """The beacon's identity, URL or telemetry."""
    frame = message[len(PREFIX) :]
    if not frame:
        return RejectedMessage(RejectReason.SHORT)
    read = {_UID: _uid, _URL: _url, _TLM: _tlm}.get(frame[0])
    return RejectedMessage(RejectReason.VERSION) if read is None else read(frame[1:])


def _uid(body: bytes) -> DecodedMessage | RejectedMessage:
    if len(body) < _UID_BODY.size:
        return RejectedMessage(RejectReason.SHORT)
    power, namespace, instance = _UID_BODY.unpack_from(body)
    measures = (
        MeasuredQuantity("namespace", namespace.hex()),
        MeasuredQuantity("instance", instance.hex()),
        MeasuredQuantity("tx-power", power, UNITS["tx-power"]),
    )
    return DecodedMessage(NAME, measures, identity=f"{NAME}/{namespace.hex()}/{instance.hex()}")


def _url(body: bytes) -> DecodedMessage | RejectedMessage:
    if len(body) < 3:  # noqa: PLR2004 - power, scheme, and at least one character
        return RejectedMessage(RejectReason.SHORT)
    scheme, parts = body[1], [_part(byte) for byte in body[2:]]
    if scheme >= len(_SCHEMES) or None in parts:
        return RejectedMessage(RejectReason.VERSION)
    power = int.from_bytes(body[:1], signed=True)
    url = _SCHEMES[scheme] + "".join(filter(None, parts))
    return DecodedMessage(
        NAME, (MeasuredQuantity("url", url), MeasuredQuantity("tx-power", power, UNITS["tx-power"]))
    )


def _part(byte: int) -> str | None:
    """The meaning of one byte of an encoded URL; None: reserved."""
    if byte < len(_ENDINGS):
        return _ENDINGS[byte]
    return chr(byte) if byte in _PRINTABLE else None


def _tlm(body: bytes) -> DecodedMessage | RejectedMessage:
    if body[:1] != bytes([_TLM_PLAIN]):
        return RejectedMessage(RejectReason.VERSION if body else RejectReason.SHORT)
    if len(body) < _TLM_BODY.size:
        return RejectedMessage(RejectReason.SHORT)
    _, millivolts, temperature, adverts, tenths = _TLM_BODY.unpack_from(body)
    measures = [
        MeasuredQuantity("adverts", adverts, UNITS["adverts"], adverts, _COUNT_MODULUS),
        MeasuredQuantity("uptime", tenths / 10, UNITS["uptime"], tenths, _COUNT_MODULUS),
    ]
    if millivolts:
        measures.append(
            MeasuredQuantity("voltage", millivolts / 1000, UNITS["voltage"], millivolts)
        )
    if temperature != _NO_TEMPERATURE:
        celsius = round(temperature / 256, 2)
        measures.append(MeasuredQuantity("temperature", celsius, UNITS["temperature"], temperature))
    return DecodedMessage(NAME, tuple(measures))
