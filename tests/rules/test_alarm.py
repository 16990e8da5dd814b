"""The life of an alarm: the table, its picture, and what people may do when."""

import itertools
import re
from pathlib import Path

import pytest

from gateway.errors import UsageError
from gateway.rules.alarm import TABLE, UNSEEN, AlarmEvent, AlarmState
from gateway.rules.alarms import SHELF_S_MAX
from gateway.rules.kinds import RuleInstant, S
from tests.rules.player import Player

DOCS = Path(__file__).parents[2] / "docs" / "alarms.md"
SMOKE = {
    "name": "smoke",
    "rule": {"smoke": {"use": "smoke", "on": ["di-b3.smoke"]}},
    "days": 0.01,
    "feed": [{"on": "di-b3.smoke", "value": False}],
}


def burning() -> Player:
    player = Player(SMOKE)
    player.play()
    return player


def test_the_picture_in_the_documents_is_the_table():
    drawn = re.search(r"```mermaid\n(.*?)\n```", DOCS.read_text("utf-8"), re.DOTALL)
    assert drawn is not None
    assert drawn.group(1) == TABLE.diagram()


def test_whoever_must_come_can_answer_shelve_and_be_called_again():
    for state, act in itertools.product(
        UNSEEN, (AlarmEvent.ACKNOWLEDGE, AlarmEvent.SHELVE, AlarmEvent.ESCALATE)
    ):
        assert (state, act) in TABLE


def test_only_an_alarm_that_is_gone_settles():
    assert {state for state, act in TABLE if act is AlarmEvent.SETTLE} == {
        AlarmState.RETURNED,
        AlarmState.RESTING,
    }


def test_an_alarm_carries_the_reading_that_raised_it():
    (alarm,) = burning().core.alarms.book.open.values()
    assert alarm.id == "alarm-01234567-1"
    assert (alarm.evidence.device, alarm.evidence.point, alarm.evidence.value) == (
        "di-b3", "smoke", False,
    )  # fmt: skip


def test_an_alarm_is_acknowledged_once():
    player = burning()
    happened = player.core.alarms.acknowledge("smoke", "张丽")
    assert [one.what for one in happened] == ["acknowledged"]
    with pytest.raises(UsageError, match=r"rules\.not-now"):
        player.core.alarms.acknowledge("smoke", "张丽")


@pytest.mark.parametrize("for_s", [0, -1, SHELF_S_MAX + 1])
def test_a_shelf_has_an_end_and_not_a_far_one(for_s):
    player = burning()
    with pytest.raises(UsageError, match=r"rules\.shelf-too-long"):
        player.core.alarms.shelve("smoke", for_s, "张丽", player.moment())


def test_an_alarm_that_is_not_there_is_named():
    with pytest.raises(UsageError, match=r"rules\.no-alarm"):
        burning().core.alarms.acknowledge("water", "张丽")


def test_maintenance_names_something_that_a_rule_watches():
    with pytest.raises(UsageError, match=r"rules\.no-scope"):
        burning().core.alarms.maintain("b9", 60, "张丽", RuleInstant(0))


def test_an_alarm_whose_rule_was_taken_away_is_cleared_at_the_next_start():
    player = burning()
    other = Player({**SMOKE, "rule": {"fire": {"use": "fire-alarm", "on": ["di-b3.panel"]}}})
    other.core.restore(player.kept, player.core.head(player.moment(), "b", 0), boot="b")
    outcome = other.core.start(RuleInstant(10_000 * S))
    assert [(one.what, one.alarm.watch) for one in outcome.records] == [("cleared", "smoke")]
    assert outcome.keep["alarm/smoke"] is None
