"""Who gives way when the file is full.

First what every required platform has receipted: readings, service, alarms, oldest first. Then,
with a gap in their place, what has no receipt: readings, service, and alarms beyond their quarter
of the quota. Emergencies give way last, and without a receipt only to a new emergency, for which
the reserve is broken first.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from gateway.errors import JournalFull
from gateway.event import Lane
from gateway.journal import events, lane_rows
from gateway.journal.database import Database
from gateway.journal.events import Gap
from gateway.journal.lane import EncodeGap, LaneTable
from gateway.journal.lane_rows import LaneRow
from gateway.journal.options import ALARM_SHARE, PAGE_BYTES
from gateway.journal.positions import FollowerPositions

CHUNK_BYTES = 256 * 1024
# What is evicted at a time: enough that it is rare, little enough that nobody waits for it.
CHUNK_ROWS = 2_000

# Freed beyond what is needed now, so that not every commit evicts.
SPARE_PAGES = 512

# Frees a chunk; False when it has nothing (more) to give.
EvictionStep = Callable[[], bool]


class Quota:
    """Makes room inside a transaction; `limit_pages` is how far the file may grow now."""

    def __init__(
        self,
        db: Database,
        tables: Mapping[Lane, LaneTable],
        positions: FollowerPositions,
        gap_body: EncodeGap,
    ) -> None:
        self._db = db
        self._tables = tables
        self._positions = positions
        self._gap_body = gap_body
        self.limit_pages = 0
        self.alarm_bytes_kept = 0
        self.evictions = 0

    def limit(self, pages: int) -> None:
        """From now on the file may have at most so many pages."""
        self.limit_pages = self._db.limit_pages(pages)

    def keep_alarms(self, quota_pages: int) -> None:
        """Set the alarms' quarter of the quota."""
        self.alarm_bytes_kept = quota_pages * PAGE_BYTES // ALARM_SHARE

    def room(self) -> int:
        """Pages that can be written without evicting anything."""
        return self._db.free_pages + max(0, self.limit_pages - self._db.pages)

    def make_room(self, pages: int, *, emergency: bool, gentle: bool = False) -> bool:
        """Have room for so many pages; True if something was evicted, JournalFull if it fails.

        `gentle` gives up only what everybody has receipted.
        """
        before = self.evictions
        for step in self._gentle() if gentle else self._steps(emergency=emergency):
            if self.room() >= pages:
                break
            while self.room() < pages + SPARE_PAGES and step():
                self.evictions += 1
        if self.room() < pages:
            raise JournalFull("journal.full")
        return self.evictions > before

    def _steps(self, *, emergency: bool) -> Iterator[EvictionStep]:
        """The order of giving way."""
        yield from self._receipted()
        yield partial(self._lose, Lane.TELEMETRY)
        yield partial(self._lose, Lane.SERVICE)
        yield self._lose_alarms
        yield partial(self._forget, Lane.EMERGENCY)
        if emergency:
            yield self._break_reserve
            yield partial(self._lose, Lane.EMERGENCY)

    def _gentle(self) -> Iterator[EvictionStep]:
        yield from self._receipted()
        yield partial(self._forget, Lane.EMERGENCY)

    def _receipted(self) -> Iterator[EvictionStep]:
        for lane in (Lane.TELEMETRY, Lane.SERVICE, Lane.ALARM):
            yield partial(self._forget, lane)

    def _forget(self, lane: Lane) -> bool:
        """Delete a chunk of the lane that everybody has receipted."""
        table = self._tables[lane]
        chunk = _chunk(table.rows(0, upto=self._positions.floor(lane, table.head)))
        if not chunk:
            return False
        table.evict(chunk[-1].seq, chunk[-1].total, lost=0)
        return True

    def _lose(self, lane: Lane) -> bool:
        """Put a gap in the place of the lane's oldest chunk; an earlier gap grows."""
        table = self._tables[lane]
        floor = self._positions.floor(lane, table.head)
        chunk = _chunk(table.rows(0))
        lost = sum(
            row.seq - max(row.first, floor + 1) + 1 for row in chunk if row.form != lane_rows.GAP
        )
        if lost <= 0:
            return False
        first, last, total = max(chunk[0].first, floor + 1), chunk[-1].seq, chunk[-1].total
        table.evict(last, total, lost)
        body = self._gap_body(Gap(lane.wire, first, last, events.QUOTA))
        table.put(LaneRow(last, last - first + 1, lane_rows.GAP, total, 0, body))
        return True

    def _lose_alarms(self) -> bool:
        over = self._tables[Lane.ALARM].bytes_stored() > self.alarm_bytes_kept
        return over and self._lose(Lane.ALARM)

    def _break_reserve(self) -> bool:
        return self._db.run("DELETE FROM reserve").rowcount > 0


def _chunk(found: Iterator[LaneRow]) -> list[LaneRow]:
    """The first rows, as many as are evicted at a time."""
    chunk: list[LaneRow] = []
    for row in found:
        chunk.append(row)
        if len(chunk) >= CHUNK_ROWS or row.total - chunk[0].total >= CHUNK_BYTES:
            break
    return chunk
