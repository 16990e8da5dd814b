"""`yizhan check` over the three sections: each mistake at its key, and the example without one."""

from pathlib import Path

import pytest

from broadcast.material.presets import shipped_presets
from broadcast.options import KeyOptions, KeyOrder
from drivers.data_files import config_path
from gateway.config.forecast import make_forecast
from gateway.config.load import examine
from gateway.config.remarks import all_remarks
from gateway.config.sound import deaf_by_night, shared_speakers, sound_remarks
from gateway.station.broadcast import house_of, staffs

EXAMPLE = (Path(__file__).parents[3] / "config" / "station.example.toml").read_text("utf-8")


def examined(tmp_path, *changes, more=""):
    text = EXAMPLE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    (tmp_path / "station.toml").write_text(text + more, "utf-8")
    return examine(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "path", "code"),
    [
        ('zones = ["hall"]', 'zones = ["hal"]', "speaker.hall.zones[0]", "rules.unknown-zone"),
        ('kind = "sip"', 'kind = "sipp"', "speaker.lift-b3.kind", "check.unknown-kind"),
        (
            'quiet = "21:30-07:00"',
            'quiet = "25:00"',
            "broadcast",
            "rules.bad-hours",
        ),
        (
            'emergency = ["smoke-b3"]',
            'emergency = ["smok-b3"]',
            "broadcast.emergency[0]",
            "broadcast.unknown-linkage",
        ),
        (
            'emergency = ["smoke-b3"]',
            'emergency = ["smoke-b3"]\nareas = { "110105031" = ["all", "alle"] }',
            "broadcast.areas.110105031[1]",
            "rules.unknown-zone",
        ),
        (
            'preset = "visitors"',
            'preset = "visitor"',
            "key.notice.order.preset",
            "broadcast.unknown-preset-there",
        ),
        (
            'input = "di-b3.notice-key"',
            'input = "di-b3.smoke"',
            "key.notice.input",
            "broadcast.not-a-key",
        ),
        (
            'order = { preset = "visitors", zone',
            'order = { microphone = "dutty", zone',
            "key.notice.order.microphone",
            "broadcast.no-microphone-there",
        ),
        (
            'order = { preset = "visitors", zone',
            'order = { preset = "visitors", microphone = "duty", zone',
            "key.notice.order",
            "broadcast.one-of-two",
        ),
        (
            'zones = ["all", "b3"]',
            'zones = ["b3"]',
            "key.notice.order.zone",
            "broadcast.mute-zone",
        ),
        (
            'zones = ["hall"]',
            'zones = ["b3-lift"]',
            "duty.roster[0].by[1]",
            "rules.mute-channel",
        ),
        (
            'announce = "smoke"',
            'announce = "smook"',
            "linkage.smoke-b3.do[0].announce",
            "broadcast.unknown-preset-there",
        ),
    ],
)
def test_each_mistake_is_told_at_its_key(tmp_path, old, new, path, code):
    settings, mistakes = examined(tmp_path, (old, new))
    assert settings is None
    assert (path, code) in [(one.path, one.code) for one in mistakes]


def test_an_announcement_into_a_zone_without_a_loudspeaker_is_a_mistake(tmp_path):
    named = ('announce = "e-bike"', 'announce = "e-bike", zone = "b3-lift"')
    _, mistakes = examined(tmp_path, ('zones = ["b3-lift"]', 'zones = ["hall"]'), named)
    told = [(one.path, one.code) for one in mistakes]
    assert told == [("linkage.ebike-b3.do[0].zone", "broadcast.mute-zone")]


def test_a_linkage_that_was_not_granted_class_8_is_a_mistake(tmp_path):
    _, mistakes = examined(tmp_path, ('emergency = ["smoke-b3"]', "emergency = []"))
    assert [(one.path, one.code) for one in mistakes] == [
        ("linkage.smoke-b3.do[0].class", "broadcast.ungranted")
    ]


def test_what_a_resident_says_at_a_kiosk_is_never_put_on_the_loudspeakers(tmp_path):
    mine = ('# microphone = "hall"', 'microphone = "ears"')
    more = '[microphone.ears]\nname = "大厅一体机"\n'
    settings, _ = examined(tmp_path, mine, more=more)
    assert settings is not None
    assert set(staffs(settings)) == {"duty"}
    talks = ('order = { preset = "visitors", zone', 'order = { microphone = "ears", zone')
    _, mistakes = examined(tmp_path, mine, talks, more=more)
    assert [(one.path, one.code) for one in mistakes] == [
        ("key.notice.order.microphone", "broadcast.kiosk-microphone")
    ]


def test_without_a_loudspeaker_check_only_remarks(tmp_path):
    plain = EXAMPLE.split("# 喇叭：zones")[0]
    (tmp_path / "station.toml").write_text(plain, "utf-8")
    settings, mistakes = examine(tmp_path)
    assert not mistakes
    assert settings is not None
    (remark,) = sound_remarks(settings.rules.linkages, settings.sound)
    assert remark.code == "broadcast.no-speakers"


def test_a_horn_in_two_kinds_of_zone_is_told_of(tmp_path):
    more = (
        ('zones = ["hall"]', 'zones = ["hall", "all", "b3"]'),
        (
            'zones = ["b3-lift"]',
            'zones = ["b3-lift", "hall"]',
        ),
    )
    settings, mistakes = examined(tmp_path, *more)
    assert not mistakes
    assert settings is not None
    told = list(shared_speakers(settings.zones, settings.sound.speakers))
    assert [(one.code, one.data["speaker"], one.data["others"]) for one in told] == [
        ("broadcast.shared-near", "3号楼电梯喇叭", "大厅"),
        ("broadcast.shared-community", "大厅", "大厅"),
    ]
    remarked = list(all_remarks(settings, make_forecast(settings), tmp_path))
    assert all(each in remarked for each in told)
    settings, _ = examined(tmp_path)
    assert settings is not None
    assert list(shared_speakers(settings.zones, settings.sound.speakers)) == []


def test_a_loudspeaker_that_keeps_calls_and_kiosk_silent_by_night_is_told_of(tmp_path):
    shared = ('zones = ["hall"]', 'zones = ["hall", "all"]')
    settings, mistakes = examined(tmp_path, shared)
    assert not mistakes
    assert settings is not None
    told = [each for each in deaf_by_night(settings) if each.data["id"] == "hall"]
    assert {each.code for each in told} == {"broadcast.deaf-duty", "broadcast.deaf-kiosk"}
    assert {each.data["stands"] for each in told} == {"indoors"}
    remarked = all_remarks(settings, make_forecast(settings), tmp_path)
    assert all(each in remarked for each in told)
    said = (shared[0], shared[1] + '\nstands = "indoors"')
    settings, mistakes = examined(tmp_path, said)
    assert not mistakes
    assert settings is not None
    assert list(deaf_by_night(settings)) == []
    assert list(shared_speakers(settings.zones, settings.sound.speakers)) == []
    house = house_of(settings)
    assert house.kinds({"hall"}) == {"indoors"}
    wrong = (shared[0], shared[0] + '\nstands = "outdoors"')
    _, mistakes = examined(tmp_path, wrong)
    assert [(one.path, one.code) for one in mistakes] == [
        ("speaker.hall.stands", "settings.wrong-value")
    ]


def test_a_key_that_makes_less_of_an_emergency_is_told_of(tmp_path):
    lower = (
        'preset = "visitors", zone = "all", class = "notice"',
        'preset = "evacuate", zone = "all"',
    )
    settings, mistakes = examined(tmp_path, lower)
    assert (mistakes, list(sound_remarks(settings.rules.linkages, settings.sound))) == ((), [])
    named = (lower[0], lower[1] + ', class = "notice"')
    settings, _ = examined(tmp_path, named)
    (remark,) = sound_remarks(settings.rules.linkages, settings.sound)
    assert (remark.code, remark.data["key"]) == ("broadcast.key-lower", "notice")


def test_a_key_that_only_names_a_fires_preset_wants_a_fire_panels_contact(tmp_path):
    fire = ('preset = "visitors", zone = "all", class = "notice"', 'preset = "fire", zone = "all"')
    _, mistakes = examined(tmp_path, fire)
    assert [(one.path, one.code) for one in mistakes] == [
        ("key.notice.input", "broadcast.not-a-key")
    ]


def test_how_long_somebody_can_speak_by_a_key_is_told(tmp_path):
    talk = (
        'preset = "visitors", zone = "all", class = "notice"',
        'microphone = "duty", zone = "all"',
    )
    settings, _ = examined(tmp_path, talk)
    (remark,) = sound_remarks(settings.rules.linkages, settings.sound)
    assert (remark.code, remark.data["minutes"], remark.data["held"]) == (
        "broadcast.key-talks",
        30,
        10,
    )


def test_the_house_of_the_example(tmp_path):
    settings, _ = examined(tmp_path)
    assert settings is not None
    house = house_of(settings)
    assert house.zones["all"].speakers == {"horn-b3"}
    assert house.zones["all"].places >= {"b3", "b3-f5", "b3-lift", "hall"}
    assert house.zones["b3-lift"].sound == "near"
    assert house.granted == {"smoke-b3"}


def test_the_shipped_presets_are_whole():
    found = shipped_presets(config_path("voices", "presets.toml"))
    assert {"visitors", "smoke", "fire", "e-bike", "self-test"} <= set(found)
    assert all(preset.text for preset in found.values())


def test_a_key_of_class_fire_is_a_fire_input():
    order = KeyOrder(preset="fire", zone="all", cls="fire")
    assert KeyOptions(input="di.fire", order=order).fire
