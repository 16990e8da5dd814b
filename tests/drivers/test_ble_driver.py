"""The family: what the settings may say, what a message means to a device; and all BLE profiles."""

import tomllib
from pathlib import Path

import msgspec
import pytest

from drivers import registry
from drivers.ble import bind_keys
from drivers.ble.codec import RejectedMessage, decode_message
from drivers.ble.driver import BUS_KINDS, DRIVER
from drivers.ble.options import BleBusOptions, BleDeviceOptions
from drivers.ble.points import mac_bytes, samples
from drivers.ble.scanner import Advert
from drivers.bus_kinds import bus_kinds
from drivers.contract import Device, GarbledReply, Point, Quality, Sample, WriteSpec, WrongUse
from drivers.profiles import find_profile, profile_ids

GOLDEN = Path(__file__).parents[1] / "golden" / "devices"
MAC = "A4:C1:38:8D:18:B2"
KEY = "231d39c1d7cc1ab1aee224cd096db932"
CLIMATE = Point(id="t", kind="bthome", address="temperature", unit="Cel", decimals=2)
MODELS = [name for name in profile_ids() if find_profile(name).family == "ble"]


def messages(model: str) -> list[dict]:
    return tomllib.loads((GOLDEN / f"{model}.toml").read_text("utf-8"))["message"]


def device(point: Point = CLIMATE, address: str = MAC, **options) -> Device:
    return Device(
        id="d", family="ble", address=address, points=(point,), options=BleDeviceOptions(**options)
    )


def hear(mine: Device, message: bytes) -> list[Sample]:
    """What the message says of the device's points; Garbled if it cannot be understood."""
    options = mine.options or BleDeviceOptions()
    key = bind_keys.parse_key(options.bind_key) if options.bind_key else None
    found = decode_message(message, mac_bytes(mine), key.reveal() if key else None)
    if isinstance(found, RejectedMessage):
        raise GarbledReply(found.why.value, device=mine.id)
    return samples(mine, found)


def test_the_registry_finds_the_family_and_its_kind_of_bus() -> None:
    assert registry.families()["ble"] is DRIVER
    assert bus_kinds()["ble"] is BUS_KINDS[0]
    assert msgspec.convert({"adapter": "hci1"}, BleBusOptions).where == "hci1"
    assert BleBusOptions().where == "Bluetooth"
    for wrong in ({"adapter": "/dev/hci0"}, {"watchdog_s": 1}, {"interval": 3}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, BleBusOptions)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (Device(id="d", family="modbus", address="1", points=()), "ble.other-family"),
        (device(address="A4:C1:38:8D:18"), "ble.bad-address"),
        (device(address="ibeacon/fda50693/1/2"), "ble.bad-address"),
        (device(bind_key="231d"), "ble.bad-key"),
        (device(bind_key="zz" * 16), "ble.bad-key"),
        (device(bind_key=KEY, credential="hall"), "ble.two-keys"),
        (device(Point(id="t", kind="modbus", address="temperature")), "ble.no-format"),
        (device(Point(id="t", kind="bthome", address="mood")), "ble.no-quantity"),
        (device(Point(id="t", kind="bthome", address=2)), "ble.no-quantity"),
        (device(Point(id="t", kind="bthome", address="temperature", unit="K")), "ble.other-unit"),
        (
            device(
                Point(id="b", kind="bthome", address="button", type="string", writable=WriteSpec())
            ),
            "ble.not-writable",
        ),
    ],
)
def test_what_the_family_cannot_use_is_named(wrong, code) -> None:
    assert [error.code for error in DRIVER.check(wrong)] == [code]


def test_what_it_can_use_is_not() -> None:
    beacon = "ibeacon/fda50693-a4e2-4fb1-afcf-c6eb07647825/10001/19641"
    strength = Point(id="rssi", kind="radio", address="rssi", unit="dB[mW]")
    kelvin = Point(
        id="t", kind="bthome", address="temperature", unit="K", offset=273.15, decimals=2
    )
    for right in (
        device(),
        device(address=MAC.lower(), bind_key=KEY),
        device(credential="hall-key"),
        device(strength, address=beacon),
        device(strength, address="eddystone/edd1ebeac04e5defa017/ebb1cb1c7cc1"),
        device(kelvin),
        Device(id="d", family="ble", address=MAC, points=(CLIMATE,)),
    ):
        assert list(DRIVER.check(right)) == []
    (sample,) = hear(device(kelvin), bytes.fromhex("16d2fc4002ca09"))
    assert sample.value == 298.21


def test_a_message_means_its_points_and_no_others() -> None:
    second = Point(id="t2", kind="bthome", address="temperature", unit="Cel", decimals=1, at=1)
    both = Device(id="d", family="ble", address=MAC, points=(CLIMATE, second))
    heard = hear(both, bytes.fromhex("16d2fc4002ca0902cf0903bf13"))
    assert [(each.point.id, each.value) for each in heard] == [("t", 25.06), ("t2", 25.1)]
    assert hear(both, bytes.fromhex("1695fe4050980007" + "0410020a01")) == []
    assert [each.point.id for each in hear(both, bytes.fromhex("16d2fc4002ca09"))] == ["t"]


def test_what_is_out_of_range_is_said_to_be() -> None:
    narrow = Point(id="t", kind="bthome", address="temperature", unit="Cel", min=0, max=20)
    for message, quality in [
        ("16d2fc4002ca09", Quality.OUT_OF_RANGE),
        ("16d2fc4002e803", Quality.GOOD),
        ("16d2fc400218fc", Quality.OUT_OF_RANGE),
    ]:
        (sample,) = hear(device(narrow), bytes.fromhex(message))
        assert sample.quality is quality


def test_a_message_that_cannot_be_understood_is_garbled() -> None:
    with pytest.raises(GarbledReply) as wrong:
        hear(device(bind_key=KEY), bytes.fromhex("16d2fc4002ca09"))
    assert wrong.value.code == "ble.not-encrypted"
    assert wrong.value.data == {"device": "d"}


def test_a_key_never_shows_itself(tmp_path) -> None:
    sealed = device(bind_key=KEY)
    key = bind_keys.parse_key(KEY)
    for shown in (repr(sealed), str(sealed.options), repr(key), f"{sealed.options!r}"):
        assert KEY not in shown
        assert KEY[:8] not in shown
    with pytest.raises(GarbledReply) as wrong:
        hear(sealed, bytes.fromhex("16d2fc41a47266c95f730011223378237214"))
    assert KEY not in repr(wrong.value)


def test_a_key_comes_from_the_credentials_of_systemd_or_from_a_file_that_is_ours(tmp_path) -> None:
    handed, folder = tmp_path / "handed", tmp_path / "keys"
    handed.mkdir()
    folder.mkdir()
    (handed / "hall").write_text(KEY)
    (folder / "roof").write_text(KEY.upper() + "\n")
    (folder / "roof").chmod(0o600)
    environ = {"CREDENTIALS_DIRECTORY": str(handed)}
    assert bind_keys.load_key("hall", environ, folder).reveal() == bytes.fromhex(KEY)
    assert bind_keys.load_key("roof", environ, folder).reveal() == bytes.fromhex(KEY)
    (folder / "open").write_text(KEY)
    (folder / "open").chmod(0o644)
    (folder / "short").write_text("231d")
    (folder / "short").chmod(0o600)
    for name, code in [
        ("../hall", "ble.key-name"),
        ("none", "ble.key-missing"),
        ("open", "ble.key-open"),
        ("short", "ble.key-unusable"),
    ]:
        with pytest.raises(WrongUse) as wrong:
            bind_keys.load_key(name, environ, folder)
        assert (wrong.value.code, wrong.value.data) == (code, {"credential": name})
    with pytest.raises(WrongUse):
        bind_keys.load_key("hall", {}, None)


def test_an_advert_is_taken_apart_as_it_was_on_the_air() -> None:
    services = {
        "0000fcd2-0000-1000-8000-00805f9b34fb": b"\x40",
        "12345678-0000-1000-8000-00805f9b34fb": b"\x01",
        "0000fcd2-1234-1000-8000-00805f9b34fb": b"\x02",
    }
    advert = Advert(MAC, -60, services, {0x004C: b"\x02\x15"})
    assert advert.messages() == [b"\x16\xd2\xfc\x40", b"\xff\x4c\x00\x02\x15"]


@pytest.mark.parametrize("model", MODELS)
def test_a_profile_can_be_used_as_it_stands_and_quotes_its_document(model) -> None:
    profile = find_profile(model)
    assert list(DRIVER.check(profile.device("d", MAC))) == []
    assert profile.sources
    for source in profile.sources:
        assert source.url.startswith("https://")
        assert len(source.rows) >= 2


@pytest.mark.parametrize("model", MODELS)
def test_a_profile_says_of_published_messages_what_their_source_says(model) -> None:
    seen = set()
    for told in messages(model):
        mine = find_profile(model).device(
            "d", told["mac"], options=BleDeviceOptions(bind_key=told.get("key"))
        )
        said = hear(mine, bytes.fromhex(told["message"]))
        assert {each.point.id: each.value for each in said} == told["expect"], told["name"]
        assert all(each.quality is Quality.GOOD for each in said)
        seen |= set(told["expect"])
    heard = {spec.id for spec in find_profile(model).point if spec.kind != "radio"}
    assert seen == heard, "a point that no message shows"


def test_every_profile_has_its_messages_and_every_message_file_a_profile() -> None:
    golden = {
        path.stem
        for path in GOLDEN.glob("*.toml")
        if "message" in tomllib.loads(path.read_text("utf-8"))
    }
    assert golden == set(MODELS)
    assert len(MODELS) >= 14
