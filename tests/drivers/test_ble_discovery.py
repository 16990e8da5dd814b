"""Who is in the air: only sensors of formats that we know, and of a bounded number."""

import random

from drivers.ble.discovery import SENDERS_MAX, SensorDiscovery, matching_models
from drivers.ble.emulator import DEMO_SENSORS, parse_radio
from drivers.ble.emulator.bluez import AdvertPayload, FakeBluez
from drivers.ble.emulator.virtual_radio import VirtualRadio
from drivers.ble.scanner import Advert
from drivers.profiles import load_profiles
from tests.sim.loop import simulated

PROFILES = tuple(load_profiles())


def advert(address: str, said: AdvertPayload) -> Advert:
    return Advert(address, -60, said.service_data, said.maker_data)


@simulated
async def test_the_eight_sensors_are_found_with_a_model_that_says_the_same() -> None:
    air, lookout = (
        VirtualRadio(parse_radio(DEMO_SENSORS.read_text("utf-8")), FakeBluez()),
        SensorDiscovery(),
    )
    for _ in range(6):
        for name, spec in air.spec.sensor.items():
            lookout.add_advert(advert(spec.address, air.next_messages(name)))
    found = {
        name: (seen.sealed, [profile.id for profile in matching_models(seen, PROFILES)])
        for name, spec in air.spec.sensor.items()
        for seen in lookout.seen.values()
        if seen.address == spec.address or seen.address.startswith(f"{spec.format}/")
    }
    assert len(lookout.seen) == 8
    assert found["hall-climate"][1][0] in {"bthome-temperature-humidity", "shelly-blu-ht"}
    assert found["bin-level"][1][0] in {"bthome-distance", "shelly-blu-distance"}
    assert found["wheelchair"] == (False, ["eddystone-telemetry"])
    assert found["parking-tag"] == (False, ["ibeacon"])
    assert {name for name, (sealed, _) in found.items() if sealed} == {
        "cellar-climate", "pharmacy-climate", "pump-leak",
    }  # fmt: skip


def test_a_beacon_is_one_sender_whatever_its_frames_say_first() -> None:
    air, lookout = (
        VirtualRadio(parse_radio(DEMO_SENSORS.read_text("utf-8")), FakeBluez()),
        SensorDiscovery(),
    )
    spec = air.spec.sensor["wheelchair"]
    named = AdvertPayload({"0000feaa-0000-1000-8000-00805f9b34fb": bytes.fromhex(
        "00eb" + spec.says["namespace"] + spec.says["instance"] + "0000")})  # fmt: skip
    told = AdvertPayload(
        {"0000feaa-0000-1000-8000-00805f9b34fb": bytes.fromhex("2000" + "0b75" + "1800" + "00" * 8)}
    )
    for said in (told, named, told):
        lookout.add_advert(advert(spec.address, said))
    (seen,) = lookout.seen.values()
    assert seen.address == f"eddystone/{spec.says['namespace']}/{spec.says['instance']}"
    assert seen.adverts == 3
    assert {"voltage", "temperature"} <= set(seen.says)


def test_a_crowd_of_strangers_is_forgotten_and_a_crowd_of_sensors_bounded() -> None:
    lookout, chance = SensorDiscovery(), random.Random(5)
    for number in range(3 * SENDERS_MAX):
        address = f"7A:00:00:00:{number >> 8:02X}:{number & 0xFF:02X}"
        phone = AdvertPayload(maker_data={0x004C: b"\x10" + chance.randbytes(6)})
        assert lookout.add_advert(advert(address, phone)) is None
    assert lookout.seen == {}
    for number in range(3 * SENDERS_MAX):
        address = f"7A:00:00:00:{number >> 8:02X}:{number & 0xFF:02X}"
        climate = AdvertPayload(
            {"0000fcd2-0000-1000-8000-00805f9b34fb": bytes.fromhex("4002ca0903bf13")}
        )
        lookout.add_advert(advert(address, climate))
    assert len(lookout.seen) == SENDERS_MAX
