"""A model that came out yesterday is one file beside `station.toml`."""

from pathlib import Path

import pytest

from drivers import shelf
from drivers.contract import BadProfile
from gateway.appliance.load import examine, load
from gateway.texts import LANGUAGES, Texts

SHIPPED = (shelf.folder() / "eastron-sdm120.toml").read_text("utf-8")
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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SHIPPED, "is not the file's name"),
        ("schema = = 1", "line 1"),
        (SHIPPED.replace('id = "eastron-sdm120"', 'id = "maker-new"\nfoo = 1'), "foo"),
        ("", "required"),
    ],
)
def test_what_is_wrong_with_an_own_file_is_said_with_its_path(station, text, reason) -> None:
    config = station("maker-new", text)
    settings, (mistake,) = examine(config)
    assert settings is None
    assert (mistake.path, mistake.code) == ("device.em.profile", "check.bad-own-profile")
    for language in LANGUAGES:
        said = Texts(language).say(mistake.code, **mistake.data)
        assert str(config / "devices" / "maker-new.toml") in said
        assert reason in said


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
        shelf.find("../outside", tmp_path / "devices")
