"""What a sink answers: whether all of a poll, and of what that device said before, is stored."""

import asyncio

import pytest

from drivers.contract import PollResult, Quality, Reading
from gateway.errors import JournalFull
from gateway.intake import Intake
from gateway.intake.intake import PENDING_MAX, IntakeDevice
from tests.sim.clock import SimulatedClock
from tests.sim.loop import simulated

DEVICES = [IntakeDevice(name, "hall", 15) for name in ("a", "b")]


class SlowJournal:
    """Takes what is offered, and decides when the test says so."""

    def __init__(self) -> None:
        self.tickets: list[asyncio.Future[tuple[object, ...]]] = []
        self.broken = False

    def offer(self, events, states=()):
        if self.broken:
            raise JournalFull("journal.full")
        self.tickets.append(asyncio.get_running_loop().create_future())
        return self.tickets[-1]


def intake() -> tuple[Intake, SlowJournal]:
    journal = SlowJournal()
    return Intake(journal, SimulatedClock(), DEVICES), journal


def poll(device: str, value: object) -> PollResult:
    at_ns = int(asyncio.get_running_loop().time() * 1e9)
    return PollResult(device, at_ns, 0, (Reading(device, "p", value, "1", Quality.GOOD, at_ns),))


async def soon(answer) -> bool | None:
    """The answer, None if it has not come."""
    task = asyncio.ensure_future(_awaited(answer))
    await asyncio.wait({task}, timeout=1)
    if not task.done():
        task.cancel()
        return None
    return task.result()


async def _awaited(answer) -> bool:
    return await answer


@simulated
async def test_the_answer_comes_with_the_commit() -> None:
    made, journal = intake()
    answer = made.handle_poll(poll("a", 1))
    assert await soon(answer) is None
    journal.tickets[0].set_result(())
    assert await soon(answer) is True


@simulated
async def test_a_repeated_reading_is_not_stored_before_the_first_is() -> None:
    made, journal = intake()
    made.handle_poll(poll("a", "open"))
    repeated = made.handle_poll(poll("a", "open"))
    other = made.handle_poll(poll("b", "open"))
    assert len(journal.tickets) == 2, "it is on its way already"
    journal.tickets[1].set_result(())
    assert await soon(other) is True
    assert await soon(repeated) is None
    journal.tickets[0].set_exception(JournalFull("journal.full"))
    assert await soon(repeated) is False
    again = made.handle_poll(poll("a", "open"))
    journal.tickets[2].set_result(())
    assert await soon(again) is True
    assert await soon(made.handle_poll(poll("a", "open"))) is True, (
        "unchanged: there is nothing to store"
    )


@simulated
async def test_what_was_refused_at_once_is_not_stored() -> None:
    made, journal = intake()
    journal.broken = True
    assert await soon(made.handle_poll(poll("a", 1))) is False
    journal.broken = False
    for number in range(PENDING_MAX):
        made.handle_poll(poll("b", number))
    assert await soon(made.handle_poll(poll("a", 1))) is False
    assert await soon(made.handle_poll(poll("nobody", 1))) is False


@simulated
@pytest.mark.parametrize("follows", [True, False])
async def test_what_follows_is_asked_once_the_poll_is_stored(follows) -> None:
    made, journal = intake()
    asked: list[str] = []

    async def settle() -> bool:
        asked.append("rules")
        return follows

    answer = made.handle_poll(poll("a", 1)).and_then(settle)
    assert await soon(answer) is None
    assert asked == []
    journal.tickets[0].set_result(())
    assert await soon(answer) is follows
    assert asked == ["rules"]
