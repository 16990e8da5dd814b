"""A journal in memory with the real one's API and none of its disk: for the simulated loop."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from gateway.event import Audience, Event, EventKind, JournalEntry, Lane, Timestamps, encode_tail
from gateway.journal.events import Gap, encode_gap

STATION = "wangjing-07"
EPOCH = "00f1e2d3c4b5a697"


class MemoryJournal:
    def __init__(self, epoch: str = EPOCH) -> None:
        self.epoch = epoch
        self.lanes: dict[Lane, list[JournalEntry]] = {lane: [] for lane in Lane}
        self.gone: dict[Lane, list[tuple[int, int]]] = {lane: [] for lane in Lane}
        self.state: dict[tuple[str, str], bytes] = {}
        self.followers: dict[str, MemoryFollower] = {}
        self.changed = asyncio.Event()
        self.set_aside: list[str] = []

    def on_set_aside(self, where: str, _why: str) -> None:
        self.set_aside.append(where)

    def offer(self, events: Sequence[Event], state=()) -> asyncio.Future:
        """Taken in the order of coming, as the journal does."""
        stored = asyncio.get_running_loop().create_future()
        stored.set_result(self._store(events, state))
        return stored

    async def append(self, events: Sequence[Event], state=()) -> tuple[JournalEntry, ...]:
        await asyncio.sleep(0)
        return self._store(events, state)

    def _store(self, events: Sequence[Event], state) -> tuple[JournalEntry, ...]:
        made = []
        for event in events:
            entries = self.lanes[event.travels]
            entry = JournalEntry(
                self.epoch, event.travels, len(entries) + 1, encode_tail(event, STATION)
            )
            entries.append(entry)
            made.append(entry)
        for change in state:
            if change.body is None:
                self.state.pop((change.room, change.key), None)
            else:
                self.state[change.room, change.key] = change.body
        self.changed.set()
        return tuple(made)

    async def load(self, room: str) -> dict[str, bytes]:
        return {key: body for (name, key), body in self.state.items() if name == room}

    def heads(self) -> dict[Lane, int]:
        return {lane: len(entries) for lane, entries in self.lanes.items()}

    def evict(self, lane: Lane, first: int, last: int) -> None:
        """The quota wanted room: these numbers are gone for good."""
        self.gone[lane].append((first, last))

    async def read(self, lane: Lane, after: int, limit: int = 200) -> list[JournalEntry]:
        await asyncio.sleep(0)
        return self.slice(lane, after, limit)

    def slice(self, lane: Lane, after: int, limit: int) -> list[JournalEntry]:
        found: list[JournalEntry] = []
        seq = after + 1
        while seq <= len(self.lanes[lane]) and len(found) < limit:
            hole = next((h for h in self.gone[lane] if h[0] <= seq <= h[1]), None)
            if hole is None:
                found.append(self.lanes[lane][seq - 1])
                seq += 1
            else:
                found.append(gap(self.epoch, lane, seq, hole[1]))
                seq = hole[1] + 1
        return found

    def follower(self, name: str, *, retaining: bool) -> "MemoryFollower":
        if not retaining:
            return MemoryFollower(self, self.heads(), retaining=False)
        position = dict.fromkeys(Lane, 0)
        return self.followers.setdefault(name, MemoryFollower(self, position, retaining=True))


class MemoryFollower:
    def __init__(
        self, journal: MemoryJournal, position: dict[Lane, int], *, retaining: bool
    ) -> None:
        self.journal = journal
        self.position = position
        self.retaining = retaining

    async def read(
        self,
        *,
        limit: int = 100,
        max_bytes: int = 262_144,
        lanes: Collection[Lane] = tuple(Lane),
        after: Mapping[Lane, int] | None = None,
    ) -> list[JournalEntry]:
        await asyncio.sleep(0)
        after = self.position if after is None else after
        found: list[JournalEntry] = []
        size = 0
        for lane in sorted(lanes):
            for entry in self.journal.slice(lane, after.get(lane, 0), limit - len(found)):
                size += len(entry.body)
                if found and size > max_bytes:
                    return found
                found.append(entry)
        return found

    def receipt(self, upto: Mapping[Lane, int]) -> None:
        for lane, seq in upto.items():
            assert self.position[lane] <= seq <= len(self.journal.lanes[lane])
            self.position[lane] = seq

    def begin(self, upto: Mapping[Lane, int]) -> None:
        assert not self.retaining
        self.position.update(upto)

    async def wait(self, lanes: Collection[Lane] = tuple(Lane), after=None) -> None:
        while True:
            known = self.position if after is None else after
            heads = self.journal.heads()
            if any(heads[lane] > known.get(lane, 0) for lane in lanes):
                return
            self.journal.changed.clear()
            await self.journal.changed.wait()

    def waiting(self) -> dict[Lane, int]:
        heads = self.journal.heads()
        return {lane: heads[lane] - self.position[lane] for lane in Lane}


def gap(
    epoch: str, lane: Lane, first: int, last: int, why: str = "journal.gap-quota"
) -> JournalEntry:
    stamps = Timestamps("00112233aabbccdd", 1)
    body = encode_gap(STATION, stamps, Gap(lane.wire, first, last, why))
    return JournalEntry(epoch, lane, last, body, gap_from=first)


class Sample(Gap):
    """Any data will do for the road."""


SAMPLE = EventKind("field", "reading", Lane.TELEMETRY, Sample, Audience.ALL)


def sample(lane: Lane, stamps: Timestamps, why: str = "") -> Event:
    return Event(
        kind=SAMPLE,
        source="em-b3",
        stamps=stamps,
        lane=lane,
        data=Sample(lane.wire, 0, 0, why),
    )
