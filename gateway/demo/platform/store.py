"""What the platform holds, durably.

Synchronous, on the receiver's own loop: a batch is one commit, and nothing may be answered before
it anyway.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from gateway.demo.platform.cloudevents import ReceivedEvent
from gateway.demo.platform.enrolment_store import EnrolmentStore
from gateway.demo.platform.watermark import Watermark

# Of each lane; the watermark remembers the rest.
KEPT_EVENTS = 1_000_000

LIFE_SHOWN = 16

# A command: id, station, kind, expiry in ms, body.
CommandRow = tuple[str, str, str, int, bytes]

_PRUNE_EVERY = 1000
_EARLY_EVENTS = (
    "SELECT station, epoch, lane, seq FROM event JOIN mark USING (station, epoch, lane)"
    " WHERE seq > upto"
)
_EARLY_GAPS = (
    "SELECT station, epoch, lane, first, last FROM gap JOIN mark USING (station, epoch, lane)"
    " WHERE last > upto"
)


class LaneKey(NamedTuple):
    """One lane of one journal file of one station."""

    station: str
    epoch: str
    lane: str


class StoredCommand(NamedTuple):
    """A command, and the last that its station said of it."""

    id: str
    station: str
    kind: str
    expires_ms: int
    body: bytes
    state: str
    reason: str
    detail: str


class CommandStep(NamedTuple):
    """One step of a command's life: how it was issued, or what its station said, and when."""

    came_ms: int
    state: str
    reason: str
    detail: str


class CommandAnswer(NamedTuple):
    """What a station said of a command, and in which event."""

    command: str
    step: CommandStep
    event: str


class PlatformStore:
    """Events, gaps and commands in one file; what a commit has taken is never forgotten."""

    def __init__(self, path: Path, kept_events: int = KEPT_EVENTS) -> None:
        self._kept = kept_events
        self.marks: dict[LaneKey, Watermark] = {}
        self.kept: Counter[LaneKey] = Counter()
        self.lost: Counter[LaneKey] = Counter()
        self.duplicates: Counter[LaneKey] = Counter()
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(Path(__file__).with_name("schema.sql").read_text("utf-8"))
        self.register = EnrolmentStore(self._db)
        self._load()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def store_events(self, events: Iterable[ReceivedEvent], came_ms: int) -> int:
        """Store what is new in one transaction; how many that was."""
        fresh = 0
        try:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                touched = set()
                for event in events:
                    key = LaneKey(event.station, event.epoch, event.lane)
                    touched.add(key)
                    fresh += self._take(key, event, came_ms)
                for key in touched:
                    self._keep_mark(key)
        except sqlite3.Error:
            self._load()  # the marks must never be ahead of the file
            raise
        return fresh

    def mark(self, key: LaneKey) -> Watermark:
        """What is held of a lane."""
        return self.marks.setdefault(key, Watermark())

    def events(self, key: LaneKey, after: int, limit: int) -> list[tuple[int, bytes]]:
        """A slice of what is kept of a lane."""
        return self._db.execute(
            "SELECT seq, body FROM event WHERE station = ? AND epoch = ? AND lane = ?"
            " AND seq > ? ORDER BY seq LIMIT ?",
            (*key, after, limit),
        ).fetchall()

    def gaps(self, limit: int = 20) -> list[tuple[str, str, str, int, int, str]]:
        """Reported gaps."""
        return self._db.execute(
            "SELECT station, epoch, lane, first, last, why FROM gap ORDER BY last DESC LIMIT ?",
            (limit,),
        ).fetchall()

    def order(self, rows: Iterable[CommandRow], manner: str, now_ms: int) -> None:
        """Keep commands that were issued in that manner, all or none."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for row in rows:
                self._db.execute(
                    "INSERT INTO command VALUES (?, ?, ?, ?, ?, 'issued', '', '')", row
                )
                self._live(row[0], CommandStep(now_ms, "issued", manner, ""))

    def orders(self, limit: int = 20) -> list[StoredCommand]:
        """The latest commands, newest first."""
        rows = self._db.execute("SELECT * FROM command ORDER BY id DESC LIMIT ?", (limit,))
        return [StoredCommand(*row) for row in rows]

    def find(self, command: str) -> StoredCommand | None:
        """The command of that id."""
        row = self._db.execute("SELECT * FROM command WHERE id = ?", (command,)).fetchone()
        return None if row is None else StoredCommand(*row)

    def open_orders(self, station: str, after: str, limit: int) -> list[StoredCommand]:
        """What that station has not finished, issued after `after`, oldest first."""
        rows = self._db.execute(
            "SELECT * FROM command WHERE station = ? AND id > ?"
            " AND state IN ('issued', 'accepted') ORDER BY id LIMIT ?",
            (station, after, limit),
        )
        return [StoredCommand(*row) for row in rows]

    def open_since(self, station: str, number: int, limit: int) -> list[tuple[int, StoredCommand]]:
        """The same by the number under which a command was kept, whatever its id; oldest first."""
        rows = self._db.execute(
            "SELECT n, command.* FROM life JOIN command ON command.id = life.command"
            " WHERE n > ? AND life.state = 'issued' AND station = ?"
            " AND command.state IN ('issued', 'accepted') ORDER BY n LIMIT ?",
            (number, station, limit),
        )
        return [(row[0], StoredCommand(*row[1:])) for row in rows]

    def newest(self) -> int:
        """The number that was given last: what is kept from now on has a greater one."""
        return int(self._db.execute("SELECT coalesce(max(n), 0) FROM life").fetchone()[0])

    def tally(self) -> dict[str, int]:
        """How many commands stand in each state."""
        return dict(self._db.execute("SELECT state, count(*) FROM command GROUP BY 1"))

    def answered(self, answers: Iterable[CommandAnswer]) -> None:
        """Stations said what became of commands; what was heard before changes nothing."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for answer in answers:
                step = answer.step
                if self._live(answer.command, step, answer.event) and step.state != "duplicate":
                    self._db.execute(
                        "UPDATE command SET state = ?, reason = ?, detail = ? WHERE id = ?",
                        (step.state, step.reason, step.detail, answer.command),
                    )

    def life(self, command: str) -> list[CommandStep]:
        """All that happened to a command, in order."""
        rows = self._db.execute(
            "SELECT came_ms, state, reason, detail FROM life WHERE command = ? ORDER BY n LIMIT ?",
            (command, LIFE_SHOWN),
        )
        return [CommandStep(*row) for row in rows]

    def _live(self, command: str, step: CommandStep, event: str | None = None) -> bool:
        return bool(
            self._db.execute(
                "INSERT OR IGNORE INTO life (command, came_ms, state, reason, detail, event)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (command, *step, event),
            ).rowcount
        )

    def _take(self, key: LaneKey, event: ReceivedEvent, came_ms: int) -> bool:
        mark = self.mark(key)
        first, last = event.settles
        if event.is_gap:
            fresh = not mark.covers(first, last)
            why = str(event.data.get("why", ""))
            if fresh:
                self._db.execute(
                    "INSERT OR REPLACE INTO gap VALUES (?, ?, ?, ?, ?, ?)", (*key, first, last, why)
                )
                self.lost[key] += last - first + 1
        else:
            # Also where a gap stands: what was thought lost is welcome.
            fresh = bool(
                self._db.execute(
                    "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*key, event.seq, event.type, came_ms, event.body),
                ).rowcount
            )
            self.kept[key] += fresh
        self.duplicates[key] += not fresh
        mark.add(first, last)
        return fresh

    def _keep_mark(self, key: LaneKey) -> None:
        upto = self.mark(key).upto
        self._db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?)", (*key, upto))
        if self.kept[key] >= self._kept + _PRUNE_EVERY:
            self.kept[key] -= self._db.execute(
                "DELETE FROM event WHERE station = ? AND epoch = ? AND lane = ? AND seq <= ?",
                (*key, upto - self._kept),
            ).rowcount

    def _load(self) -> None:
        self.marks = {
            LaneKey(*row[:3]): Watermark(row[3]) for row in self._db.execute("SELECT * FROM mark")
        }
        for row in self._db.execute(_EARLY_EVENTS):
            self.mark(LaneKey(*row[:3])).add(row[3], row[3])
        for row in self._db.execute(_EARLY_GAPS):
            self.mark(LaneKey(*row[:3])).add(row[3], row[4])
        self.kept = self._count("SELECT station, epoch, lane, count(*) FROM event GROUP BY 1, 2, 3")
        self.lost = self._count(
            "SELECT station, epoch, lane, sum(last - first + 1) FROM gap GROUP BY 1, 2, 3"
        )

    def _count(self, query: str) -> Counter[LaneKey]:
        return Counter({LaneKey(*row[:3]): row[3] for row in self._db.execute(query)})
