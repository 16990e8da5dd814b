"""The demo's field: a mixed line, eight sensors in the air, and everything about them breakable."""

import shutil
from collections import Counter

import pytest
from aiohttp.test_utils import TestClient, TestServer

from drivers.ble.emulator import (
    ADAPTER_FAULTS,
    DEMO_SENSORS,
    SENSOR_FAULTS,
    FakeBluez,
    VirtualRadio,
)
from drivers.ble.emulator import parse_radio as parse_air
from drivers.emulate.field import EmulatedField, parse_field
from drivers.profiles import find_profile
from gateway.config.bus_fit import surveys
from gateway.config.load import examine
from gateway.demo import command
from gateway.demo.config_files import PORTS, write_settings
from gateway.demo.field.fault_panel import FAULT_NAMES, FaultPanel
from gateway.demo.field.panel_view import FAULTS, TRIP, LineCard, RadioCard
from gateway.demo.field.scenarios import Scenarios
from gateway.texts import Texts
from tests.sim.loop import simulated


@pytest.fixture
def field(tmp_path):
    write_settings(tmp_path, PORTS._replace(gateway=0), air=True)
    spec = parse_field((tmp_path / "field.toml").read_text("utf-8"))
    return spec, EmulatedField.from_spec(spec, find_profile)


def test_the_demo_has_what_a_community_has(tmp_path, field) -> None:
    settings, mistakes = examine(tmp_path / "config")
    assert mistakes == ()
    _, played = field
    devices = settings.devices.values()
    wired = {each.id for each in devices if each.options.bus_id != "air"}
    assert wired == set(played.meters)
    assert len(wired) >= 20
    families = Counter(each.profile.family for each in devices if each.options.bus_id == "yard")
    assert set(families) == {"modbus", "dlt645", "cjt188"}
    air = parse_air(DEMO_SENSORS.read_text("utf-8")).sensor
    assert {each.id for each in devices if each.options.bus_id == "air"} == set(air)
    assert len(air) == 8
    assert all(found.load.is_bearable for _, found in surveys(settings.buses, settings.devices))


def test_without_a_d_bus_the_demo_is_wired_only_and_says_so(tmp_path, monkeypatch, capsys) -> None:
    played = []

    async def play(folder, ports, texts, air) -> int:
        played.append(air)
        return 0

    monkeypatch.setattr(command, "_play", play)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(command, "free_ports", lambda: PORTS)
    assert command.run(_arguments(tmp_path)) == 0
    assert played == [None]
    assert "dbus-daemon" in capsys.readouterr().out
    settings, mistakes = examine(tmp_path / "config")
    assert mistakes == ()
    assert "air" not in settings.buses


def _arguments(folder):
    import argparse  # noqa: PLC0415 - only here

    return argparse.Namespace(dir=folder, fresh=False)


@simulated
async def test_every_fault_of_every_device_can_be_given_and_taken_back(field) -> None:
    spec, played = field
    air = VirtualRadio(parse_air(DEMO_SENSORS.read_text("utf-8")), FakeBluez())
    lines = [LineCard(played, name, {}, spec) for name in played.buses]
    for card in (*lines, RadioCard(air, {})):
        for device in card.state()["devices"]:
            for fault in device["faults"]:
                await card.wish(device["id"], fault)
                shown = {each["id"]: each["fault"] for each in card.state()["devices"]}
                assert shown[device["id"]] == fault
            with pytest.raises(KeyError):
                await card.wish(device["id"], "no-such-fault")
        await card.heal() if isinstance(card, RadioCard) else None
    assert {each["id"] for each in lines[2].state()["devices"] if TRIP in each["faults"]} == {
        "di-yard"
    }


@simulated
async def test_a_tripped_contact_changes_and_rests_again(field) -> None:
    spec, played = field
    card = LineCard(played, "keys", {}, spec)
    image = played.meters["di-b3"].slave.image
    assert image.read("discrete", 0, 1) == [1], "normally closed: the smoke sensor rests"
    await card.wish("di-b3", TRIP)
    assert image.read("discrete", 0, 1) == [0]
    await card.wish("di-b3", "")
    assert image.read("discrete", 0, 1) == [1]


async def test_the_panel_shows_every_card_and_has_a_word_for_every_fault(field) -> None:
    spec, played = field
    air = VirtualRadio(parse_air(DEMO_SENSORS.read_text("utf-8")), FakeBluez())
    cards = [LineCard(played, name, {}, spec) for name in played.buses] + [RadioCard(air, {})]
    panel = FaultPanel(cards, Scenarios(played), *["http://127.0.0.1:9"] * 3)
    async with TestClient(TestServer(panel.app())) as client:
        state = await (await client.get("/api/state")).json()
        assert [line["name"] for line in state["lines"]] == [*played.buses, "air"]
        wish = {"name": "pump-leak", "fault": "silent"}
        assert (await client.post("/api/wish", json=wish)).status == 200
        assert air.faults == {"pump-leak": "silent"}
        assert (await client.post("/api/wish", json={"name": "nobody"})).status == 400
        assert (await client.post("/api/heal")).status == 200
        assert air.faults == {}
    await played.stop()
    assert set(FAULTS) | {TRIP} | set(SENSOR_FAULTS) | set(ADAPTER_FAULTS) <= set(FAULT_NAMES)
    texts = Texts("zh")
    assert all(f"demo.fault-{name}" in texts for name in FAULT_NAMES)
