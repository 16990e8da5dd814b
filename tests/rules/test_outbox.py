"""Whatever the journal has room for, and whenever the station dies: no state without its event."""

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import JournalFull
from gateway.event import Event, Lane, Timestamps
from gateway.journal import StateChange
from gateway.rules import outbox as module
from gateway.rules.core import RulesHead
from gateway.rules.events import PAUSES, PausedEventData
from gateway.rules.outbox import RETRY_S, OutboxPart, RulesOutbox
from tests.sim.loop import run

STAMPS = Timestamps("0" * 15 + "1", 5_000_000_000)
ROOM_FOR = ("all", "emergencies", "none")


class Store:
    """A journal with as much room as it is told; `events` and `state` are what a kill leaves."""

    epoch = "0" * 16

    def __init__(self) -> None:
        self.room = "all"
        self.events: list[int] = []
        self.state: dict[str, int] = {}

    async def append(self, events: Sequence[Event], state: Sequence[StateChange] = ()) -> None:
        await asyncio.sleep(0.01)
        alone = bool(events) and all(each.travels is Lane.EMERGENCY for each in events)
        if self.room == "none" or (self.room == "emergencies" and not alone):
            raise JournalFull("journal.full")
        self.events += [each.data.watches for each in events]
        for change in state:
            if change.key != "head" and change.body is not None:
                self.state[change.key] = int(change.body)
        self.hold()

    def hold(self) -> None:
        """Each kept state is told by an event, and none is older than what was told of its key."""
        assert set(self.state.values()) <= set(self.events)


def outcome(number: int, alarms: Sequence[tuple[int, bool]]) -> module.PendingOutcome:
    """One outcome: of each alarm an event and the state that says the same, by its number."""
    parts, keep = [], {}
    for place, (alarm, grave) in enumerate(alarms):
        told = number * 10 + place
        event = Event(
            kind=PAUSES["paused"], source="rules", stamps=STAMPS, data=PausedEventData(told),
            lane=Lane.EMERGENCY if grave else Lane.ALARM,
        )  # fmt: skip
        parts.append(OutboxPart((event,), frozenset({f"alarm/{alarm}"})))
        keep[f"alarm/{alarm}"] = str(told).encode()
    return module.PendingOutcome(parts, keep, [])


ALARM = st.tuples(st.integers(0, 3), st.booleans())
ALARMS = st.lists(ALARM, min_size=1, max_size=3, unique_by=lambda alarm: alarm[0])


@given(st.lists(st.tuples(ALARMS, st.sampled_from(ROOM_FOR), st.booleans()), max_size=12))
def test_no_state_is_kept_without_its_event_and_every_emergency_comes_first(
    steps: list[tuple[list[tuple[int, bool]], str, bool]],
) -> None:
    store = Store()

    async def story() -> None:
        journal: Any = store
        box = RulesOutbox(journal, RulesHead, lambda _: None, lambda: 0)
        running = asyncio.create_task(box.run())
        for number, (alarms, room, waits) in enumerate(steps):
            store.room = room
            box.put(outcome(number, alarms))
            if waits:
                await asyncio.sleep(1)
                graves = [number * 10 + place for place, (_, grave) in enumerate(alarms) if grave]
                assert room == "none" or set(graves) <= set(store.events)
        store.room = "all"
        await asyncio.sleep(2 * RETRY_S)
        running.cancel()
        assert box.refusals.held == box.refusals.lost == 0

    run(story())
    put = [number * 10 + place for number, (alarms, _, _) in enumerate(steps)
           for place in range(len(alarms))]  # fmt: skip
    assert sorted(store.events) == put, "each once"
    newest = {f"alarm/{alarm}": number * 10 + place for number, (alarms, _, _) in enumerate(steps)
              for place, (alarm, _) in enumerate(alarms)}  # fmt: skip
    assert store.state == newest


@given(st.lists(ALARMS, min_size=1, max_size=4), st.sampled_from(ROOM_FOR), st.integers(0, 12))
def test_who_stops_in_the_midst_of_a_write_loses_nothing_and_repeats_nothing(
    alarms: list[list[tuple[int, bool]]], room: str, cut: int
) -> None:
    store = Store()
    store.room = room

    async def story() -> None:
        journal: Any = store
        box = RulesOutbox(journal, RulesHead, lambda _: None, lambda: 0)
        running = asyncio.create_task(box.run())
        for number, each in enumerate(alarms):
            box.put(outcome(number, each))
        await asyncio.sleep(0.005 * cut)
        running.cancel()
        await asyncio.wait({running})
        store.room = "all"
        await box.flush()
        # What a full journal refused before may be given up by then, but not unsaid.
        put = sum(map(len, alarms))
        assert len(store.events) == len(set(store.events)) == put - box.refusals.lost

    run(story())
