"""Which settings a station starts on, whatever has become of its file."""

from pathlib import Path

import pytest

from gateway.config.load import examine_text, salvage
from gateway.errors import SettingsError
from gateway.reconfigure.fallback import FALLBACK, HISTORY, LEFT_OUT, settings_in_force
from gateway.reconfigure.history import SettingsHistory
from gateway.reconfigure.records import UNKNOWN

BUS = '[bus.line]\nkind = "serial"\nport = "/dev/ttyUSB0"\nline = "9600 8N1"\n'
METER = '[device.{0}]\nname = "{0}"\nprofile = "{1}"\nbus = "{2}"\naddress = "{3}"\nplace = ""\n'


def text(*more: str, name: str = "驿站") -> bytes:
    return f'schema = 1\n[station]\nid = "alone"\nname = "{name}"\n{"".join(more)}'.encode()


def meter(id_: str, profile: str = "eastron-sdm120", bus: str = "line", address: int = 1) -> str:
    return METER.format(id_, profile, bus, address)


class Told(list):
    def __call__(self, where: str, what: str) -> None:
        self.append((where, what))


@pytest.fixture
def shelf(tmp_path: Path) -> SettingsHistory:
    made = SettingsHistory(tmp_path / "station.toml", tmp_path / "state" / "settings")
    made.hold()
    return made


def accept(shelf: SettingsHistory, body: bytes) -> None:
    shelf.file.write_bytes(body)
    shelf.record_manual_edit(body, UNKNOWN)


def test_good_settings_are_in_force_as_they_are(shelf: SettingsHistory) -> None:
    told = Told()
    shelf.file.write_bytes(text(BUS, meter("a")))
    found = settings_in_force(shelf, told)
    assert (list(found.settings.devices), found.text, told) == (["a"], shelf.text(), [])


@pytest.mark.parametrize(
    "broken", [b"schema = ", b"\xff\xfe\x00", b"", None, text("[bus.x]\nkind = 3\n")]
)
def test_a_broken_file_falls_back_to_what_was_accepted(
    shelf: SettingsHistory, broken: bytes | None
) -> None:
    accept(shelf, text(BUS, meter("a")))
    if broken is None:
        shelf.file.unlink()
    else:
        shelf.file.write_bytes(broken)
    told = Told()
    found = settings_in_force(shelf, told)
    assert list(found.settings.devices) == ["a"]
    assert found.text == text(BUS, meter("a"))
    assert [where for where, _ in told] == [FALLBACK]
    assert shelf.records()[-1].number == 1, "nothing new was accepted"


def test_a_file_that_cannot_be_read_and_nothing_before_it_says_why(shelf: SettingsHistory) -> None:
    with pytest.raises(SettingsError) as missing:
        settings_in_force(shelf, Told())
    assert missing.value.data["mistakes"][0].code == "settings.missing-file"
    shelf.file.write_bytes(b"[station")
    with pytest.raises(SettingsError):
        settings_in_force(shelf, Told())


def test_settings_that_ran_before_run_again_without_what_this_release_refuses(
    shelf: SettingsHistory,
) -> None:
    old = text(BUS, meter("a"), meter("b", profile="of-an-older-release", address=2))
    accept(shelf, old)
    told = Told()
    found = settings_in_force(shelf, told)
    assert list(found.settings.devices) == ["a"]
    assert found.text == old
    assert [where for where, _ in told] == [LEFT_OUT]
    assert told[0][1].startswith("device.b.profile ")


def test_what_rests_on_what_is_left_out_is_left_out_too(shelf: SettingsHistory) -> None:
    body = text(
        BUS,
        meter("a"),
        '[bus.odd]\nkind = "telepathy"\n',
        meter("b", bus="odd"),
        meter("c", bus="odd", address=2),
        '[upstream.x]\nkind = "http"\n',
        "[unheard]\nof = 1\n",
        "[journal]\nquota_mb = 1\n",
    )
    settings, mistakes = salvage(body, shelf.file)
    assert settings is not None
    assert (list(settings.devices), list(settings.buses), settings.uplinks) == (["a"], ["line"], {})
    assert settings.journal.quota_mb == 512, "the default in place of what is out of bounds"
    assert {mistake.path.partition(".")[0] for mistake in mistakes} >= {
        "bus",
        "upstream",
        "journal",
    }
    assert examine_text(body, shelf.file)[0] is None, "and whoever changes settings is refused"


def test_a_change_on_trial_goes_back_whole(shelf: SettingsHistory) -> None:
    accept(shelf, text(BUS, meter("a")))
    shelf.file.write_bytes(text(BUS, meter("a", profile="none")))
    with pytest.raises(SettingsError):
        settings_in_force(shelf, Told(), trial=True)


def test_without_a_name_for_the_station_there_is_none(shelf: SettingsHistory) -> None:
    shelf.file.write_bytes(b'schema = 1\n[station]\nid = "\xe4\xba\xac"\n')
    with pytest.raises(SettingsError):
        settings_in_force(shelf, Told())


def test_a_history_that_cannot_be_read_is_none(shelf: SettingsHistory) -> None:
    shelf.file.write_bytes(text(BUS, meter("a")))
    (shelf.file.parent / "state" / "settings" / "history.json").write_bytes(b"\xff[")
    told = Told()
    assert list(settings_in_force(shelf, told).settings.devices) == ["a"]
    assert told == [(HISTORY, "history.json")]
