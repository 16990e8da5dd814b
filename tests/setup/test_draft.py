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
from gateway.appliance.load import examine_text
from gateway.errors import UsageError
from gateway.settings import edited
from gateway.setup import draft
from gateway.setup.contract import BusPlan, Changes, Model, Plan
from tests.setup.look import EMPTY, WIRED
from tests.setup.rig import BARE

BARE_TEXT = BARE.format(port=8080, lan_port=8443)
EXAMPLE = config_path("station.example.toml").read_text("utf-8")


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


def applied(table: dict[str, Any], changes: Changes) -> dict[str, Any]:
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


def forms() -> list[Changes]:
    """One of every form, as an installer fills it in."""
    rows = [draft.Row("17", "eastron-sdm120", "新表", "b3", "9600 8N1")]
    return [
        draft.line({"port": "/dev/yizhan/uart", "rs485": "on", "line": "2400 8E1"}, WIRED),
        draft.line({"kind": "modbus-tcp", "address": "10.0.0.5:502"}, WIRED),
        draft.devices(rows, "meters", WIRED),
        draft.place({"name": "4号楼\n5号楼", "in": ""}, WIRED),
        draft.zone({"name": "两栋", "sound": "community"}, ["b3"], WIRED),
        draft.speaker({"kind": "unicast", "where": "10.0.0.9:5004"}, ["b3"], WIRED),
        draft.platform({"id": "other", "url": "https://iot.example.cn/"}),
    ]


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("text", [BARE_TEXT, EXAMPLE], ids=["bare", "example"])
def test_what_was_there_stays_and_no_comment_is_lost(text: str, number: int) -> None:
    changes = forms()[number]
    after = edited(text, changes)
    assert comments(after) == comments(text)
    assert tomllib.loads(after) == applied(tomllib.loads(text), changes)
    kept = [line for line in text.splitlines() if line.strip()]
    left = iter(after.splitlines())
    assert all(line in left for line in kept), "every line is there, in its order"


def test_the_whole_way_makes_settings_without_a_mistake(tmp_path: Path) -> None:
    """Each form's result is the next form's beginning, as on the pages."""
    text, buses = BARE_TEXT, (BusPlan("line-1", "serial", "/dev/ttyUSB0", "9600 8N1"),)
    plan = Plan(station="x", name="x", buses=buses, models=EMPTY.models)
    for changes in (
        draft.place({"name": "3号楼"}, EMPTY),
        draft.line({"port": "/dev/ttyUSB0"}, EMPTY),
        draft.devices([draft.Row("1", "eastron-sdm120", "", "place-1")], "line-1", plan),
        draft.zone({"name": "全部", "sound": "indoors"}, ["place-1"], EMPTY),
        draft.speaker({"kind": "sound-card", "name": "大厅"}, ["zone-1"], EMPTY),
        draft.platform({"url": "https://iot.example.cn/"}),
    ):
        text = edited(text, changes)
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
    after = edited(text, draft.wired(form, plan))
    settings, mistakes = examine_text(after.encode(), tmp_path / "station.toml")
    assert settings is not None, mistakes
    (step,) = settings.rules.duty.escalate
    assert step.to == ("li" if duty else "值班员")
    assert [watch.facts.rule for watch in settings.rules.watches] == ["sos"]
    calling = msgspec.structs.replace(plan, calls=True)
    assert len(draft.wired(form, calling)) == 1, "what is written stays as it is"


def test_a_line_has_a_name_and_a_port_that_is_chosen_or_written() -> None:
    chosen = draft.line({"name": "3号楼电表线", "port": "/dev/ttyUSB0", "port_other": ""}, EMPTY)
    assert chosen[("bus", "line-1", "name")] == "3号楼电表线"
    assert chosen[("bus", "line-1", "port")] == "/dev/ttyUSB0"
    other = draft.line({"port": "/dev/ttyUSB0", "port_other": " /dev/ttyX1 "}, EMPTY)
    assert other[("bus", "line-1", "port")] == "/dev/ttyX1"


def test_the_station_itself_is_a_place_that_is_chosen() -> None:
    changes = draft.devices([draft.Row("1", "eastron-sdm120", "", draft.HERE)], "meters", WIRED)
    assert changes[("device", "eastron-sdm120-1", "place")] == ""


def test_an_input_is_written_changed_and_taken_away() -> None:
    module = '[device.di-b3]\nprofile = "generic-di8"  # 值班室\n'
    form = {"id": "di-b3", "number": "2", "kind": "key", "name": "通知键", "place": "b3"}
    text = edited(module, draft.wired(form, WIRED))
    wired = tomllib.loads(text)["device"]["di-b3"]["inputs"]["2"]
    assert wired == {
        "id": "key", "is": "key", "name": "通知键", "place": "b3", "normally": "open"
    }  # fmt: skip
    renamed = draft.wired({**form, "number": "1", "kind": "smoke", "name": "烟感"}, WIRED)
    assert renamed[("device", "di-b3", "inputs", "1", "id")] == "smoke", "an id stays"
    gone = edited(text, draft.wired({**form, "kind": ""}, WIRED))
    assert tomllib.loads(gone)["device"]["di-b3"]["inputs"] == {}
    assert "# 值班室" in gone


def test_what_cannot_be_meant_is_refused() -> None:
    refused = {
        "setup.none-chosen": lambda: draft.devices([], "meters", WIRED),
        "setup.no-model": lambda: draft.devices([draft.Row("1", "", "", "")], "meters", WIRED),
        "setup.no-place": lambda: draft.devices(
            [draft.Row("1", "eastron-sdm120", "", "")], "meters", WIRED
        ),
        "setup.twice": lambda: draft.line({"id": "meters"}, WIRED),
        "setup.no-input": lambda: draft.wired({"id": "di-b3", "number": "9"}, WIRED),
        "setup.not-removable": lambda: draft.removal("station", "id"),
        "setup.no-name": lambda: draft.place({"name": " \n "}, WIRED),
    }
    for code, act in refused.items():
        with pytest.raises(UsageError) as error:
            act()
        assert error.value.code == code


@given(st.lists(st.sampled_from(["1", "01", "11", "000000000011", "AA:BB"]), max_size=12))
def test_no_two_devices_get_one_id(addresses: list[str]) -> None:
    models = (Model("m" * 63, "表", "modbus"),)
    plan = Plan(station="x", name="x", models=models)
    rows = [draft.Row(address, models[0].id, "", draft.HERE) for address in addresses]
    if not rows:
        return
    changes = draft.devices(rows, "line-1", plan)
    ids = {key[1] for key in changes}
    assert len(ids) == len(rows)
    assert all(len(each) <= 63 for each in ids)
