import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.errors import PlatformUnreachable
from gateway.event import Severity
from gateway.faults import DYING_NS, FAULTS_MAX, TOLD_EVERY_NS, FaultLog, describe_error
from gateway.rules.alarm import AlarmState
from gateway.tasks import RUN_S_MIN, WITHIN_S, stop_tasks, supervise
from tests.access.composed import composed
from tests.broadcast.pages.harness import settings
from tests.sim.loop import run as simulate


class Now:
    """A clock that the test moves."""

    ns = 0

    def __call__(self) -> int:
        return self.ns


def test_a_fault_is_told_when_new_and_once_a_minute_while_it_grows():
    now = Now()
    faults = FaultLog(now)
    faults.count("rules", "KeyError")
    assert [(fault.where, fault.count) for fault in faults.due()] == [("rules", 1)]
    faults.count("rules", "KeyError")
    assert faults.due() == []
    now.ns = TOLD_EVERY_NS
    assert [fault.count for fault in faults.due()] == [2]
    now.ns *= 2
    assert faults.due() == []


def test_a_storm_of_kinds_stays_bounded_and_keeps_the_frequent_ones():
    faults = FaultLog(Now())
    for _ in range(3):
        faults.count("bus.meters", "ValueError")
    for number in range(2 * FAULTS_MAX):
        faults.count(f"page.{number}", "KeyError")
    assert len(faults.all()) == FAULTS_MAX
    assert any(fault.where == "bus.meters" for fault in faults.all())


def test_kinds_that_push_each_other_out_are_told_no_more_often():
    now = Now()
    faults = FaultLog(now)
    told = 0
    for second in range(120):
        now.ns = second * 1_000_000_000
        for number in range(FAULTS_MAX + 2):
            faults.count(f"page.{number}", "KeyError")
        told += len(faults.due())
    assert told == 2 * FAULTS_MAX


def test_what_a_fault_says_is_where_it_arose_and_never_what_somebody_typed():
    try:
        describe_error(None)  # type: ignore[arg-type]
    except AttributeError as error:
        said = describe_error(ExceptionGroup("several", [error]))
    assert said == "AttributeError in gateway/faults.py:describe_error"


def test_a_supervised_task_that_dies_of_a_mistake_is_a_fault():
    found: list[tuple[str, str]] = []

    async def fail() -> None:
        raise KeyError("secret")

    async def story() -> None:
        def note(where: str, error: BaseException) -> None:
            found.append((where, type(error).__name__))

        task = supervise("inbox district", fail, note)
        await asyncio.sleep(RUN_S_MIN + 1)
        await stop_tasks([task], 1)

    simulate(story())
    assert found == [("task.inbox.district", "KeyError")] * 2


@pytest.mark.parametrize("error", [KeyError("secret"), PlatformUnreachable("http.away"), None])
def test_a_task_that_ends_three_times_in_ten_minutes_is_dying_whatever_it_ends_with(error):
    now = Now()
    faults = FaultLog(now)

    async def end() -> None:
        if error is not None:
            raise error

    async def story() -> None:
        task = supervise("papers district", end, faults.note)
        await asyncio.sleep(RUN_S_MIN * 2 - 1)
        assert faults.dying() == ()
        await asyncio.sleep(RUN_S_MIN)
        await stop_tasks([task], 1)

    simulate(story())
    (fault,) = faults.dying()
    assert (fault.where, fault.count) == ("dying.papers.district", 1)
    now.ns = DYING_NS
    assert faults.dying() == ()


def test_a_task_that_ends_now_and_then_is_not_dying():
    faults = FaultLog(Now())

    async def now_and_then() -> None:
        await asyncio.sleep(WITHIN_S / 2 + 1)
        raise KeyError

    async def story() -> None:
        task = supervise("papers", now_and_then, faults.note)
        await asyncio.sleep(WITHIN_S * 3)
        await stop_tasks([task], 1)

    simulate(story())
    (fault,) = faults.all()
    assert (fault.where, fault.count) == ("task.papers", 5)


async def test_a_dying_task_is_an_alarm_that_goes_when_the_task_goes_on(tmp_path):
    async with composed(tmp_path, sound=False) as made:
        station, faults = made.station, made.station.faults
        station._recorder.report_own_state(station.rules)
        assert "station-fault" not in station.rules.core.alarms.book.open
        faults.note("dying.papers.district", KeyError("secret"))
        station._recorder.report_own_state(station.rules)
        alarm = station.rules.core.alarms.book.open["station-fault"]
        assert (alarm.severity, alarm.state) == (Severity.MINOR, AlarmState.RAISED)
        made.clock.advance(1)  # the vital signs are taken afresh
        assert station.health().alarms.untaken == 1
        assert station.health().alarms.ring == 1
        made.clock.advance(DYING_NS / 1e9)
        station._recorder.report_own_state(station.rules)
        assert station.rules.core.alarms.book.open["station-fault"].state is AlarmState.RETURNED


async def test_an_emergency_that_nobody_heard_is_an_alarm_where_there_are_loudspeakers(tmp_path):
    own = {watch.facts.rule for watch in settings(tmp_path).rules.own}
    assert own == {"station-fault", "emergency-unheard"}
    told: list[tuple[str, bool]] = []
    rules: Any = SimpleNamespace(report_own_state=lambda point, *, well: told.append((point, well)))
    async with composed(tmp_path / "mute", sound=False) as made:
        for heard in (True, False, False, True):
            made.station._recorder.report_own_state(rules, heard=heard)
    assert [one for one in told if one[0] == "heard"][-2:] == [("heard", False), ("heard", True)]
