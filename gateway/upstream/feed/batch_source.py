"""Chooses a lane sender's next batch: new entries by urgency, and ranges requested again.

For a platform that wants the newest first (`newest_first`) a batch has up to two parts a lane: the
live part continues from the newest entry sent, the other fills up from the watermark.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence

from gateway.event import JournalEntry, Lane
from gateway.journal.ports import ReadAppender, ReceiptingFollower
from gateway.upstream.feed.batch_load import BatchLoad, ResendRange, first_number
from gateway.upstream.feed.batch_window import BatchWindow
from gateway.upstream.feed.first_done import wait_for_first
from gateway.upstream.feed.number_ranges import NumberRange, NumberRanges
from gateway.upstream.feed.receipt import LaneRange
from gateway.upstream.feed.throughput import UplinkThroughput

# One turn in 8 belongs to the least urgent lane, so that readings are never starved.
LOWEST_SHARE = 8

RESENDS_MAX = 128

# Entries beyond a hole are sent again if the watermark has not moved within this time.
NO_ADVANCE_S = 8.0

# With more entries than this unsent, the live part jumps to the end of the lane.
LIVE_BEHIND_MAX = 500

# No jump where the platform holds this many ranges of a lane: a receipt has room for 64.
HELD_RANGES_MAX = 12

_SMOOTHING = 0.2


class BatchSource:
    """Chooses the next load among `lanes`; `strict`: always the most urgent lane first."""

    def __init__(
        self,
        follower: ReceiptingFollower,
        journal: ReadAppender,
        lanes: Sequence[Lane],
        *,
        window: BatchWindow,
        throughput: UplinkThroughput,
        strict: bool,
    ) -> None:
        self.lanes = tuple(sorted(lanes))
        self.newest_first = False
        self._follower = follower
        self._journal = journal
        self._window = window
        self._throughput = throughput
        self._strict = strict
        self._turn = 0
        self._body = 0.0
        # Numbers above the watermark that are in flight or that the platform has.
        self._sent = {lane: NumberRanges() for lane in self.lanes}
        self._held: dict[Lane, list[NumberRange]] = {}
        self._live_after: dict[Lane, int] = {}
        self._holed: set[Lane] = set()
        self._resends: list[ResendRange] = []
        self._asked = asyncio.Event()

    async def next_load(self, idle_s: float | None) -> BatchLoad:
        """The next load, counted as in flight; empty if there was nothing for `idle_s`."""
        load = await self.ready_load()
        if load.entries:
            return load
        if self._beyond() and (idle_s is None or idle_s > NO_ADVANCE_S):
            idle_s = NO_ADVANCE_S
        if not await self.wait_for_entries(idle_s):
            self.rewind()  # entries beyond a hole should have been receipted by now
        return await self.ready_load()

    async def ready_load(self) -> BatchLoad:
        """The next load, counted as in flight; empty if nothing is waiting."""
        self._turn += 1
        if self._turn % 2 and not self._strict:
            load = await self._again() or await self._new()
        else:
            load = await self._new() or await self._again()
        if load is None:
            return BatchLoad()
        self._left(load)
        return load

    async def overtaking_load(self) -> BatchLoad:
        """The waiting entries of the most urgent lane, for a batch of their own; may be empty."""
        entries = await self._read(self.lanes[:1])
        load = BatchLoad(entries) if entries else BatchLoad()
        if entries:
            self._left(load)
        return load

    async def wait_for_overtaking(self) -> None:
        """Wait for an entry in the most urgent lane."""
        await self._follower.wait(self.lanes[:1], after=self._after())

    async def wait_for_entries(self, timeout_s: float | None) -> bool:
        """Wait for something to send; False if nothing came within `timeout_s`."""
        newer = self._follower.wait(self.lanes, after=self._after())
        return await wait_for_first(newer, self._asked.wait(), timeout_s=timeout_s)

    async def wait_for_company(self, company_s: float) -> None:
        """Wait up to `company_s` for more readings; an entry of another lane ends the wait."""
        others = self._follower.wait(self.lanes[:-1], after=self._after())
        await wait_for_first(others, self._asked.wait(), timeout_s=company_s)

    def request_resend(self, wanted: LaneRange, *, doubted: bool = False) -> ResendRange:
        """Send a range again, as far as the history still holds it."""
        resend = ResendRange(wanted, doubted=doubted)
        self._resends.append(resend)
        self._asked.set()
        return resend

    def is_resending(self, wanted: LaneRange) -> bool:
        """Whether some of the range is being sent again already, or too many ranges are."""
        return len(self._resends) >= RESENDS_MAX or any(
            wanted.overlaps(resend.wanted) for resend in self._resends
        )

    def note_taken(self, load: BatchLoad, *, holed: Collection[Lane], last: bool) -> None:
        """The platform answered this load; `last`: nothing else is in flight.

        In lanes with holes (`holed`) sending continues beyond what the platform has.
        """
        if load.resend is not None:
            load.resend.note_receipted(load.entries)
            return
        for lane in {entry.lane for entry in load.entries}:
            (self._holed.add if lane in holed else self._holed.discard)(lane)
        if last and not self.newest_first:
            for lane in self.lanes:
                if lane not in self._holed:
                    self._sent[lane] = NumberRanges()

    def note_held(
        self, held: Mapping[Lane, Iterable[LaneRange]], *, doubtful: Collection[Lane]
    ) -> None:
        """The platform wants the newest first and has these; in `doubtful` lanes perhaps more."""
        self.newest_first = True
        for lane in self._sent.keys() & held.keys():
            spans = [(each.first, each.last) for each in held[lane]]
            self._held[lane] = spans
            if lane not in doubtful:
                self._sent[lane] = NumberRanges()
            for span in spans:
                self._sent[lane].add(*span)

    def send_oldest_first(self) -> None:
        """The platform does not report (any more) what it holds."""
        if self.newest_first:
            self.newest_first = False
            self._held.clear()
            self.rewind()

    def rewind(self) -> None:
        """No receipt came: start again from the watermark, or from what the platform last held."""
        self._sent = {lane: NumberRanges(self._held.get(lane, ())) for lane in self.lanes}
        self._live_after.clear()
        self._holed.clear()
        for resend in self._resends:
            resend.rewind()

    def on_moved_back(self) -> None:
        """The follower was moved back: start again from there, and wake who waits for entries."""
        self.rewind()
        self._asked.set()

    def retry_load(self, load: BatchLoad) -> None:
        """Repeat this turn with a smaller batch.

        While a repeated range is searched for its bad entry, entries beyond the hole are not sent
        again: each success would widen the window that the search narrows.
        """
        self._turn -= 1
        if load.resend is None:
            self.rewind()
        else:
            load.resend.rewind()

    def is_unsettled(self, load: BatchLoad) -> bool:
        """Whether some of it is neither receipted nor beyond a hole that the platform reported."""
        position = self._follower.position
        return any(
            entry.seq > position.get(entry.lane, 0) and not self._explained(entry)
            for entry in load.entries
        )

    def is_behind(self) -> bool:
        """Whether more than one batch is waiting to be sent."""
        heads, position = self._journal.heads(), self._follower.position
        self._forget()
        waiting = sum(
            heads.get(lane, 0) - position.get(lane, 0) - self._sent[lane].count
            for lane in self.lanes
        )
        return waiting > self._batch_entries()

    def _explained(self, entry: JournalEntry) -> bool:
        if self.newest_first:
            return NumberRanges(self._held.get(entry.lane, ())).covers(entry.seq, entry.seq)
        return entry.lane in self._holed

    def _beyond(self) -> bool:
        self._forget()
        return any(map(len, self._sent.values()))

    def _left(self, load: BatchLoad) -> None:
        if load.resend is not None:
            load.resend.note_sent(load.entries)
            return
        for entry in load.entries:
            self._sent[entry.lane].add(first_number(entry), entry.seq)
        mean = load.raw / len(load.entries)
        self._body += (mean - self._body) * (_SMOOTHING if self._body else 1.0)

    def _batch_entries(self) -> int:
        """The number of entries that a batch has room for."""
        if not self._body:
            return self._window.size
        return min(self._window.size, max(1, int(self._throughput.raw_max / self._body)))

    async def _new(self) -> BatchLoad | None:
        if self._strict and (urgent := await self._read(self.lanes[:1])):
            return BatchLoad(urgent)  # on a slow link alarms in the same batch would delay it
        if self.newest_first:
            return await self._both_ends()
        lanes = self._turn_lanes()
        entries = await self._read(lanes)
        if not entries and lanes != self.lanes:
            entries = await self._read(self.lanes)
        return BatchLoad(entries) if entries else None

    async def _read(self, lanes: Sequence[Lane], share: int = 1) -> list[JournalEntry]:
        return await self._follower.read(
            limit=max(1, self._window.size // share),
            max_bytes=self._throughput.raw_max // share,
            lanes=lanes,
            after=self._after(),
        )

    async def _both_ends(self) -> BatchLoad | None:
        """Half the batch for the newest entries, half for the oldest; one may use the other's room.

        A batch of a single entry alternates between them.
        """
        self._jump()
        lanes = self._turn_lanes()
        holes = [hole for lane in lanes for hole in self._holes(lane)]
        if holes and self._window.size == 1 and self._turn % 2:
            live: list[JournalEntry] = []
        else:
            live = await self._read(lanes, share=2 if holes else 1)
        room = self._window.size - len(live)
        room_bytes = self._throughput.raw_max - sum(len(entry.body) for entry in live)
        fill = await self._fill(holes, room, room_bytes, at_least=0 if live else 1)
        if not live and not fill and lanes != self.lanes:
            live = await self._read(self.lanes)
        # A gap from the filling part may reach into the live part; the wider one counts.
        entries = {(entry.lane, entry.seq): entry for entry in (*live, *fill)}
        return BatchLoad(entries[key] for key in sorted(entries)) if entries else None

    async def _fill(
        self, holes: Iterable[LaneRange], room: int, room_bytes: int, at_least: int
    ) -> list[JournalEntry]:
        found: list[JournalEntry] = []
        for lane, begin, last in holes:
            after = begin - 1
            while after < last and len(found) < room:
                slice_ = await self._journal.read(lane, after, room - len(found))
                wanted = [entry for entry in slice_ if first_number(entry) <= last]
                if not wanted:
                    break
                for entry in wanted:
                    room_bytes -= len(entry.body)
                    if room_bytes < 0 and len(found) >= at_least:
                        return found
                    found.append(entry)
                after = wanted[-1].seq
        return found

    def _holes(self, lane: Lane) -> Iterable[LaneRange]:
        """The ranges below the newest entry sent that are neither receipted nor sent."""
        frontier = self._after()[lane]
        low = self._follower.position.get(lane, 0) + 1
        return (LaneRange(lane, *hole) for hole in self._sent[lane].holes(low, frontier))

    def _jump(self) -> None:
        """Where sending is far behind, move the live part to the end; the rest is filled up."""
        heads, after = self._journal.heads(), self._after()
        for lane in self.lanes:
            far = heads.get(lane, 0) - after[lane] > LIVE_BEHIND_MAX
            if far and len(self._sent[lane]) < HELD_RANGES_MAX:
                self._live_after[lane] = heads[lane] - max(1, self._batch_entries() // 2)

    async def _again(self) -> BatchLoad | None:
        for resend in list(self._resends):
            lane, _, last = resend.wanted
            if not resend.done.done():
                if resend.next > last:
                    continue  # all of it is in flight
                entries = await self._journal.read(lane, resend.next - 1, self._window.size)
                entries = self._fitting(entry for entry in entries if first_number(entry) <= last)
                if entries:
                    return BatchLoad(entries, resend)
                if resend.next > resend.first:
                    continue  # all that exists of it is in flight
            resend.finish()
            self._resends.remove(resend)
        self._asked.clear()
        return None

    def _fitting(self, entries: Iterable[JournalEntry]) -> list[JournalEntry]:
        fitting: list[JournalEntry] = []
        size = 0
        for entry in entries:
            size += len(entry.body)
            if fitting and size > self._throughput.raw_max:
                break
            fitting.append(entry)
        return fitting

    def _turn_lanes(self) -> tuple[Lane, ...]:
        if self._strict or self._turn % LOWEST_SHARE:
            return self.lanes
        waiting = self._follower.waiting()
        held = tuple(lane for lane in self.lanes if waiting.get(lane, 0))
        return held[-1:] or self.lanes

    def _after(self) -> dict[Lane, int]:
        # Always given: the follower of an optional uplink would move by reading without it.
        self._forget()
        position = self._follower.position
        return {
            lane: max(position.get(lane, 0), sent.last or 0, self._live_after.get(lane, 0))
            for lane, sent in self._sent.items()
        }

    def _forget(self) -> None:
        position = self._follower.position
        for lane, sent in self._sent.items():
            sent.forget(position.get(lane, 0))
