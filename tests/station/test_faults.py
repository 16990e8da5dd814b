import asyncio

from gateway.faults import FAULTS_MAX, TOLD_EVERY_NS, FaultLog, describe
from gateway.station.supervise import RUN_S_MIN, start, stop_all
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


def test_what_a_fault_says_is_where_it_arose_and_never_what_somebody_typed():
    try:
        describe(None)  # type: ignore[arg-type]
    except AttributeError as error:
        said = describe(ExceptionGroup("several", [error]))
    assert said == "AttributeError in gateway/faults.py:describe"


def test_a_supervised_task_that_dies_of_a_mistake_is_a_fault():
    found: list[tuple[str, str]] = []

    async def fail() -> None:
        raise KeyError("secret")

    async def story() -> None:
        def note(where: str, error: BaseException) -> None:
            found.append((where, type(error).__name__))

        task = start("inbox district", fail, note)
        await asyncio.sleep(RUN_S_MIN + 1)
        await stop_all([task], 1)

    simulate(story())
    assert found == [("task.inbox.district", "KeyError")] * 2
