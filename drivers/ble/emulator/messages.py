"""The messages of emulated sensors, built from the documents of the formats.

BTHome v2: https://bthome.io/format/. MiBeacon: Mijia BLE Broadcasting Protocol, Mi Beacon v4, and
Mijia BLE Object Definition. iBeacon: Proximity Beacon Specification. Eddystone:
github.com/google/eddystone. Quantities have the names that the profiles use.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from drivers.ble.emulator.bluez import AdvertPayload

Values: TypeAlias = Mapping[str, Any]

_TAG_BYTES = 4
_SIG = "-0000-1000-8000-00805f9b34fb"


class SensorTurn(NamedTuple):
    """One message of a sensor: its number, its values and its encryption."""

    number: int
    values: Values
    mac: bytes
    key: bytes | None


def _fixed(number: int, form: str, per_unit: float = 1) -> Callable[[Any], bytes]:
    return lambda value: bytes([number]) + struct.pack(form, round(value * per_unit))


def _three(number: int, per_unit: float) -> Callable[[Any], bytes]:
    return lambda value: bytes([number]) + round(value * per_unit).to_bytes(3, "little")


_PRESSES = ("none", "press", "double-press", "triple-press", "long-press")

_BTHOME: dict[str, Callable[[Any], bytes]] = {
    "battery": _fixed(0x01, "<B"),
    "temperature": _fixed(0x02, "<h", 100),
    "humidity": _fixed(0x03, "<H", 100),
    "illuminance": _three(0x05, 100),
    "voltage": _fixed(0x0C, "<H", 1000),
    "co2": _fixed(0x12, "<H"),
    "door": _fixed(0x1A, "<B"),
    "leak": _fixed(0x20, "<B"),
    "motion": _fixed(0x21, "<B"),
    "occupancy": _fixed(0x23, "<B"),
    "smoke": _fixed(0x29, "<B"),
    "tamper": _fixed(0x2B, "<B"),
    "window": _fixed(0x2D, "<B"),
    "button": lambda value: bytes([0x3A, _PRESSES.index(value)]),
    "rotation": _fixed(0x3F, "<h", 10),
    "distance": _fixed(0x40, "<H", 1000),
    "water": _fixed(0x4F, "<I", 1000),
}


def encode_bthome(turn: SensorTurn) -> AdvertPayload:
    """Packet number and all values, in the order of their object ids."""
    objects = sorted(_BTHOME[what](value) for what, value in turn.values.items())
    plain = bytes([0x00, turn.number & 0xFF]) + b"".join(objects)
    if turn.key is None:
        return _service("fcd2", b"\x40" + plain)
    info, counter = b"\x41", struct.pack("<I", turn.number)
    nonce = turn.mac + b"\xd2\xfc" + info + counter
    sealed = AESCCM(turn.key, tag_length=_TAG_BYTES).encrypt(nonce, plain, None)
    return _service("fcd2", info + sealed[:-_TAG_BYTES] + counter + sealed[-_TAG_BYTES:])


def _object(number: int, form: str, per_unit: float = 1) -> Callable[[Any], bytes]:
    def pack(value: Any) -> bytes:
        raw = struct.pack(form, value if form == "<f" else round(value * per_unit))
        return struct.pack("<HB", number, len(raw)) + raw

    return pack


_MIBEACON: dict[str, Callable[[Any], bytes]] = {
    "temperature": _object(0x1004, "<h", 10),
    "humidity": _object(0x1006, "<H", 10),
    "battery": _object(0x100A, "<B"),
    "leak": _object(0x1014, "<B"),
    "smoke": _object(0x1015, "<B"),
    "idle": _object(0x1017, "<I"),
    "light": _object(0x1018, "<B"),
    "door": lambda value: _object(0x1019, "<B")(not value),
}

_MI_OBJECT, _MI_SEALED, _MI_VERSION = 1 << 6, 1 << 3, 5 << 12


def encode_mibeacon(turn: SensorTurn, product: int) -> AdvertPayload:
    """One value per message, as these sensors do."""
    names = list(turn.values)
    what = names[turn.number % len(names)]
    plain = _MIBEACON[what](turn.values[what])
    frame = turn.number & 0xFF
    control = _MI_VERSION | _MI_OBJECT | (_MI_SEALED if turn.key else 0)
    head = struct.pack("<HHB", control, product, frame)
    if turn.key is None:
        return _service("fe95", head + plain)
    ext = (turn.number >> 8).to_bytes(3, "little")
    nonce = turn.mac[::-1] + head[2:] + ext
    sealed = AESCCM(turn.key, tag_length=_TAG_BYTES).encrypt(nonce, plain, b"\x11")
    return _service("fe95", head + sealed[:-_TAG_BYTES] + ext + sealed[-_TAG_BYTES:])


def encode_ibeacon(turn: SensorTurn) -> AdvertPayload:
    """The identity, always the same."""
    uuid = bytes.fromhex(str(turn.values["uuid"]).replace("-", ""))
    major, minor = turn.values["major"], turn.values["minor"]
    power = turn.values.get("tx-power", -59)
    return AdvertPayload(
        maker_data={0x004C: b"\x02\x15" + uuid + struct.pack(">HHb", major, minor, power)}
    )


def encode_eddystone(turn: SensorTurn) -> AdvertPayload:
    """Identity and telemetry by turns."""
    if turn.number % 2:
        millivolts = round(turn.values.get("voltage", 0) * 1000)
        temperature = round(turn.values.get("temperature", -128) * 256)
        body = struct.pack(
            ">BBHhII", 0x20, 0, millivolts, temperature, turn.number, turn.number * 10
        )
    else:
        named = str(turn.values["namespace"]) + str(turn.values["instance"])
        body = b"\x00\xeb" + bytes.fromhex(named) + b"\x00\x00"
    return _service("feaa", body)


def _service(uuid16: str, data: bytes) -> AdvertPayload:
    return AdvertPayload(service_data={f"0000{uuid16}{_SIG}": data})
