"""How an alarm is said and heard at the desk."""

import msgspec
import pytest

from gateway.desk.alarms import row
from gateway.desk.alarms.row import Row
from gateway.event import Severity
from gateway.rules.alarm import Evidence, State
from gateway.rules.kinds import Moment
from gateway.web.words import CATALOGUES
from tests.rules.golden import FACTS, RAISED, changed

ZH = CATALOGUES["zh"]
NOW = Moment(0)


def of(state: State, *, latch: bool = True, **alarm) -> Row:
    facts = msgspec.structs.replace(FACTS, latch=latch)
    return Row(changed(RAISED, state=state, **alarm), facts, 0.0)


@pytest.mark.parametrize(
    ("state", "latch", "rings", "grave"),
    [
        (State.RAISED, True, True, True),
        (State.ESCALATED, True, True, True),
        (State.RETURNED, True, True, False),
        (State.RETURNED, False, False, False),
        (State.ACKNOWLEDGED, True, False, False),
        (State.RESTING, True, False, False),
        (State.SHELVED, True, False, False),
        (State.SUPPRESSED, True, False, False),
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
        for state in State
        if state is not State.CLEARED
    }
    assert said[State.RAISED] == said[State.RETURNED] == ""
    assert said[State.ESCALATED] == "已经叫了张丽。"
    assert said[State.ACKNOWLEDGED] == "张丽 去看了。"
    assert row.state_text(of(State.RAISED, count=3, note="在修").alarm, ZH, "", NOW) == (
        "来了 3 次。 记：在修"
    )


def test_a_bus_is_its_own_place_and_is_up_or_down():
    facts = msgspec.structs.replace(FACTS, name="总线断了", spoken="", about="meters")
    alarm = changed(RAISED, evidence=Evidence("bus", "meters", value=False, unit="1"))
    assert row.title(facts) == "总线断了 · meters"
    assert row.read(alarm, facts, ZH, "") == "meters：断开"
