"""What a courier takes next: new entries by urgency, and ranges that were asked for again."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from gateway.event import Entry, Lane
from gateway.upstream.ports import Following, Ledger
from gateway.upstream.race import first
from gateway.upstream.receipt import Range
from gateway.upstream.uplinks.contract import BATCH_BYTES_MAX
from gateway.upstream.window import Window

LOWEST_SHARE = 8
"""One turn in so many belongs to the least urgent lane, so that readings are never starved."""

RESENDS_MAX = 128

NO_ADVANCE_S = 8.0
"""What the platform took beyond a hole is sent again if its watermark has not moved by then."""


class Resend:
    """A range on its way a second time: `first` moves up as the platform takes it."""

    def __init__(self, wanted: Range) -> None:
        self.wanted = wanted
        self.first = wanted.first
        self.entries = 0
        self.gaps = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def took(self, entries: Sequence[Entry]) -> None:
        """The platform receipted a batch of this range."""
        gaps = sum(entry.gap_from is not None for entry in entries)
        self.gaps += gaps
        self.entries += len(entries) - gaps
        self.first = entries[-1].seq + 1
        if self.first > self.wanted.last:
            self.finish()

    def finish(self) -> None:
        """Everything that there was has been sent."""
        if not self.done.done():
            self.done.set_result(None)


class Load:
    """Entries for one batch; `resend` names the range that they repeat."""

    def __init__(self, entries: Sequence[Entry] = (), resend: Resend | None = None) -> None:
        self.entries = tuple(entries)
        self.resend = resend


class Loader:
    """Chooses the next load among `lanes`; with `strict`, nothing ever goes before urgency."""

    def __init__(
        self,
        follower: Following,
        journal: Ledger,
        lanes: Sequence[Lane],
        *,
        window: Window,
        strict: bool,
    ) -> None:
        self.lanes = tuple(sorted(lanes))
        self._follower = follower
        self._journal = journal
        self._window = window
        self._strict = strict
        self._turn = 0
        self._beyond: dict[Lane, int] = {}
        self._resends: deque[Resend] = deque()
        self._asked = asyncio.Event()

    async def next(self, idle_s: float | None) -> Load:
        """The next load; an empty one when there was nothing for so long."""
        load = await self._choose()
        if load.entries:
            return load
        if not await self.wait(NO_ADVANCE_S if self._beyond else idle_s):
            self.rewind()  # what went beyond a hole should have been receipted by now
        return await self._choose()

    async def wait(self, timeout_s: float | None) -> bool:
        """Wait for something to send; False if there was nothing for so long."""
        newer = self._follower.wait(self.lanes, after=self._after())
        return await first(newer, self._asked.wait(), timeout_s=timeout_s)

    async def gather(self, company_s: float) -> None:
        """Let the least urgent lane wait so long for company; anything else ends that at once."""
        others = self._follower.wait(self.lanes[:-1], after=self._after())
        await first(others, self._asked.wait(), timeout_s=company_s)

    def ask_again(self, wanted: Range) -> Resend:
        """Send a range once more, as far as the history still has it."""
        resend = Resend(wanted)
        self._resends.append(resend)
        self._asked.set()
        return resend

    def repeats(self, wanted: Range) -> bool:
        """Whether a range is being sent again already, or too many are."""
        return len(self._resends) >= RESENDS_MAX or any(
            wanted.overlaps(resend.wanted) for resend in self._resends
        )

    def took(self, load: Load, *, holed: set[Lane]) -> None:
        """The platform answered; in lanes with holes it goes on beyond what it has taken."""
        if load.resend is not None:
            load.resend.took(load.entries)
            return
        for entry in load.entries:
            if entry.lane in holed:
                self._beyond[entry.lane] = entry.seq
            else:
                self._beyond.pop(entry.lane, None)

    def rewind(self) -> None:
        """No receipt: start again from the watermark."""
        self._beyond.clear()

    def retry(self, load: Load) -> None:
        """The same turn once more, in smaller steps.

        While the bad entry of a repeated range is searched, what went beyond the hole has gone: to
        send it again would let the window grow each time that the search made it smaller.
        """
        self._turn -= 1
        if load.resend is None:
            self.rewind()

    def behind(self) -> bool:
        """Whether more than one batch is waiting."""
        waiting = self._follower.waiting()
        return sum(waiting.get(lane, 0) for lane in self.lanes) > self._window.size

    async def _choose(self) -> Load:
        self._turn += 1
        if self._turn % 2 and not self._strict:
            return await self._again() or await self._new() or Load()
        return await self._new() or await self._again() or Load()

    async def _new(self) -> Load | None:
        lanes = self._turn_lanes()
        entries = await self._read(lanes)
        if not entries and lanes != self.lanes:
            entries = await self._read(self.lanes)
        return Load(entries) if entries else None

    async def _read(self, lanes: Sequence[Lane]) -> list[Entry]:
        return await self._follower.read(
            limit=self._window.size,
            max_bytes=BATCH_BYTES_MAX,
            lanes=lanes,
            after=self._after(),
        )

    async def _again(self) -> Load | None:
        while self._resends:
            resend = self._resends[0]
            lane, _, last = resend.wanted
            if not resend.done.done():
                entries = await self._journal.read(lane, resend.first - 1, self._window.size)
                entries = _fitting(entry for entry in entries if _starts(entry) <= last)
                if entries:
                    return Load(entries, resend)
            resend.finish()
            self._resends.popleft()
        self._asked.clear()
        return None

    def _turn_lanes(self) -> tuple[Lane, ...]:
        if self._strict or self._turn % LOWEST_SHARE:
            return self.lanes
        waiting = self._follower.waiting()
        held = tuple(lane for lane in self.lanes if waiting.get(lane, 0))
        return held[-1:] or self.lanes

    def _after(self) -> dict[Lane, int]:
        # Always named: a passing follower (an uplink that is not required) would move by reading.
        position = self._follower.position
        self._beyond = {
            lane: seq for lane, seq in self._beyond.items() if seq > position.get(lane, 0)
        }
        return {**position, **self._beyond}


def _starts(entry: Entry) -> int:
    return entry.seq if entry.gap_from is None else entry.gap_from


def _fitting(entries: Iterable[Entry]) -> list[Entry]:
    fitting: list[Entry] = []
    size = 0
    for entry in entries:
        size += len(entry.body)
        if fitting and size > BATCH_BYTES_MAX:
            break
        fitting.append(entry)
    return fitting
