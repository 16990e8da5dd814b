"""One lane's table: rows in, entries out, and never a hole in what is read."""

from collections.abc import Callable, Iterator, Sequence

from gateway.errors import JournalDamaged
from gateway.event import JournalEntry, Lane
from gateway.journal import events, lane_rows
from gateway.journal.database import Database
from gateway.journal.events import Gap
from gateway.journal.lane_rows import LaneRow

# Encodes the body of a gap's entry.
EncodeGap = Callable[[Gap], bytes]

_COLUMNS = "seq, span, form, total, crc, body"


class LaneTable:
    """A lane on disk. `head`: the last number issued; `total`: the running sum of body bytes."""

    def __init__(self, db: Database, lane: Lane, epoch: str, gap_body: EncodeGap) -> None:
        self.lane = lane
        self._db = db
        self._epoch = epoch
        self._gap_body = gap_body
        self._name = lane.wire
        self.load()

    def load(self) -> None:
        """Read head and total from the file: at the start and after a rollback."""
        base, total, lost = self._db.run(
            "SELECT base, total, lost FROM lane WHERE id = ?", (self.lane,)
        ).fetchone()
        last = self._db.run(
            f"SELECT seq, total FROM {self._name} ORDER BY seq DESC LIMIT 1"  # noqa: S608 - a lane's name
        ).fetchone()
        self.head: int
        self.total: int
        self.head, self.total = max((base, total), last or (0, 0))
        self.base: int = base
        self.lost: int = lost

    def ends_whole(self) -> bool:
        """Whether the row that the next number follows from is intact."""
        last = self._db.run(
            f"SELECT {_COLUMNS} FROM {self._name} ORDER BY seq DESC LIMIT 1"  # noqa: S608 - a lane's name
        ).fetchone()
        if last is None:
            return True
        row = LaneRow._make(last)
        return row.holds(self._epoch, self.lane) and self.base <= row.seq

    def append(self, bodies: Sequence[bytes]) -> list[JournalEntry]:
        """Write the bodies under the next numbers; readings are packed into one row."""
        first = self.head + 1
        if self.lane is Lane.TELEMETRY:
            self._insert(
                first + len(bodies) - 1, len(bodies), lane_rows.PACK, lane_rows.pack_bodies(bodies)
            )
        else:
            for seq, body in enumerate(bodies, first):
                self._insert(seq, 1, lane_rows.ONE, body)
        return [
            JournalEntry(self._epoch, self.lane, seq, body)
            for seq, body in enumerate(bodies, first)
        ]

    def skip(self, upto: int) -> None:
        """Write a gap in place of the next numbers up to that one, which may have been issued."""
        body = self._gap_body(Gap(self.lane.wire, self.head + 1, upto, events.DAMAGED))
        self._insert(upto, upto - self.head, lane_rows.GAP, body)

    def _insert(self, seq: int, span: int, form: int, body: bytes) -> None:
        self.total += lane_rows.ROW_BYTES + len(body)
        self.head = seq
        self.put(LaneRow(seq, span, form, self.total, 0, body))

    def put(self, row: LaneRow) -> None:
        """Write one row as it is, with its checksum."""
        self._db.run(
            f"INSERT INTO {self._name} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - a lane's name
            lane_rows.with_checksum(self._epoch, self.lane, row),
        )

    def evict(self, upto: int, total: int, lost: int) -> None:
        """Delete the rows up to `upto`, and remember that their numbers were issued."""
        self.lost += lost
        self.base = upto
        self._db.run(f"DELETE FROM {self._name} WHERE seq <= ?", (upto,))  # noqa: S608 - a lane's name
        self._db.run(
            "UPDATE lane SET base = ?, total = ?, lost = ? WHERE id = ?",
            (upto, total, self.lost, self.lane),
        )

    def bytes_stored(self) -> int:
        """Approximate size of the rows."""
        oldest = next(self.rows(0), None)
        if oldest is None:
            return 0
        return self.total - oldest.total + len(oldest.body) + lane_rows.ROW_BYTES

    def rows(self, after: int, upto: int | None = None) -> Iterator[LaneRow]:
        """The rows that reach beyond `after` and end by `upto`, in order, damaged ones included."""
        found = self._db.run(
            f"SELECT {_COLUMNS} FROM {self._name} WHERE seq > ? AND seq <= ? ORDER BY seq",  # noqa: S608 - a lane's name
            (after, self.head if upto is None else upto),
        )
        return map(LaneRow._make, found)

    def read(self, after: int, limit: int, expired: Callable[[], bool]) -> list[JournalEntry]:
        """Entries behind `after`: at most `limit`, fewer (but one) once `expired()` is true.

        Numbers that are lost or damaged come as one gap entry. JournalDamaged if rows are
        missing that nobody evicted: the tree has lost them, and a salvage may find them.
        """
        entries: list[JournalEntry] = []
        due = after + 1
        why = events.HISTORY
        for row in self.rows(after):
            if not row.holds(self._epoch, self.lane):
                why = events.DAMAGED
                continue
            if row.seq < due:
                raise JournalDamaged("journal.damaged", reason=f"order of {self._name}")
            if row.first > due:
                entries.append(self._hole(due, row.first - 1, why))
                due = row.first
            why = events.HISTORY
            entries += self._entries(row, due)
            due = row.seq + 1
            if len(entries) >= limit or expired():
                return entries[:limit]
        if due <= self.head:
            entries.append(self._hole(due, self.head, why))
        return entries[:limit]

    def _hole(self, first: int, last: int, why: str) -> JournalEntry:
        if why is events.HISTORY and last > self.base:
            raise JournalDamaged("journal.damaged", reason=f"rows of {self._name} are missing")
        body = self._gap_body(Gap(self.lane.wire, first, last, why))
        return JournalEntry(self._epoch, self.lane, last, body, gap_from=first)

    def _entries(self, row: LaneRow, due: int) -> list[JournalEntry]:
        if row.form == lane_rows.GAP:
            body = row.body if due == row.first else events.clip_gap(row.body, due)
            return [JournalEntry(self._epoch, self.lane, row.seq, body, gap_from=due)]
        bodies = lane_rows.unpack_bodies(row.body) if row.form == lane_rows.PACK else [row.body]
        return [
            JournalEntry(self._epoch, self.lane, seq, body)
            for seq, body in enumerate(bodies, row.first)
            if seq >= due
        ]
