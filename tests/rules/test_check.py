"""`yizhan check` proves the rules: every mistake at its line, all at once, in both languages."""

import datetime
from pathlib import Path

import pytest

from gateway.check import summary
from gateway.config.forecast import make_forecast
from gateway.config.load import examine, salvage
from gateway.config.rule_warnings import missed_presses, sensors_without_rule, silent_by_night
from gateway.texts import Texts

EXAMPLE = (Path(__file__).parents[2] / "config" / "station.example.toml").read_text("utf-8")
PLAIN = EXAMPLE.split("\n# 规则")[0]
SMOKE = '[rule.smoke]\nuse = "smoke"\non = ["di-b3.smoke"]\n'
LIFT = '[rule.lift]\nuse = "e-bike-in-lift"\non = ["di-b3.ebike"]\n'
RELAY = (
    '[device.relay]\nname = "继电器"\nprofile = "waveshare-modbus-rtu-relay-8ch"\n'
    'bus = "plant"\naddress = "7"\nplace = "hall"\n'
)


def examined(tmp_path, *parts):
    file = tmp_path / "station.toml"
    called = () if any("[duty]" in part for part in parts) else (CALLED,)
    file.write_text("\n".join([PLAIN, *parts, *called]), "utf-8")
    return examine(tmp_path)


def linkage(do, when="smoke"):
    return f'[linkage.x]\nwhen = "{when}"\ndo = [{do}]\n'


def rule(name, use, on, more=""):
    return f'[rule.{name}]\nuse = "{use}"\non = {on}\n{more}\n'


def duty(roster, escalate=""):
    return f"[duty]\nroster = [{roster}]\nescalate = [{escalate}]\n"


ALWAYS = '{ who = "duty", by = ["desk"] }'
CALLED = duty(ALWAYS, '{ after_s = 60, to = "duty" }')
SOS = (
    '[bus.help]\nkind = "modbus-tcp"\naddress = "192.168.1.51:502"\n'
    '[device.di-hall]\nname = "大厅干接点"\nprofile = "generic-di8"\nbus = "help"\n'
    'address = "10"\nplace = "hall"\n'
    'inputs.1 = {{ is = "{0}", id = "help", name = "求助", place = "hall" }}\n'
    'inputs.2 = {{ is = "{0}", id = "help-2", name = "求助二", place = "b3" }}\n'
)
LOAD = "em-b3.power-w"
MISTAKES = [
    (rule("a", "smokee", '["di-b3.smoke"]'), "rule.a.use", "rules.unknown-recipe"),
    (rule("a", "smoke", '["di-b3.smook"]'), "rule.a.on", "rules.unknown-watched"),
    (rule("a", "smoke", '["di-b9.smoke"]'), "rule.a.on", "rules.unknown-watched"),
    (rule("a", "bus-dead", '["bus.metres"]'), "rule.a.on", "rules.unknown-watched"),
    (rule("a", "contact-active", '["rule.b"]'), "rule.a.on", "rules.unknown-watched"),
    (rule("a", "bin-full", f'["{LOAD}"]'), "rule.a.on", "rules.unit-mismatch"),
    (rule("a", "device-silent", '["bus.meters"]'), "rule.a.on", "rules.wants-device"),
    (rule("a", "smoke", '["di-b3"]'), "rule.a.on", "rules.wants-point"),
    (rule("a", "transformer-overload", f'["{LOAD}"]'), "rule.a.set", "rules.needs"),
    (
        rule("a", "over-limit", f'["{LOAD}"]', 'set = { above = "3 A" }'),
        "rule.a",
        "rules.wrong-unit",
    ),
    (
        rule("a", "over-limit", f'["{LOAD}"]', "set = { abov = 3 }"),
        "rule.a.set.abov",
        "settings.unknown-key",
    ),
    (
        rule("a", "over-limit", f'["{LOAD}"]', 'set = { above = 3, between = "25-26" }'),
        "rule.a.set",
        "rules.bad-hours",
    ),
    (
        rule("a", "smoke", '["di-b3.smoke"]', 'parent = "zz"'),
        "rule.a.parent",
        "rules.unknown-rule",
    ),
    (
        rule("a", "contact-active", '["rule.b"]') + rule("b", "contact-active", '["rule.a"]'),
        "rule.a",
        "rules.circle",
    ),
    (
        rule("a", "contact-active", '["relay.relay-1"]')
        + RELAY
        + linkage('{ relay = "relay.relay-1" }', "a"),
        "rule.a",
        "rules.circle",
    ),
    (SMOKE + linkage('{ relay = "em-b3.power-w" }'), "linkage.x.do[0].relay", "rules.not-writable"),
    (SMOKE + linkage('{ relay = "zz.x" }'), "linkage.x.do[0].relay", "rules.unknown-watched"),
    (SMOKE + linkage("{ sing = 1 }"), "linkage.x.do[0]", "rules.no-action"),
    (
        SMOKE + linkage('{ announce = "a", zone = "b9" }'),
        "linkage.x.do[0].zone",
        "rules.unknown-zone",
    ),
    (SMOKE + linkage('{ call = "desk" }', "zz"), "linkage.x.when", "rules.unknown-rule"),
    (
        LIFT + linkage('{ announce = "a", zone = "b3", class = "emergency" }', "lift"),
        "linkage.x.do[0].class",
        "rules.emergency",
    ),
    (
        duty(ALWAYS, '{ after_s = 9, to = "boss" }'),
        "duty.escalate[0].to",
        "rules.unknown-who",
    ),
    (
        duty('{ who = "duty", by = ["pigeon"] }'),
        "duty.roster[0].by[0]",
        "rules.unknown-channel",
    ),
    (
        duty('{ who = "duty", by = ["hall"] }'),
        "duty.roster[0].by[0]",
        "rules.mute-channel",
    ),
    (
        SMOKE + linkage('{ request = "song" }'),
        "linkage.x.do[0].request",
        "requests.unknown-service",
    ),
    (
        SMOKE + linkage('{ request = "ride" }'),
        "linkage.x.do[0].request",
        "requests.unknown-service",
    ),
    (
        SMOKE + linkage('{ request = "repair", what = "moon" }'),
        "linkage.x.do[0].what",
        "rules.unknown-what",
    ),
    (
        SMOKE + linkage('{ message = "{plaace}: {name}" }'),
        "linkage.x.do[0].message",
        "rules.unknown-word",
    ),
    (
        rule("a", "bus-dead", '["bus.meters"]') + linkage('{ announce = "smoke" }', "a"),
        "linkage.x.do[0]",
        "rules.no-zone",
    ),
    (
        duty(
            '{ who = "duty", at = "08:00-20:00", by = ["desk"] }',
            '{ after_s = 9, to = "duty" }',
        ),
        "duty.escalate[0].to",
        "rules.nobody",
    ),
]


@pytest.mark.parametrize(("part", "path", "code"), MISTAKES)
def test_each_mistake_is_told_at_its_key(tmp_path, part, path, code):
    settings, mistakes = examined(tmp_path, part)
    assert settings is None
    assert [(one.path, one.code) for one in mistakes] == [(path, code)]
    assert mistakes[0].line > PLAIN.count("\n")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_mistake_can_be_said(tmp_path, language):
    texts = Texts(language)
    for part, _, code in MISTAKES:
        for one in examined(tmp_path, part)[1]:
            said = texts.say(one.code, **one.data) + (texts.remedy(one.code, **one.data) or "")
            assert not said.startswith(code)
            assert "{" not in said.replace("set = {", "").replace("{plaace}", "")


def test_all_mistakes_come_at_once(tmp_path):
    two = rule("a", "smokee", '["di-b3.smoke"]') + rule("b", "bin-full", f'["{LOAD}"]')
    _, mistakes = examined(tmp_path, two, linkage("{ sing = 1 }", "a"))
    assert len(mistakes) == 3


def test_a_rule_upon_a_device_that_is_wrong_itself_is_not_blamed(tmp_path):
    wrong = RELAY.replace('bus = "plant"', 'bus = "zz"')
    watching = rule("a", "contact-active", '["relay.relay-1"]')
    _, mistakes = examined(tmp_path, wrong, watching)
    assert [one.code for one in mistakes] == ["check.unknown-bus"]


def test_an_alarm_that_nobody_would_see_is_a_mistake(tmp_path):
    alone = PLAIN.split("[upstream.")[0]
    (tmp_path / "station.toml").write_text(alone + "\n" + SMOKE, "utf-8")
    assert [one.code for one in examine(tmp_path)[1]] == ["rules.unseen"]
    (tmp_path / "station.toml").write_text(f"{alone}\n{SMOKE}\n{CALLED}", "utf-8")
    assert examine(tmp_path)[1] == ()


def test_what_is_critical_and_calls_nobody_is_refused_and_a_station_that_has_it_starts(tmp_path):
    settings, mistakes = examined(tmp_path, SMOKE, duty(ALWAYS))
    assert settings is None
    assert [(one.path, one.code) for one in mistakes] == [("rule.smoke", "rules.alone")]
    text = (tmp_path / "station.toml").read_bytes()
    started, told = salvage(text, tmp_path)
    assert [watch.facts.rule for watch in started.rules.watches] == ["smoke"]
    assert [one.code for one in told] == ["rules.alone"]
    for linked in (linkage('{ call = "desk" }'), linkage('{ message = "{name}" }')):
        assert examined(tmp_path, SMOKE, linked, duty(ALWAYS))[1] == ()


@pytest.mark.parametrize("kind", ["sos", "fall"])
def test_an_sos_has_a_ready_rule_by_itself_and_linkages_may_name_it(tmp_path, kind):
    settings, mistakes = examined(
        tmp_path, SOS.format(kind), linkage('{ call = "desk" }', when=kind)
    )
    assert mistakes == ()
    one, two = settings.rules.watches
    assert (one.id, two.id) == (f"{kind}/di-hall.help", f"{kind}/di-hall.help-2")
    facts = one.facts
    assert (facts.rule, facts.severity.value, facts.latch, facts.attend) == (
        kind, "critical", True, True,
    )  # fmt: skip
    assert (one.delays.for_ns, facts.life_safety, facts.place) == (0, True, "hall")
    assert "di-hall.help" not in str(
        list(sensors_without_rule(settings.rules, settings.devices.values(), ()))
    )
    assert [rule.id for rule in make_forecast(settings).rules] == [kind]


def test_an_sos_answers_indoors_and_never_in_the_street(tmp_path):
    horn = '[speaker.{0}]\nkind = "multicast"\nzones = ["{0}"]\ngroup = "239.255.1.0"\nport = {1}\n'
    horns = [horn.format("hall", 5000), horn.format("b3", 5002)]
    settings, mistakes = examined(tmp_path, SOS.format("sos"), *horns)
    assert mistakes == ()
    assert [watch.facts.indoors for watch in settings.rules.watches] == ["hall", None]


def test_an_sos_for_which_nobody_is_called_or_that_no_rule_watches_is_refused(tmp_path):
    _, mistakes = examined(tmp_path, SOS.format("sos"), duty(ALWAYS))
    assert [(one.path, one.code) for one in mistakes] == [
        ("device.di-hall.inputs.1", "rules.nobody-called"),
        ("device.di-hall.inputs.2", "rules.nobody-called"),
    ]
    own = rule("sos", "sos", '["di-hall.help"]')
    _, mistakes = examined(tmp_path, SOS.format("sos"), own)
    assert [(one.path, one.code) for one in mistakes] == [
        ("device.di-hall.inputs.2", "rules.unwatched-sos")
    ]
    both = rule("sos", "sos", '["di-hall.help", "di-hall.help-2"]')
    assert examined(tmp_path, SOS.format("sos"), both)[1] == ()
    started, _ = salvage((tmp_path / "station.toml").read_bytes(), tmp_path)
    assert len(started.rules.watches) == 2


def test_a_key_that_calls_staff_at_a_kiosk_has_no_alarm_beside_it(tmp_path):
    kiosk = (
        '[kiosk.two]\nzone = "hall"\nplace = "hall"\nservices = ["staff"]\n'
        'keys = { 0 = "di-hall.help" }\n'
    )
    settings, mistakes = examined(tmp_path, SOS.format("sos"), kiosk)
    assert mistakes == ()
    assert [watch.id for watch in settings.rules.watches] == ["sos/di-hall.help-2"]


def test_what_would_not_be_heard_at_night_and_a_delay_that_loses_a_press_are_worth_a_word(tmp_path):
    horn = '[speaker.b3]\nkind = "multicast"\nzones = ["b3"]\ngroup = "239.255.1.0"\nport = 5000\n'
    speak = linkage('{ announce = "smoke", zone = "b3" }')
    settings, _ = examined(tmp_path, SMOKE, speak, horn)
    assert [one.data for one in silent_by_night(settings)] == [{"linkage": "x", "zone": "3号楼"}]
    slow = rule("own", "sos", '["di-hall.help"]', "set = { for_s = 1 }")
    settings, _ = examined(tmp_path, SOS.format("sos"), slow)
    assert [one.data for one in missed_presses(settings)] == [{"rule": "own", "for_s": 1.0}]


def test_a_platform_that_is_not_there_calls_nobody(tmp_path):
    alone = PLAIN.split("[upstream.")[0]
    (tmp_path / "station.toml").write_text(
        "\n".join([alone, LIFT, duty('{ who = "duty", by = ["desk", "platform"] }')]), "utf-8"
    )
    assert [one.code for one in examine(tmp_path)[1]] == ["rules.no-platform"]


def test_what_names_no_zone_is_heard_in_the_innermost_that_has_a_loudspeaker(tmp_path):
    horn = '[speaker.{0}]\nkind = "multicast"\nzones = ["{0}"]\ngroup = "239.255.1.0"\nport = {1}\n'
    near = LIFT + linkage('{ announce = "e-bike" }', "lift")
    for zones, zone in ((("b3",), "b3"), (("b3", "b3-lift"), "b3-lift")):
        horns = [horn.format(name, 5000 + 2 * at) for at, name in enumerate(zones)]
        settings, mistakes = examined(tmp_path, near, *horns)
        assert mistakes == ()
        assert settings.rules.watches[0].facts.zone == zone


def test_an_input_is_watched_at_its_own_place_and_the_right_way_round(tmp_path):
    settings, mistakes = examined(tmp_path, SMOKE)
    assert mistakes == ()
    (watch,) = settings.rules.watches
    assert watch.inputs == (("di-b3", "smoke"),)
    assert watch.limits.values == frozenset({True})
    facts = watch.facts
    assert (facts.place, facts.spoken, facts.point_name) == ("b3-f5", "3号楼5层", "5层烟感")
    assert {"di-b3", "keys", "b3-f5", "b3", "grid-031", "smoke"} == facts.scopes


def test_the_same_file_gives_the_same_rules(tmp_path):
    odd = rule("a", "unusual-use", f'["{LOAD}"]')
    assert examined(tmp_path, odd)[0].rules == examined(tmp_path, odd)[0].rules


def test_what_follows_from_a_rule_and_how_late_is_told_before_anything_runs(tmp_path):
    settings, _ = examined(
        tmp_path,
        SMOKE + rule("load", "over-limit", f'["{LOAD}"]', "set = { above = 3, for_s = 900 }"),
        linkage('{ message = "{name}" }, { call = "desk" }'),
        duty(ALWAYS, '{ after_s = 30, to = "duty" }'),
    )
    smoke, load = make_forecast(settings).rules
    assert smoke.looks_s == 0.1, "a key hangs on the same module"
    assert (smoke.waits_s, smoke.watches) == (1.0, 1)
    assert (smoke.does, smoke.calls) == (("message", "call"), ("duty",))
    assert (load.waits_s, load.does, load.calls) == (900.0, (), ())
    said = summary(make_forecast(settings), (), Texts("en"))
    assert "tell the platform, call the desk, call duty" in said
    assert "the desk alone" in said


DATED = """schema = 1
[year.2027]
off = ["01-01..01-03", "02-05..02-11"]
on = ["02-20"]
"""


def test_the_next_year_s_holidays_stand_beside_the_settings(tmp_path):
    (tmp_path / "holidays").mkdir()
    (tmp_path / "holidays" / "cn.toml").write_text(DATED, "utf-8")
    settings, mistakes = examined(tmp_path, SMOKE)
    assert mistakes == ()
    days = settings.rules.calendar
    assert days.last_year == 2027
    assert days.is_workday(datetime.date(2027, 2, 20))
    assert not days.is_workday(datetime.date(2026, 10, 1)), "what is shipped still counts"
    (tmp_path / "holidays" / "cn.toml").write_text(DATED.replace("02-05", "02-35"), "utf-8")
    assert [one.code for one in examined(tmp_path, SMOKE)[1]] == ["rules.bad-holidays"]


OWN = """schema = 1
id = "pond-low"
name = { zh = "鱼池水位低", en = "Pond low" }
kind = "threshold"
severity = "minor"
basis = "自己的"
[set]
below = 5
"""


def test_a_rule_of_the_station_s_own_stands_beside_the_settings(tmp_path):
    (tmp_path / "rules").mkdir()
    file = tmp_path / "rules" / "pond-low.toml"
    file.write_text(OWN, "utf-8")
    settings, mistakes = examined(tmp_path, rule("pond", "pond-low", f'["{LOAD}"]'))
    assert mistakes == ()
    assert settings.rules.watches[0].facts.name == "鱼池水位低"
    for wrong in (OWN.replace("minor", "dire"), OWN.replace("threshold", "dream"), "id = "):
        file.write_text(wrong, "utf-8")
        codes = [one.code for one in examined(tmp_path, SMOKE)[1]]
        assert codes == ["rules.bad-recipe"]


def test_a_sensor_that_no_rule_watches_is_worth_a_word(tmp_path):
    settings, _ = examined(tmp_path, SMOKE)
    inputs = {"di-b3.smoke", "di-b3.ebike"}
    (said,) = sensors_without_rule(settings.rules, settings.devices.values(), set())
    assert said.data["inputs"] == "di-b3.ebike"
    settings, _ = examined(tmp_path, SMOKE + LIFT)
    assert list(sensors_without_rule(settings.rules, settings.devices.values(), set())) == []
    settings, _ = examined(tmp_path)
    assert list(sensors_without_rule(settings.rules, settings.devices.values(), inputs)) == []


def test_the_silence_of_a_sensor_is_explained_by_its_device_and_its_bus(tmp_path):
    silence = rule("loop", "sensor-faulty", '["di-b3.smoke"]')
    silence += rule("dead", "device-silent", '["em-b3", "di-b3"]')
    silence += rule("line", "bus-dead", '["bus.meters", "bus.keys"]')
    settings, mistakes = examined(tmp_path, silence)
    assert mistakes == ()
    parents = {watch.facts.rule: watch.facts.parents for watch in settings.rules.watches}
    assert parents == {"loop": ("dead", "line"), "dead": ("line",), "line": ()}


def test_a_horn_in_the_street_calls_nobody_at_night_and_one_in_a_lift_never(tmp_path):
    horn = '[speaker.{0}]\nkind = "multicast"\nzones = ["{0}"]\ngroup = "239.255.1.0"\nport = {1}\n'
    horns = "".join(horn.format(zone, 5000 + 2 * n) for n, zone in enumerate(("b3", "b3-lift")))
    step = '{ after_s = 9, to = "duty" }'
    for by, when in (("b3", ("mon", "00:00")), ("b3-lift", ("mon", "00:00"))):
        roster = duty(f'{{ who = "duty", by = ["{by}"] }}', step)
        ((mistake,),) = [examined(tmp_path, horns, roster)[1]]
        assert mistake.code == "rules.nobody"
        said = mistake.data["when"]
        assert (said.code, said.data["clock"]) == (f"rules.day-{when[0]}", when[1])
    always = duty('{ who = "duty", by = ["b3"] }', step) + '[broadcast]\nquiet = "03:00-03:30"\n'
    ((mistake,),) = [examined(tmp_path, horns, always)[1]]
    assert mistake.data["when"].data["clock"] == "03:00"
    day = '{ who = "duty", at = "07:00-21:30", by = ["b3"] }, { who = "duty", by = ["desk"] }'
    assert examined(tmp_path, horns, duty(day, step))[1] == ()


def test_a_horn_in_two_kinds_of_zone_calls_as_the_stricter_of_them_lets_it(tmp_path):
    horn = '[speaker.h]\nkind = "multicast"\nzones = [{}]\ngroup = "239.255.1.0"\n'
    step = '{ after_s = 9, to = "duty" }'
    roster = duty('{ who = "duty", by = ["hall"] }', step)
    assert examined(tmp_path, horn.format('"hall"'), roster)[1] == ()
    for zones in ('"hall", "b3"', '"hall", "b3-lift"'):
        ((mistake,),) = [examined(tmp_path, horn.format(zones), roster)[1]]
        assert mistake.code == "rules.nobody"
        # a station that has such settings already calls all the same, at the hours that are left
        text = (tmp_path / "station.toml").read_bytes()
        settings, mistakes = salvage(text, tmp_path)
        assert [one.code for one in mistakes] == ["rules.nobody"]
        assert [step.to for step in settings.rules.duty.escalate] == ["duty"]
        indoors = horn.format(zones) + 'stands = "indoors"\n'
        assert examined(tmp_path, indoors, roster)[1] == ()
    street = horn.format('"hall"') + 'stands = "community"\n'
    assert [one.code for one in examined(tmp_path, street, roster)[1]] == ["rules.nobody"]
