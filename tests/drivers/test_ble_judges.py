"""Foreign judges: the published parsers read what our emulator says, and we read what they read.

bthome-ble and xiaomi-ble only decode, so they judge both directions through the emulator: what it
builds from the formats' documents must mean to them what it means to our codec, and the messages
of their own tests, with garbage put in, must mean to us what they mean to them.
"""

import os
import random
import tomllib
from pathlib import Path

import pytest
from bthome_ble import BTHomeBluetoothDeviceData
from habluetooth import BluetoothServiceInfoBleak
from xiaomi_ble import XiaomiBluetoothDeviceData

from drivers.ble.codec import DecodedMessage, decode_message
from drivers.ble.emulator.messages import SensorTurn, encode_bthome, encode_mibeacon

VECTORS = tomllib.loads(
    (Path(__file__).parents[2] / "drivers/ble/vectors.toml").read_text("utf-8")
)["vector"]
MAC = "A4:C1:38:8D:18:B2"
KEY = bytes(range(16))
BTHOME_UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"
MIBEACON_UUID = "0000fe95-0000-1000-8000-00805f9b34fb"

# They keep millimetres, millilitres, a direction beside the steps, a date; we base units.
OTHER_NOTATION = {"distance", "volume", "dimmer", "time"}

QUANTITIES = ("temperature", "humidity", "battery", "illuminance", "conductivity", "formaldehyde")


def info(uuid: str, data: bytes, mac: str, time: float) -> BluetoothServiceInfoBleak:
    return BluetoothServiceInfoBleak(
        name="x", address=mac, rssi=-60, manufacturer_data={}, service_data={uuid: data},
        service_uuids=[], source="", device=None, advertisement=None, connectable=False,
        time=time, tx_power=None,
    )  # fmt: skip


def judged(judge, uuid: str, message: bytes, mac: str) -> list[float | bool | str]:
    """Every value that a published parser reads in one message, without order."""
    update = judge.update(info(uuid, message[3:], mac, 1_000_000.0))
    values = [
        value.native_value
        for key, value in update.entity_values.items()
        if key.key not in {"signal_strength", "packet_id"}
    ]
    values += [value.native_value for value in update.binary_entity_values.values()]
    values += [event.event_type.replace("_", "-") for event in update.events.values()]
    return values


def ours(message: bytes, mac: str, key: bytes | None) -> list[float | bool | str] | None:
    found = decode_message(message, bytes.fromhex(mac.replace(":", "")), key)
    if not isinstance(found, DecodedMessage):
        return None
    return [
        each.value
        for each in found.measures
        if each.value != "none" and each.what != "problem"  # they take a failure for smoke
    ]


def same(left: list, right: list) -> bool:
    """Equal without order; numbers as numbers."""

    def order(values: list) -> list:
        return sorted((str(type(v) is bool), str(v)) if isinstance(v, str | bool)
                      else ("", f"{float(v):.6f}") for v in values)  # fmt: skip

    return order(left) == order(right)


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("seed", range(20))
def test_bthome_ble_reads_our_sensors_as_we_do(key, seed) -> None:
    chance = random.Random(seed)
    for number in range(1, 30):
        values = {
            "temperature": round(chance.uniform(-40, 60), 2),
            "humidity": round(chance.uniform(0, 100), 2),
            "battery": chance.randrange(101),
            "door": chance.random() < 0.5,
            "leak": chance.random() < 0.5,
            "voltage": round(chance.uniform(0, 5), 3),
            "water": round(chance.uniform(0, 1e6), 3),
            "rotation": round(chance.uniform(-180, 180), 1),
            "button": chance.choice(["press", "double-press", "long-press"]),
        }
        for what in chance.sample(sorted(values), 4):
            del values[what]
        mac = bytes.fromhex(MAC.replace(":", ""))
        said = encode_bthome(SensorTurn(number, values, mac, key))
        message = b"\x16\xd2\xfc" + said.service_data[BTHOME_UUID]
        theirs = judged(BTHomeBluetoothDeviceData(bindkey=key), BTHOME_UUID, message, MAC)
        mine = ours(message, MAC, key)
        assert mine is not None
        assert same(mine, theirs)
        assert same(mine, list(values.values()))


@pytest.mark.parametrize("key", [None, KEY])
def test_xiaomi_ble_reads_our_sensors_as_we_do(key) -> None:
    chance = random.Random(7)
    read = 0
    for number in range(1, 200):
        values = {
            "temperature": round(chance.uniform(-20, 60), 1),
            "humidity": round(chance.uniform(0, 100), 1),
            "leak": chance.random() < 0.5,
            "smoke": chance.random() < 0.5,
        }
        mac = bytes.fromhex(MAC.replace(":", ""))
        said = encode_mibeacon(
            SensorTurn(number, values, mac, key), 0x045B
        )  # LYWSD02: keeps the tenths
        message = b"\x16\x95\xfe" + said.service_data[MIBEACON_UUID]
        theirs = judged(XiaomiBluetoothDeviceData(bindkey=key), MIBEACON_UUID, message, MAC)
        mine = ours(message, MAC, key)
        assert mine is not None
        assert same(mine, theirs)
        read += len(mine)
    assert read >= 190


def published(form: str) -> list[dict]:
    return [
        vector
        for vector in VECTORS
        if vector["format"] == form
        and "says" in vector
        and not OTHER_NOTATION & {what for what, _value in vector["says"]}
    ]


def test_every_published_bthome_message_means_the_same_to_both() -> None:
    for vector in published("bthome"):
        message = bytes.fromhex(vector["message"])
        key = bytes.fromhex(vector["key"]) if "key" in vector else None
        judge = BTHomeBluetoothDeviceData(bindkey=key)
        theirs = judged(judge, BTHOME_UUID, message, vector["mac"])
        assert same(ours(message, vector["mac"], key) or [], theirs), vector["name"]
    assert len(published("bthome")) >= 70


def test_every_published_mibeacon_quantity_means_the_same_to_both() -> None:
    compared = 0
    for vector in published("mibeacon"):
        message = bytes.fromhex(vector["message"])
        judge = XiaomiBluetoothDeviceData(bindkey=bytes.fromhex(vector.get("key", "")) or None)
        update = judge.update(info(MIBEACON_UUID, message[3:], vector["mac"], 1_000_000.0))
        theirs = {key.key: value.native_value for key, value in update.entity_values.items()}
        for what, value in vector["says"]:
            if what in QUANTITIES and what in theirs:
                coarse = what == "humidity" and "LYWSD03MMC" in vector["name"]
                assert value == pytest.approx(theirs[what], abs=1 if coarse else 1e-9)
                compared += 1
    assert compared >= 25


def test_damaged_bthome_messages_mean_the_same_to_both() -> None:
    seed = int(os.environ.get("YIZHAN_SEED", "5"))
    chance = random.Random(seed)
    plain = [
        bytes.fromhex(vector["message"])
        for vector in published("bthome")
        if "key" not in vector and bytes.fromhex(vector["message"])[3] & 0x02 == 0
    ]
    plain = [message for message in plain if 0x58 not in message]  # they round 3.15 to 3.1
    others = set()
    for _ in range(2000):
        message = bytearray(chance.choice(plain))
        del message[chance.randrange(5, len(message) + 1) :]
        if len(message) > 5:
            message[-1] = chance.choice([*range(0x58), *range(0x59, 256)])
        mine = ours(bytes(message), MAC, None)
        theirs = judged(BTHomeBluetoothDeviceData(), BTHOME_UUID, bytes(message), MAC)
        assert mine is not None
        if not same(mine, theirs):
            others.add((message.hex(), tuple(mine), tuple(theirs)))
    assert others == set()
    print(f"\nble judges: 2000 damaged messages mean the same to both, seed {seed}")
