"""Every broken station is named with its remedy; a healthy one is all good."""

import ast
import inspect
from itertools import chain

import msgspec
import pytest

from gateway.doctor.checks import CHECKS, examine
from gateway.doctor.model.facts import RunningFacts, StationFacts
from gateway.doctor.model.finding import GROUPS, Finding, FindingLevel, worst
from gateway.doctor.model.finding_text import BY_HAND, finding_text
from gateway.doctor.model.report import as_json, report
from gateway.texts import Texts
from tests.doctor.faults import FAULTS, HEALTHY, Fault, seeded

TEXTS = {lang: Texts(lang) for lang in ("zh", "en")}


def wrong(facts: StationFacts) -> list[Finding]:
    return [each for each in examine(facts) if each.level in (FindingLevel.WARN, FindingLevel.BAD)]


def test_a_healthy_station_is_all_good() -> None:
    findings = examine(HEALTHY)
    assert {finding.level for finding in findings} == {FindingLevel.GOOD}
    assert {finding.check for finding in findings} >= {
        check.id
        for check in CHECKS
        if check.id not in {"remarks", "in-force", "voice", "platform-certificate"}
    }, "those say nothing while nothing is wrong"


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
def test_a_broken_station_is_named_with_its_remedy_and_nothing_else_is(fault: Fault) -> None:
    (found,) = wrong(seeded(HEALTHY, fault.changes))
    assert (found.code, found.level) == (fault.code, fault.level)
    assert fault.remedy in finding_text(found, TEXTS["zh"]).remedy


def test_there_are_enough_of_them_and_every_fault_that_can_be_said_is_seeded() -> None:
    assert len(FAULTS) >= 20
    seeded_codes = {fault.code for fault in FAULTS}
    assert faults_in_source() <= seeded_codes | {"doctor.settings-more", "doctor.devices-more"}


def faults_in_source() -> set[str]:
    """Codes that the checks give to `warn`, `bad`, or either."""
    modules = {inspect.getmodule(check.look) for check in CHECKS}
    trees = [ast.parse(inspect.getsource(each)) for each in modules if each is not None]
    calls = (
        node
        for node in chain.from_iterable(map(ast.walk, trees))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"warn", "bad"}
    )
    return {
        call.args[0].value
        for call in calls
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    }


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_line_is_whole_in_both_languages(lang: str) -> None:
    stations = [HEALTHY, StationFacts(), *(seeded(HEALTHY, fault.changes) for fault in FAULTS)]
    for finding in chain.from_iterable(map(examine, stations)):
        said = finding_text(finding, TEXTS[lang])
        for text in (said.text, said.remedy):
            assert "{" not in text
            assert "doctor." not in text, f"{finding.code} is not filled in: {text}"
        if finding.level in (FindingLevel.WARN, FindingLevel.BAD):
            assert said.remedy, finding.code


def test_what_is_left_to_a_hand_begins_with_no_command() -> None:
    seeds = chain.from_iterable(examine(seeded(HEALTHY, fault.changes)) for fault in FAULTS)
    faults = {
        f.code: finding_text(f, TEXTS["zh"])
        for f in seeds
        if f.level in (FindingLevel.WARN, FindingLevel.BAD)
    }
    assert BY_HAND - {"doctor.devices-more"} <= faults.keys()
    for code, said in faults.items():
        assert said.by_hand is (code in BY_HAND)
        assert not (said.by_hand and said.remedy.startswith(("运行", "yizhan", "systemctl"))), code


def test_without_anything_to_look_at_nothing_is_said_to_be_good_of_the_station() -> None:
    findings = examine(StationFacts())
    assert {f.level for f in findings if f.check != "station"} == {FindingLevel.UNSEEN}
    assert {f.group for f in findings} >= {"clock", "field", "platform", "storage", "desk"}


def test_what_a_missing_audio_process_hides_is_not_called_good() -> None:
    findings = examine(seeded(HEALTHY, {"running.sound.connected": False}))
    assert [f.level for f in findings if f.check == "speaker"] == [FindingLevel.UNSEEN]


def test_many_silent_devices_are_counted_and_a_passing_silence_is_not_told() -> None:
    many = {}
    for number in (0, 1, 2, 3, 5, 6, 8, 9):  # never a whole line
        many[f"running.vitals.devices.{number}.state"] = "silent"
    (*named, rest) = wrong(seeded(HEALTHY, many))
    assert [f.code for f in named] == ["doctor.device-silent"] * 6
    assert (rest.code, rest.data) == ("doctor.devices-more", {"count": 2})
    now_ns = HEALTHY.running.vitals.at_ns  # type: ignore[union-attr]  # it runs
    just = {
        "running.vitals.devices.0.state": "silent",
        "running.vitals.devices.0.since_ns": now_ns - 60_000_000_000,
    }
    assert wrong(seeded(HEALTHY, just)) == []


def test_the_running_stations_facts_survive_the_wire() -> None:
    assert HEALTHY.running is not None
    raw = msgspec.json.encode(HEALTHY.running)
    assert msgspec.json.decode(raw, type=RunningFacts) == HEALTHY.running


def test_the_report_is_grouped_and_ends_with_the_sum() -> None:
    findings = examine(seeded(HEALTHY, {"machine.throttled": 1, "running.edited": True}))
    text = report(findings, TEXTS["en"])
    heads = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert heads == [*(TEXTS["en"].say(code) for code in GROUPS.values()), "1 bad, 1 to look at"]
    assert "  ✗ The voltage is too low right now" in text
    assert "\n    → Use the official supply" in text
    assert worst(findings) is FindingLevel.BAD


def test_the_same_for_a_program() -> None:
    answer = as_json(examine(seeded(HEALTHY, {"machine.temperature_c": 78.0})), TEXTS["en"])
    assert (answer["ok"], answer["level"]) == (True, "warn")
    (hot,) = [line for line in answer["findings"] if line["level"] == "warn"]
    assert (hot["check"], hot["code"]) == ("temperature", "doctor.temperature-high")
    assert hot["data"] == {"c": 78}
    assert hot["remedy"].startswith("Out of the sun")
    msgspec.json.encode(answer)
