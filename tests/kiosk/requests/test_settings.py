"""`yizhan check` over `[kiosk.*]` and `[service.*]`: each mistake at its key."""

from pathlib import Path

import msgspec
import pytest

from drivers.data_files import config_path
from gateway.config.load import examine
from gateway.install.sandbox import audio_dropin

EXAMPLE = config_path("station.example.toml").read_text("utf-8")
KIOSK = '[kiosk.hall]\nzone = "hall"\nplace = "hall"\n'
HEARS = KIOSK + 'microphone = "duty"\n'


def examined(folder: Path, *changes: tuple[str, str]):
    text = EXAMPLE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    (folder / "station.toml").write_text(text, "utf-8")
    return examine(folder)


@pytest.mark.parametrize(
    ("old", "new", "path", "code"),
    [
        (KIOSK, KIOSK.replace('zone = "hall"', 'zone = "hal"'), "kiosk.hall.zone",
         "rules.unknown-zone"),
        (KIOSK, KIOSK.replace('place = "hall"', 'place = "hal"'), "kiosk.hall.place",
         "check.unknown-place"),
        ('services = ["ride", "staff", "repair"]', 'services = ["taxi"]',
         "kiosk.hall.services[0]", "requests.unknown-service"),
        ('keys = { 1 = "di-b3.ride-key"', 'keys = { 7 = "di-b3.ride-key"', "kiosk.hall.keys.7",
         "requests.unknown-key"),
        ('keys = { 1 = "di-b3.ride-key"', 'keys = { 1 = "di-b3.rid-key"', "kiosk.hall.keys.1",
         "requests.unknown-input"),
        ("[service.ride]", "[service.rid]", "service.rid", "requests.unknown-service"),
        (KIOSK, HEARS.replace('zone = "hall"', 'zone = "deaf"')
         + '[zone.deaf]\nname = "里屋"\nplaces = ["hall"]\nsound = "indoors"\n[kiosk.other]\n'
           'zone = "hall"\nplace = "hall"\n',
         "kiosk.hall.microphone", "requests.mute-microphone"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_at_its_key(
    tmp_path: Path, old: str, new: str, path: str, code: str
) -> None:
    settings, mistakes = examined(tmp_path, (old, new))
    assert settings is None
    told = [(one.path, one.code) for one in mistakes]
    assert (path, code) in told


def test_a_kiosk_that_hears_is_one_word_and_the_sandbox_lets_its_microphone_in(
    tmp_path: Path,
) -> None:
    settings, mistakes = examined(tmp_path, (KIOSK, HEARS))
    assert not mistakes
    assert settings is not None
    assert settings.requests.kiosks["hall"].microphone == "duty"
    sound = msgspec.structs.replace(settings.sound, speakers={})
    hears = msgspec.structs.replace(settings, sound=sound)
    none = msgspec.structs.replace(sound, microphones={})
    assert "char-alsa" in audio_dropin(hears).text
    assert "char-alsa" not in audio_dropin(msgspec.structs.replace(hears, sound=none)).text
