"""Decides what is evicted when the file is full.

First goes what every required platform has receipted: readings, service, alarms, oldest first.
Then, leaving a gap, what has no receipt: readings, service, and alarms beyond their quarter of the
quota. Emergencies go last, and without a receipt only for a new emergency, for which the reserve is
used first.
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
# Rows evicted at a time: enough to make it rare, few enough to be quick.
CHUNK_ROWS = 2_000

# Pages freed beyond the present need, so that not every commit evicts.
SPARE_PAGES = 512

# Frees a chunk; False if there is nothing (more) to free.
EvictionStep = Callable[[], bool]


class Quota:
    """Makes room inside a transaction; `limit_pages` is the present limit of the file."""

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
        self.limit_pages = self._db.limit_pages(pages)

    def keep_alarms(self, quota_pages: int) -> None:
        """Set the alarms' quarter of the quota."""
        self.alarm_bytes_kept = quota_pages * PAGE_BYTES // ALARM_SHARE

    def room(self) -> int:
        """Pages that can be written without an eviction."""
        return self._db.free_pages + max(0, self.limit_pages - self._db.pages)

    def make_room(self, pages: int, *, emergency: bool, gentle: bool = False) -> bool:
        """Make room for so many pages; True if something was evicted, JournalFull if impossible.

        `gentle` evicts only what everybody has receipted.
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
        """The order of eviction."""
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
        """Replace the lane's oldest chunk by a gap, extending an earlier one."""
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
