"""How an alarm is said and heard at the desk."""

import msgspec
import pytest

from gateway.desk.alarms import row
from gateway.desk.alarms.row import AlarmRow
from gateway.event import Severity
from gateway.health import PointVitals
from gateway.rules.alarm import AlarmState, Evidence
from gateway.rules.kinds import RuleInstant, S
from gateway.web.i18n import CATALOGUES
from tests.rules.golden import FACTS, RAISED, changed

ZH = CATALOGUES["zh"]
NOW = RuleInstant(0)


def of(state: AlarmState, *, latch: bool = True, **alarm) -> AlarmRow:
    facts = msgspec.structs.replace(FACTS, latch=latch)
    return AlarmRow(changed(RAISED, state=state, **alarm), facts, 0.0)


@pytest.mark.parametrize(
    ("state", "latch", "rings", "grave"),
    [
        (AlarmState.RAISED, True, True, True),
        (AlarmState.ESCALATED, True, True, True),
        (AlarmState.RETURNED, True, True, False),
        (AlarmState.RETURNED, False, False, False),
        (AlarmState.ACKNOWLEDGED, True, False, False),
        (AlarmState.RESTING, True, False, False),
        (AlarmState.SHELVED, True, False, False),
        (AlarmState.SUPPRESSED, True, False, False),
    ],
)
def test_it_sounds_until_somebody_has_seen_it_and_gravely_while_it_is_there(
    state, latch, rings, grave
):
    each = of(state, latch=latch)
    assert (each.rings, each.grave) == (rings, grave)
    assert not of(state, severity=Severity.MAJOR).grave


def test_nothing_is_said_twice_beside_its_mark():
    said = {
        state: row.state_text(of(state).alarm, ZH, "张丽", NOW)
        for state in AlarmState
        if state is not AlarmState.CLEARED
    }
    assert said[AlarmState.RAISED] == said[AlarmState.RETURNED] == ""
    assert said[AlarmState.ESCALATED] == "已经叫了张丽。"
    assert said[AlarmState.ACKNOWLEDGED] == "张丽 去看了。"
    assert row.state_text(of(AlarmState.RAISED, count=3, note="在修").alarm, ZH, "", NOW) == (
        "来了 3 次。 记：在修"
    )


def test_a_grave_alarm_stands_on_the_board_although_it_is_shelved():
    assert of(AlarmState.SHELVED).kept
    assert not of(AlarmState.SHELVED, severity=Severity.MAJOR).kept
    assert not of(AlarmState.SUPPRESSED).kept
    said = row.state_text(of(AlarmState.SHELVED, until_ns=3600 * S).alarm, ZH, "张丽", NOW)
    assert said == "张丽 搁置的，还有 60 分。 到时还在动作，就会再响。"


def test_it_says_that_nobody_was_reached_who_went_when_and_what_they_found():
    assert "没有人应" in row.state_text(of(AlarmState.RETURNED, unreached=True).alarm, ZH, "", NOW)
    taken = of(AlarmState.ACKNOWLEDGED, acknowledged_ns=-150 * S, real=False).alarm
    assert row.state_text(taken, ZH, "张丽", NOW) == "张丽 去看了。 已经 2 分。 看过：是误报。"


@pytest.mark.parametrize(
    ("state", "attend", "attended", "comes"),
    [
        (AlarmState.RAISED, True, False, True),
        (AlarmState.ACKNOWLEDGED, True, False, True),
        (AlarmState.RESTING, True, False, True),
        (AlarmState.ACKNOWLEDGED, True, True, False),
        (AlarmState.ACKNOWLEDGED, False, False, False),
        (AlarmState.SHELVED, True, False, False),
    ],
)
def test_somebody_says_that_they_have_come_where_a_rule_wants_that(state, attend, attended, comes):
    each = of(state, attended=attended)
    facts = msgspec.structs.replace(each.facts, attend=attend)
    assert each._replace(facts=facts).comes is comes


def test_what_has_gone_says_what_it_was_and_what_it_is_now():
    alarm = of(AlarmState.SHELVED).alarm
    assert (
        row.reading_text(alarm, FACTS, ZH, "3号楼", "无烟")
        == "3号楼 5层烟感：当时 动作 · 现在 无烟"
    )
    smoke = PointVitals("smoke", "5层烟感", False, "1", "good", 0, (), 30.0)
    assert row.present_value(msgspec.structs.replace(smoke, kind="smoke"), ZH) == "无烟"
    assert row.present_value(smoke, ZH) == "不动作"
    assert row.present_value(msgspec.structs.replace(smoke, quality="stale"), ZH) == "读不到"
    heat = msgspec.structs.replace(smoke, value=58.4, unit="Cel")
    assert row.present_value(heat, ZH) == "58.4 °C"


def test_a_bus_is_its_own_place_and_is_up_or_down():
    facts = msgspec.structs.replace(FACTS, name="总线断了", spoken="", about="meters")
    alarm = changed(RAISED, evidence=Evidence("bus", "meters", value=False, unit="1"))
    assert row.alarm_title(facts) == "总线断了 · meters"
    assert row.reading_text(alarm, facts, ZH, "") == "meters：断开"
