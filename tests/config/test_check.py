"""`yizhan check` as the installer meets it: every mistake in any section, or the forecast."""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway import check
from gateway.config.forecast import make_forecast
from gateway.config.json_schema import json_schema
from gateway.config.load import examine, load, salvage
from gateway.config.mistake_text import mistakes_text
from gateway.config.remarks import forecast_remarks
from gateway.config.web_ports import held_ports
from gateway.errors import SettingsError
from gateway.texts import LANGUAGES, Texts

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = (ROOT / "config/station.example.toml").read_text("utf-8")

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the example with some passages exchanged, and something added."""

    def written(*changes: tuple[str, str], more: str = "") -> Path:
        text = EXAMPLE
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        (tmp_path / "station.toml").write_text(text + more, "utf-8")
        return tmp_path

    return written


def found(config: Path) -> list[tuple[int, str, str]]:
    settings, mistakes = examine(config)
    assert (settings is None) == bool(mistakes)
    return [(m.line, m.path, m.code) for m in mistakes]


def line_of(text: str) -> int:
    return EXAMPLE[: EXAMPLE.index(text)].count("\n") + 1


def test_the_example_passes(write: Write) -> None:
    settings = load(write())
    assert settings.station.id == "wangjing-07"
    assert [d.id for d in settings.devices_on("meters")] == ["em-b3", "em-b5"]
    assert settings.devices["em-b3"].device.every_s == 15
    assert settings.places.path("b3-lift") == "第31网格 › 3号楼 › 3号楼电梯"


def test_a_folder_or_the_file_itself_may_be_named() -> None:
    assert load(ROOT / "config/station.example.toml").station.name == "望京西园三区驿站"


def test_a_point_is_called_by_what_is_wired_there() -> None:
    module = load(ROOT / "config/station.example.toml").devices["di-b3"]
    assert [(each.name, each.kind) for each in module.shown("zh")] == [
        ("5层烟感", "smoke"),
        ("电梯电瓶车", "e-bike"),
        ("大厅叫车键", "key"),
        ("大厅找人键", "key"),
        ("值班室通知键", "key"),
    ]


EXCHANGES = [
    ("schema = 1", "schema = 2", "schema", "check.schema"),
    ('"Asia/Shanghai"', '"Beijing"', "station.timezone", "check.unknown-timezone"),
    ('"Asia/Shanghai"', '"../etc/passwd"', "station.timezone", "check.unknown-timezone"),
    ('id = "wangjing-07"', 'id = "望京"', "station.id", "settings.wrong-value"),
    ("quota_mb = 512", "quota_mb = 1", "journal.quota_mb", "settings.wrong-value"),
    ("quota_mb = 512", 'quota_mb = "512"', "journal.quota_mb", "settings.quoted-number"),
    ('in = "b3" }\nb5', 'in = "b33" }\nb5', "place.b3-lift.in", "check.unknown-place"),
    ('code = "110105-031"', 'in = "b3-f5"', "place.grid-031", "places.cycle"),
    ("pumps = {", "Pumps = {", "place.Pumps", "settings.bad-id"),
    ('places = ["hall"]', 'places = ["hal"]', "zone.hall.places[0]", "check.unknown-place"),
    ('places = ["hall"]', "places = []", "zone.hall.places", "settings.wrong-value"),
    ('"modbus-tcp"', '"modbus-tpc"', "bus.plant.kind", "check.unknown-kind"),
    ('kind = "modbus-tcp" ', "", "bus.plant.kind", "settings.missing-key"),
    ('line = "9600 8N1"', 'line = "9600"', "bus.meters.line", "settings.wrong-value"),
    ('"acrel-adw300"', '"acrel-adw30"', "device.em-b3.profile", "check.unknown-profile"),
    ('profile = "generic-di8"', "", "device.di-b3.profile", "settings.missing-key"),
    ('address = "2"', 'address = "1"', "device.em-b5.address", "check.address-twice"),
    ('address = "2"', 'address = "01"', "device.em-b5.address", "check.address-twice"),
    ('address = "2"', 'address = "x"', "device.em-b5.address", "modbus.bad-address"),
    ('place = "b5"', 'place = "b6"', "device.em-b5.place", "check.unknown-place"),
    ("report = { power-w", "report = { power", "device.em-b3.report.power",
     "check.unknown-point"),
    ("inputs.8", "inputs.9", "device.di-b3.inputs.9", "check.no-input"),
    ('id = "notice-key"', 'id = "smoke"', "device.di-b3.inputs.8.id", "check.input-twice"),
    ('place = "hall" }\n\n[device', 'place = "hal" }\n\n[device',
     "device.di-b3.inputs.8.place", "check.unknown-place"),
    ("every_s = 15  ", 'line = "fast"  ', "device.em-b3.line", "settings.wrong-value"),
    ("every_s = 30", "max_blok = 5", "device.em-pumps.max_blok", "settings.unknown-key"),
    ("https://", "http://", "upstream.district.url", "upstream.plain-http"),
    ('line = "9600 8N1"', 'line = "960 8N1"', "bus.meters.line", "check.odd-speed"),
    ('line = "9600 8N1"', 'line = "9600 8X1"', "bus.meters.line", "line.parity"),
    ('line = "9600 8N1"', 'line = "9600 9N1"', "bus.meters.line", "line.bits"),
    ('line = "9600 8N1"', 'line = "9600 8N3"', "bus.meters.line", "line.stop"),
    ('line = "9600 8N1"', 'line = "9600 8n1"', "bus.meters.line", "line.written"),
    ("every_s = 15  ", 'line = "9600 8X1"  ', "device.em-b3.line", "line.parity"),
    ("every_s = 15  ", 'line = "24000 8E1"  ', "device.em-b3.line", "check.odd-speed"),
    ('profile = "generic-di8"', 'profil = "generic-di8"', "device.di-b3.profil",
     "settings.unknown-key"),
    ('kind = "modbus-tcp" ', 'knd = "modbus-tcp" ', "bus.plant.knd", "settings.unknown-key"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path", "code"), EXCHANGES)
def test_each_mistake_is_told_at_its_key(
    write: Write, old: str, new: str, path: str, code: str
) -> None:
    told = found(write((old, new)))
    assert [(p, c) for _, p, c in told if c != "check.unknown-place" or p == path] == [(path, code)]
    if new:
        assert told[0][0] in (line_of(old), line_of(old) + old.count("\n"))


def test_every_mistake_can_be_said_in_both_languages(write: Write) -> None:
    told = {}
    for old, new, _, code in EXCHANGES:
        for mistake in examine(write((old, new)))[1]:
            for lang in LANGUAGES:
                said = Texts(lang).say(mistake.code, **mistake.data)
                remedy = Texts(lang).remedy(mistake.code, **mistake.data) or ""
                told[code, lang] = said + remedy
    unsaid = {key for key, said in told.items() if re.search(r"[{}]|\b[a-z]+\.[a-z]+-", said)}
    assert unsaid == set()


def test_a_profile_that_is_itself_wrong_is_told_as_such(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = tmp_path / "shipped"
    profiles.mkdir()
    monkeypatch.setattr("drivers.profiles.profile_folder", lambda: profiles)
    for source in (ROOT / "config/devices").glob("*.toml"):
        text = source.read_text("utf-8")
        if source.stem == "acrel-adw300":
            text = text.replace("decimals = 1", "decimals = -1", 1)
        if source.stem == "generic-di8":
            text = text.replace('family = "modbus"', 'family = "modbuss"', 1)
        (profiles / source.name).write_text(text, "utf-8")
    assert [(p, c) for _, p, c in found(write())] == [
        ("device.em-b3.profile", "check.bad-profile"),
        ("device.di-b3.profile", "check.unknown-family"),
    ]


def test_a_section_of_a_room_that_is_not_there_is_refused(write: Write) -> None:
    config = write(more='\n[lamp.hall]\nkind = "x"\n[jornal]\n')
    assert [(p, c) for _, p, c in found(config)] == [
        ("lamp", "settings.unknown-section"),
        ("jornal", "settings.unknown-section"),
    ]


def test_a_slip_in_a_key_says_which_key_was_meant(write: Write) -> None:
    _, (mistake,) = examine(write(('profile = "generic-di8"', 'profil = "generic-di8"')))
    assert "profile" in (Texts("zh").remedy(mistake.code, **mistake.data) or "")


def test_a_speed_with_a_digit_missing_is_asked_about(write: Write) -> None:
    _, (mistake,) = examine(write(('line = "9600 8N1"', 'line = "960 8N1"')))
    said = Texts("zh").say(mistake.code, **mistake.data)
    assert said == "960 不常见，是不是 9600？"


SECOND = '\n[bus.second]\nkind = "serial"\nport = "{port}"\n'


def test_one_port_has_one_bus(write: Write) -> None:
    config = write(more=SECOND.format(port=tomllib.loads(EXAMPLE)["bus"]["meters"]["port"]))
    assert [(p, c) for _, p, c in found(config)] == [("bus.second.port", "check.port-twice")]
    settings, told = salvage((config / "station.toml").read_bytes(), config)
    assert settings is not None, "a station that has such settings starts all the same"
    assert "second" in settings.buses
    assert [each.code for each in told] == ["check.port-twice"]


def test_one_port_under_two_names_is_one_port(write: Write, tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "serial-A5").symlink_to("ttyUSB0")
    both = SECOND.format(port=tmp_path / "ttyUSB0")
    both += SECOND.format(port=tmp_path / "serial-A5").replace("second", "third")
    assert [(p, c) for _, p, c in found(write(more=both))] == [
        ("bus.third.port", "check.port-twice")
    ]


def test_a_port_of_the_pages_that_is_taken_is_warned_of(write: Write, tmp_path: Path) -> None:
    environ = {"RUNTIME_DIRECTORY": str(tmp_path)}
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        free = other.getsockname()[1]
        other.close()
        web = msgspec.structs.replace(load(write()).web, port=taken.getsockname()[1], lan_port=free)
        (told,) = held_ports(web, environ)
        assert (told.code, told.data["key"]) == ("check.web-port-held", "port")
        with socket.socket(socket.AF_UNIX) as station:
            station.bind(str(tmp_path / "control.sock"))
            station.listen()
            assert list(held_ports(web, environ)) == [], "it may be the running station's own"
        assert len(list(held_ports(web, environ))) == 1, "a socket that nobody listens at"


def test_a_bus_that_is_not_there(write: Write) -> None:
    told = found(write(("[bus.plant]", "[bus.plan]")))
    assert [(p, c) for _, p, c in told] == [("device.em-pumps.bus", "check.unknown-bus")]


def test_a_meter_on_a_bus_that_cannot_carry_it(write: Write) -> None:
    meter = (
        '\n[device.em-old]\nname = "旧表"\nprofile = "dlt645-single-phase"\nbus = "plant"\n'
        'address = "000012345678"\nplace = "b5"\n'
    )
    assert [(p, c) for _, p, c in found(write(more=meter))] == [
        ("device.em-old.profile", "bus.not-on-this-bus")
    ]


READ_OFTEN = next(line for line in EXAMPLE.splitlines(True) if line.startswith("every_s = 0.1 "))


@pytest.mark.parametrize(
    ("written", "every_s", "told"),
    [("", 0.1, []), ("every_s = 0.08\n", 0.08, []), ("every_s = 1\n", 1, ["check.misses-presses"])],
)
def test_a_module_with_a_key_is_read_as_often_as_a_press_needs(
    write: Write, tmp_path: Path, written: str, every_s: float, told: list[str]
) -> None:
    settings = load(write((READ_OFTEN, written)))
    assert settings.devices["di-b3"].device.every_s == every_s
    remarks = forecast_remarks(make_forecast(settings), tmp_path / "none")
    assert [r.code for r in remarks if r.code == "check.misses-presses"] == told


def test_a_module_without_a_key_is_read_as_its_model_says(write: Write) -> None:
    more = """
[device.doors]
name = "门磁"
profile = "generic-di8"
bus = "meters"
address = "10"
place = "b3"
inputs.1 = { is = "door", id = "north", name = "北门" }
"""
    assert load(write(more=more)).devices["doors"].device.every_s == 1


def test_more_than_the_wire_can_carry(write: Write) -> None:
    config = write(("every_s = 15  ", "every_s = 0.2  "), ("every_s = 15\n", "every_s = 0.2\n"))
    assert found(config) == [(line_of("[bus.meters]"), "bus.meters", "check.overloaded")]
    (mistake,) = examine(config)[1]
    remedy = Texts("zh").remedy(mistake.code, **mistake.data) or ""
    assert re.search(r"em-b5 \d+%, em-b3 \d+%", remedy)


def test_a_key_on_a_line_where_it_may_wait_is_refused_with_the_neighbour(write: Write) -> None:
    config = write(('bus = "keys"', 'bus = "meters"'))
    line = line_of('bus = "keys"')
    assert found(config) == [(line, "device.di-b3.bus", "check.key-waits")]
    (mistake,) = examine(config)[1]
    assert mistake.data == {"device": "di-b3", "behind": "em-b5", "waits_s": 1.17, "press_s": 0.1}
    said = Texts("zh").say(mistake.code, **mistake.data)
    assert "1.17 秒" in said
    assert "em-b5" in said
    assert "单独一条线" in (Texts("zh").remedy(mistake.code, **mistake.data) or "")


def test_a_station_starts_all_the_same_on_settings_whose_key_may_wait(write: Write) -> None:
    text = (write(('bus = "keys"', 'bus = "meters"')) / "station.toml").read_bytes()
    settings, mistakes = salvage(text, Path("/nowhere"))
    assert settings is not None
    assert settings.devices["di-b3"].options.bus == "meters"
    assert [mistake.code for mistake in mistakes] == ["check.key-waits"]


def test_an_alarm_input_that_holds_may_share_a_line_and_its_wait_is_said(write: Write) -> None:
    more = """
[device.doors]
name = "门磁"
profile = "generic-di8"
bus = "meters"
address = "10"
place = "b3"
inputs.1 = { is = "door", id = "north", name = "北门" }
"""
    meters, keys, plant = make_forecast(load(write(more=more))).buses
    assert meters.waits_s == pytest.approx(1.2, abs=0.05)  # a dead meter, and more
    assert (keys.waits_s, plant.waits_s) == (0, None)


def test_without_a_station_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text("schema = 1\n", "utf-8")
    assert found(tmp_path) == [(1, "station", "settings.missing-section")]
    with pytest.raises(SettingsError) as caught:
        load(tmp_path)
    assert caught.value.data["count"] == 1


@pytest.mark.parametrize("section", ["place", "zone", "bus", "device", "upstream", "station"])
@pytest.mark.parametrize("value", ["3", '"x"', "[]", "{ a = 1 }", "{ a = {} }"])
def test_sections_that_are_something_else(tmp_path: Path, section: str, value: str) -> None:
    text = f"schema = 1\n{section} = {value}\n"
    (tmp_path / "station.toml").write_text(text, "utf-8")
    told = found(tmp_path)
    assert any(line == 2 and path.startswith(section) for line, path, _ in told)


def test_too_many(tmp_path: Path) -> None:
    buses = "".join(f'[bus.b{n}]\nkind = "serial"\nport = "/dev/x{n}"\n' for n in range(33))
    station = '[station]\nid = "s"\nname = "s"\n'
    (tmp_path / "station.toml").write_text(f"schema = 1\n{station}{buses}", "utf-8")
    assert [(p, c) for _, p, c in found(tmp_path)] == [("bus", "check.too-many")]


def test_mistakes_in_every_device_are_told_at_once(write: Write) -> None:
    config = write(
        ("every_s = 15  ", "every_s = -1  "),
        ("every_s = 15\n", "every_s = true\n"),
        ("every_s = 0.1  ", "evry_s = 0.1  "),
        ('bus = "plant"', 'bus = "plan"'),
    )
    assert [p for _, p, _ in found(config)] == [
        "device.em-b3.every_s", "device.em-b5.every_s", "device.di-b3.evry_s",
        "device.em-pumps.bus",
    ]  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
def test_told_as_a_compiler_does_in_whole_sentences(write: Write, lang: str) -> None:
    config = write(("quota_mb = 512", "quota_mb = 1"), ('place = "b5"', 'place = "b55"'))
    lines = mistakes_text(examine(config)[1], Texts(lang)).split("\n")
    assert lines[0].startswith(f"{config}/station.toml:{line_of('quota_mb')}: journal.quota_mb: ")
    assert lines[1].startswith("    → ")
    assert "b5" in lines[3]
    assert len(lines) == 6
    assert not re.search(r"[{}]|settings\.|check\.|expected\.", "\n".join(lines))


def test_the_forecast(write: Write) -> None:
    ahead = make_forecast(load(write()))
    assert [(b.id, b.devices) for b in ahead.buses] == [("meters", 2), ("keys", 1), ("plant", 1)]
    assert 0.3 < (ahead.buses[1].load or 0) < 0.6, "most of it the keys, ten times a second"
    # two meters at 15 s, one at 30 s, a contact module at rest every 15 minutes
    assert ahead.journal.events_per_day == 2 * 5760 + 2880 + 96
    assert 1 < ahead.journal.mb_per_day < 10
    assert 50 < (ahead.journal.outage_days or 0) < 500
    assert make_forecast(load(write())) == ahead


def test_more_devices_fewer_days(write: Write) -> None:
    few = make_forecast(load(write())).journal
    many = make_forecast(load(write(("every_s = 15  ", "every_s = 5  ")))).journal
    assert (many.outage_days or 0) < (few.outage_days or 0)


def test_a_station_with_nothing_yet(tmp_path: Path) -> None:
    text = 'schema = 1\n[station]\nid = "s"\nname = "小站"\n'
    (tmp_path / "station.toml").write_text(text, "utf-8")
    ahead = make_forecast(load(tmp_path))
    assert ahead.journal.outage_days is None
    remarks = list(forecast_remarks(ahead, tmp_path / "none"))
    assert [r.code for r in remarks] == ["check.no-uplink"]
    assert "小站" in check.summary(ahead, remarks, Texts("zh"))


def test_what_is_worth_knowing(write: Write, tmp_path: Path) -> None:
    config = write(
        ("required = true\n", "required = false\n"),
        ("quota_mb = 512", "quota_mb = 65536"),
        ('"/dev/serial/by-id/', '"/dev/no-such/'),
        ("every_s = 0.1  ", "every_s = 1  "),
        more='\n[bus.spare]\nkind = "serial"\nport = "socket://127.0.0.1:4001"\n',
    )
    (tmp_path / "journal.db").write_bytes(b"x" * 1000)
    remarks = list(forecast_remarks(make_forecast(load(config)), tmp_path))
    codes = [r.code for r in remarks]
    expected = ["check.none-required", "check.misses-presses", "check.no-port", "check.no-port"]
    expected += ["check.empty-bus"]
    assert codes[:5] == expected
    free_mb = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize // 1_048_576
    assert ("check.small-disk" in codes) == (free_mb < 65536)
    for lang in LANGUAGES:
        for remark in remarks:
            said = Texts(lang).say(remark.code, **remark.data)
            assert not said.startswith("check.")


def run_check(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway.cli", "check", *arguments]
    chinese = {**os.environ, "LANG": "zh_CN.UTF-8"}
    return subprocess.run(
        command, cwd=ROOT, env=chinese, capture_output=True, text=True, check=False
    )


def test_the_command_says_yes_no_and_how_to_ask(write: Write) -> None:
    good = run_check("--config", str(write()))
    assert (good.returncode, good.stderr) == (0, "")
    assert "设置没有错" in good.stdout
    bad = run_check("--config", str(write(("schema = 1", ""))))
    assert (bad.returncode, bad.stderr) == (1, "")
    assert bad.stdout.endswith("设置有 1 处要改\n")
    wrong = run_check("--no-such-option")
    assert wrong.returncode == 2


def as_json(args: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    options = {"json": False, "schema": False, **args}
    code = check.run(argparse.Namespace(**options))
    return code, json.loads(capsys.readouterr().out)


def test_json_for_programs(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = as_json({"config": write(("quota_mb = 512", "x = 1")), "json": True}, capsys)
    assert (code, report["ok"], report["outlook"]) == (1, False, None)
    (mistake,) = report["mistakes"]
    assert (mistake["path"], mistake["line"]) == ("journal.x", line_of("quota_mb"))
    assert mistake["message"]
    code, report = as_json({"config": write(), "json": True}, capsys)
    assert (code, report["mistakes"], report["outlook"]["station"]) == (0, [], "wangjing-07")


def test_the_schema_for_editors_knows_every_key_of_the_example(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, schema = as_json({"config": Path(), "schema": True}, capsys)
    assert code == 0
    assert schema == json_schema()
    table = tomllib.loads(EXAMPLE)
    assert set(table) <= set(schema["properties"])
    parts = schema["$defs"]
    assert set(table["station"]) <= set(parts["StationOptions"]["properties"])
    device = schema["properties"]["device"]["additionalProperties"]
    assert all(set(one) <= set(device["properties"]) for one in table["device"].values())
    kinds = schema["properties"]["bus"]["additionalProperties"]["anyOf"]
    by_kind = {kind["properties"]["kind"]["const"]: kind for kind in kinds}
    assert all(set(b) <= set(by_kind[b["kind"]]["properties"]) for b in table["bus"].values())
    references = set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(schema)))
    assert references <= set(parts)


def test_a_bus_has_a_name_for_people(write: Write) -> None:
    rule = '\n[rule.cut]\nuse = "bus-dead"\non = ["bus.meters", "bus.spare"]\n'
    spare = '\n[bus.spare]\nkind = "serial"\nport = "socket://127.0.0.1:4001"\n'
    settings = load(write(more=rule + spare))
    assert settings.buses["meters"].called == "3号楼电表线"
    assert settings.buses["spare"].called == "spare", "until it has one"
    names = [w.facts.point_name for w in settings.rules.watches if w.facts.rule == "cut"]
    assert sorted(names) == ["3号楼电表线", "spare"], "alarms bear it, too"
    kinds = json_schema()["properties"]["bus"]["additionalProperties"]["anyOf"]
    assert all("name" in kind["properties"] for kind in kinds)
    at = line_of('name = "3号楼电表线"')
    assert found(write(('name = "3号楼电表线"', 'name = ""'))) == [
        (at, "bus.meters.name", "settings.wrong-value")
    ]
