"""A model that came out yesterday is one file beside `station.toml`."""

import re
from pathlib import Path

import pytest

from drivers.contract import BadProfile
from drivers.profiles import find_profile, load_profiles, profile_folder, usable_profiles
from drivers.units import USUAL_UNITS
from gateway import check
from gateway.cli import main
from gateway.config.load import examine, load, salvage
from gateway.config.profile_check import doubtful_addresses, unit_faults
from gateway.texts import LANGUAGES, Texts

SHIPPED = (profile_folder() / "eastron-sdm120.toml").read_text("utf-8")
STATION = """
schema = 1
[station]
id = "x-07"
name = "试"
[place]
hall = { name = "大厅" }
[bus.meters]
kind = "serial"
port = "/dev/ttyUSB0"
[device.em]
name = "表"
profile = "PROFILE"
bus = "meters"
address = "1"
place = "hall"
"""


@pytest.fixture
def station(tmp_path: Path):
    """Write a station that uses a profile, and that profile into its own folder."""

    def written(profile: str, text: str) -> Path:
        (tmp_path / "station.toml").write_text(STATION.replace("PROFILE", profile), "utf-8")
        (tmp_path / "devices").mkdir(exist_ok=True)
        (tmp_path / "devices" / f"{profile}.toml").write_text(text, "utf-8")
        return tmp_path

    return written


def test_a_new_model_is_one_file(station) -> None:
    config = station("maker-new", SHIPPED.replace('id = "eastron-sdm120"', 'id = "maker-new"'))
    assert load(config).devices["em"].profile.id == "maker-new"


def test_an_own_file_stands_before_the_shipped_one(station) -> None:
    own = SHIPPED.replace("schema = 1", "schema = 1\nevery_s = 7", 1)
    config = station("eastron-sdm120", own)
    assert load(config).devices["em"].device.every_s == 7


ACME = re.sub(
    r"\[source\.says\].*?\n\n", "\n", SHIPPED.replace('id = "eastron-sdm120"', 'id = "maker-new"'),
    flags=re.DOTALL,
)  # fmt: skip


def changed(old: str, new: str) -> str:
    assert old in ACME
    return ACME.replace(old, new, 1)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize(
    ("text", "at", "zh"),
    [
        (SHIPPED, 'id = "eastron', 'id 是 eastron-sdm120，和文件名不一样。写 id = "maker-new"'),
        ("schema = = 1", "schema", "等号右边看不懂"),
        (changed('id = "maker-new"', 'id = "maker-new"\nfoo = 1'), "foo", "不认识“foo”"),
        ("", "", "缺少“schema”"),
        (changed('type = "f32"', 'type = "float"'), 'type = "float"', '写 type = "f32"'),
        (changed("family =", "famly ="), "famly", "是不是想写 family？"),
        (changed("decimals = ", "decimals = -"), "decimals = -", "decimals：这里写的是 -"),
        (
            changed('name = { zh = "', 'name = "单相电表" # { zh = "'),
            'name = "单相电表"',
            '写成 name = { zh = "单相电表", en',
        ),
        (changed('"2400 8N1"', '"2400 8X1"'), 'line = "2400', "X 不是校验位"),
    ],
)
def test_what_is_wrong_with_an_own_file_is_said_with_line_and_remedy(station, text, at, zh) -> None:
    config = station("maker-new", text)
    settings, (mistake,) = examine(config)
    assert settings is None
    assert (mistake.path, mistake.code) == ("device.em.profile", "check.bad-own-profile")
    for language in LANGUAGES:
        said = Texts(language).say(mistake.code, **mistake.data)
        assert str(config / "devices" / "maker-new.toml") in said
        assert re.search(rf"\b(第 |line ){line_of(text, at)}\b", said), said
        assert not re.search(r"\$|Expected `|[{}]\w|\b(settings|profile|line)\.[a-z]", said), said
    assert zh in Texts("zh").say(mistake.code, **mistake.data)


def test_every_mistake_of_an_own_file_is_said_at_once(station) -> None:
    text = changed('type = "f32"', 'type = "float"').replace("family =", "famly =")
    _, (mistake,) = examine(station("maker-new", text))
    assert len(mistake.data["reason"]) == 2


@pytest.mark.parametrize(
    ("unit", "meant"), [("度", "kW.h"), ("℃", "Cel"), ("m³", "m3"), ("斤", "")]
)
def test_a_unit_that_ucum_does_not_know_is_refused_with_the_one_that_was_meant(
    station, unit, meant
) -> None:
    config = station("maker-new", changed('unit = "W"', f'unit = "{unit}"'))
    settings, (mistake,) = examine(config)
    assert settings is None
    assert mistake.path == "device.em.profile"
    for language in LANGUAGES:
        said = Texts(language).say(mistake.code, **mistake.data)
        assert unit in said
        assert meant in said
        assert "kW.h" in (Texts(language).remedy(mistake.code, **mistake.data) or "")
    text = (config / "station.toml").read_bytes()
    running, _ = salvage(text, config)
    assert running is not None
    assert "em" in running.devices, "a station that has such a model goes on"


def test_a_unit_that_only_looks_like_one_of_ucum_is_asked_about(station) -> None:
    config = station("maker-new", changed('unit = "W"', 'unit = "kWh"'))
    (doubt,) = check.model_remarks(load(config), config)
    assert (doubt.code, doubt.data["meant"]) == ("check.unit-slip", "kW.h")


def test_a_number_from_the_manual_is_asked_about(station, capsys) -> None:
    config = station("maker-new", changed("address = 12\n", "address = 30013\n"))
    settings = load(config)
    (doubt,) = check.model_remarks(settings, config)
    assert (doubt.data["address"], doubt.data["kind"], doubt.data["meant"]) == (30013, "input", 12)
    for language in LANGUAGES:
        assert "12" in Texts(language).say(doubt.code, **doubt.data)
    assert main(["profile", "show", "maker-new", "--config", str(config)]) == 0
    assert "30013" in capsys.readouterr().out.split("input 30013")[0], "above the table, too"


def test_no_shipped_model_is_doubtful() -> None:
    for profile in load_profiles():
        assert list(doubtful_addresses(profile)) == []
        assert list(unit_faults(profile)) == []
        assert {spec.unit for spec in profile.point} <= set(USUAL_UNITS)


def test_a_broken_model_that_no_device_uses_is_found(station, capsys) -> None:
    config = station("maker-new", ACME)
    (config / "devices" / "other.toml").write_text(
        changed('type = "f32"', 'type = "float"'), "utf-8"
    )
    assert main(["check", "--config", str(config)]) == 0, "no device of this station needs it"
    said = capsys.readouterr().out
    assert str(config / "devices" / "other.toml") in said
    assert "f32" in said


def test_a_broken_model_keeps_nobody_from_the_others(station) -> None:
    config = station("maker-new", "schema = = 1")
    found = [each.id for each in usable_profiles(config / "devices")]
    assert "eastron-sdm120" in found
    assert "maker-new" not in found


def test_a_model_beside_the_settings_is_found_from_there(station, monkeypatch, capsys) -> None:
    monkeypatch.chdir(station("maker-new", ACME))
    assert main(["profile", "show", "maker-new"]) == 0
    assert "maker-new" in capsys.readouterr().out


def test_a_misspelt_model_is_looked_for_in_both_folders(station) -> None:
    config = station("maker-new", SHIPPED)
    text = (config / "station.toml").read_text("utf-8").replace("maker-new", "maker-newt")
    (config / "station.toml").write_text(text, "utf-8")
    _, (mistake,) = examine(config)
    assert mistake.code == "check.unknown-profile"
    assert "maker-new" in Texts("en").remedy(mistake.code, **mistake.data)


def test_no_id_leads_out_of_the_folders(tmp_path) -> None:
    (tmp_path / "outside.toml").write_text(SHIPPED, "utf-8")
    (tmp_path / "devices").mkdir()
    with pytest.raises(BadProfile):
        find_profile("../outside", tmp_path / "devices")
