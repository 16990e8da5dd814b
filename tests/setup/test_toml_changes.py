"""Forms as keys of `station.toml`: what was there stays there, comments and all."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.data_files import config_path
from gateway.config.load import examine_text
from gateway.errors import UsageError
from gateway.setup import toml_changes
from gateway.setup.ports import LinePlan, ModelPlan, SettingChanges, SetupPlan
from gateway.toml import edit_text
from tests.setup.gallery import EMPTY, WIRED
from tests.setup.harness import BARE

BARE_TEXT = BARE.format(port=8080, lan_port=8443)
EXAMPLE = config_path("station.example.toml").read_text("utf-8")


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


def applied(table: dict[str, Any], changes: SettingChanges) -> dict[str, Any]:
    """What the changes mean, on plain tables."""
    for key, value in changes.items():
        inner = table
        for part in key[:-1]:
            inner = inner.setdefault(part, {})
        if value is None:
            inner.pop(key[-1], None)
        else:
            inner[key[-1]] = dict(value) if isinstance(value, Mapping) else value
    return table


def forms() -> list[SettingChanges]:
    """One of every form, as an installer fills it in."""
    rows = [toml_changes.NewDeviceRow("17", "eastron-sdm120", "新表", "b3", "9600 8N1")]
    return [
        toml_changes.bus_changes(
            {"port": "/dev/yizhan/uart", "rs485": "on", "line": "2400 8E1"}, WIRED
        ),
        toml_changes.bus_changes({"kind": "modbus-tcp", "address": "10.0.0.5:502"}, WIRED),
        toml_changes.device_changes(rows, "meters", WIRED),
        toml_changes.place_changes({"name": "4号楼\n5号楼", "in": ""}, WIRED),
        toml_changes.zone_changes({"name": "两栋", "sound": "community"}, ["b3"], WIRED),
        toml_changes.speaker_changes({"kind": "unicast", "where": "10.0.0.9:5004"}, ["b3"], WIRED),
        toml_changes.uplink_changes({"id": "other", "url": "https://iot.example.cn/"}),
    ]


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("text", [BARE_TEXT, EXAMPLE], ids=["bare", "example"])
def test_what_was_there_stays_and_no_comment_is_lost(text: str, number: int) -> None:
    changes = forms()[number]
    after = edit_text(text, changes)
    assert comments(after) == comments(text)
    assert tomllib.loads(after) == applied(tomllib.loads(text), changes)
    kept = [line for line in text.splitlines() if line.strip()]
    left = iter(after.splitlines())
    assert all(line in left for line in kept), "every line is there, in its order"


def test_the_whole_way_makes_settings_without_a_mistake(tmp_path: Path) -> None:
    """Each form's result is the next form's beginning, as on the pages."""
    text, buses = BARE_TEXT, (LinePlan("line-1", "serial", "/dev/ttyUSB0", "9600 8N1"),)
    plan = SetupPlan(station="x", name="x", buses=buses, models=EMPTY.models)
    for changes in (
        toml_changes.place_changes({"name": "3号楼"}, EMPTY),
        toml_changes.bus_changes({"port": "/dev/ttyUSB0"}, EMPTY),
        toml_changes.device_changes(
            [toml_changes.NewDeviceRow("1", "eastron-sdm120", "", "place-1")], "line-1", plan
        ),
        toml_changes.zone_changes({"name": "全部", "sound": "indoors"}, ["place-1"], EMPTY),
        toml_changes.speaker_changes({"kind": "sound-card", "name": "大厅"}, ["zone-1"], EMPTY),
        toml_changes.uplink_changes({"url": "https://iot.example.cn/"}),
    ):
        text = edit_text(text, changes)
        settings, mistakes = examine_text(text.encode(), tmp_path / "station.toml")
        assert settings is not None, mistakes
    assert set(settings.devices) == {"eastron-sdm120-1"}
    assert settings.sound.speakers["speaker-1"].zones == ("zone-1",)


@pytest.mark.parametrize("duty", ["", '[duty]\nroster = [{ who = "li", by = ["desk"] }]\n'])
def test_an_sos_that_is_wired_has_somebody_called_for_it(tmp_path: Path, duty: str) -> None:
    text = (
        f'{BARE_TEXT}\n[bus.line-1]\nkind = "modbus-tcp"\naddress = "10.0.0.5:502"\n'
        '[place]\nb3 = { name = "3号楼" }\n[device.di-b3]\nname = "触点"\nprofile = "generic-di8"\n'
        f'bus = "line-1"\naddress = "9"\nplace = "b3"\n{duty}'
    )
    form = {"id": "di-b3", "number": "2", "kind": "sos", "name": "求助", "place": "b3"}
    plan = msgspec.structs.replace(WIRED, calls=False, on_duty="li" if duty else "")
    after = edit_text(text, toml_changes.input_changes(form, plan))
    settings, mistakes = examine_text(after.encode(), tmp_path / "station.toml")
    assert settings is not None, mistakes
    (step,) = settings.rules.duty.escalate
    assert step.to == ("li" if duty else "值班员")
    assert [watch.facts.rule for watch in settings.rules.watches] == ["sos"]
    calling = msgspec.structs.replace(plan, calls=True)
    assert len(toml_changes.input_changes(form, calling)) == 1, "what is written stays as it is"


def test_a_line_has_a_name_and_a_port_that_is_chosen_or_written() -> None:
    chosen = toml_changes.bus_changes(
        {"name": "3号楼电表线", "port": "/dev/ttyUSB0", "port_other": ""}, EMPTY
    )
    assert chosen[("bus", "line-1", "name")] == "3号楼电表线"
    assert chosen[("bus", "line-1", "port")] == "/dev/ttyUSB0"
    other = toml_changes.bus_changes({"port": "/dev/ttyUSB0", "port_other": " /dev/ttyX1 "}, EMPTY)
    assert other[("bus", "line-1", "port")] == "/dev/ttyX1"


def test_the_station_itself_is_a_place_that_is_chosen() -> None:
    changes = toml_changes.device_changes(
        [toml_changes.NewDeviceRow("1", "eastron-sdm120", "", toml_changes.HERE)], "meters", WIRED
    )
    assert changes[("device", "eastron-sdm120-1", "place")] == ""


def test_an_input_is_written_changed_and_taken_away() -> None:
    module = '[device.di-b3]\nprofile = "generic-di8"  # 值班室\n'
    form = {"id": "di-b3", "number": "2", "kind": "key", "name": "通知键", "place": "b3"}
    text = edit_text(module, toml_changes.input_changes(form, WIRED))
    wired = tomllib.loads(text)["device"]["di-b3"]["inputs"]["2"]
    assert wired == {
        "id": "key", "is": "key", "name": "通知键", "place": "b3", "normally": "open"
    }  # fmt: skip
    renamed = toml_changes.input_changes(
        {**form, "number": "1", "kind": "smoke", "name": "烟感"}, WIRED
    )
    assert renamed[("device", "di-b3", "inputs", "1", "id")] == "smoke", "an id stays"
    gone = edit_text(text, toml_changes.input_changes({**form, "kind": ""}, WIRED))
    assert tomllib.loads(gone)["device"]["di-b3"]["inputs"] == {}
    assert "# 值班室" in gone


def test_what_cannot_be_meant_is_refused() -> None:
    refused = {
        "setup.none-chosen": lambda: toml_changes.device_changes([], "meters", WIRED),
        "setup.no-model": lambda: toml_changes.device_changes(
            [toml_changes.NewDeviceRow("1", "", "", "")], "meters", WIRED
        ),
        "setup.no-place": lambda: toml_changes.device_changes(
            [toml_changes.NewDeviceRow("1", "eastron-sdm120", "", "")], "meters", WIRED
        ),
        "setup.twice": lambda: toml_changes.bus_changes({"id": "meters"}, WIRED),
        "setup.no-input": lambda: toml_changes.input_changes({"id": "di-b3", "number": "9"}, WIRED),
        "setup.not-removable": lambda: toml_changes.removal_changes("station", "id"),
        "setup.no-name": lambda: toml_changes.place_changes({"name": " \n "}, WIRED),
    }
    for code, act in refused.items():
        with pytest.raises(UsageError) as error:
            act()
        assert error.value.code == code


@given(st.lists(st.sampled_from(["1", "01", "11", "000000000011", "AA:BB"]), max_size=12))
def test_no_two_devices_get_one_id(addresses: list[str]) -> None:
    models = (ModelPlan("m" * 63, "表", "modbus"),)
    plan = SetupPlan(station="x", name="x", models=models)
    rows = [
        toml_changes.NewDeviceRow(address, models[0].id, "", toml_changes.HERE)
        for address in addresses
    ]
    if not rows:
        return
    changes = toml_changes.device_changes(rows, "line-1", plan)
    ids = {key[1] for key in changes}
    assert len(ids) == len(rows)
    assert all(len(each) <= 63 for each in ids)
