"""The journal's core: transactions, slices of reads and upkeep. Synchronous and free of threads.

Its caller (a thread in production, the event loop in a simulation) must not call it concurrently.
An I/O error is JournalFailed and final: a retried fsync proves nothing.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from gateway import entropy
from gateway.clock import Clock
from gateway.errors import JournalDamaged, JournalError, JournalFull
from gateway.event import JournalEntry, Lane
from gateway.journal import events, preallocation
from gateway.journal.append_request import AppendOutcome, AppendRequest, FileMeasures
from gateway.journal.database import Database, translate_disk_errors
from gateway.journal.lane import LaneTable
from gateway.journal.lock import JournalLock
from gateway.journal.number_reservation import NumberReservation
from gateway.journal.options import MIB, PAGE_BYTES, WAL_FRAMES, JournalOptions
from gateway.journal.positions import ROOM, FollowerPositions, LanePositions
from gateway.journal.quota import Quota
from gateway.journal.state_table import StateTable
from gateway.journal.wreck_port import WreckImport

SLICE_ENTRIES = 200
# Length of one slice of a read, and so the longest wait of an append behind it.
SLICE_NS = 5_000_000

# How far ahead of the file blocks are allocated: more than the log can hold.
AHEAD_PAGES = 6 * MIB // PAGE_BYTES

# The least that is asked for when the disk is almost full.
AHEAD_PAGES_MIN = 256

# Room that the import of wrecks leaves to new entries (at most a quarter of the file).
CARRIED_PAGES_SPARE = 2 * MIB // PAGE_BYTES

_OVERHEAD_PAGES = 24
# Frames of a commit beside its bodies: tree pages, positions, pages touched by an eviction.
_EVICTION_FRAMES = 256

_RESERVE_PAGES = MIB // PAGE_BYTES + _OVERHEAD_PAGES


class JournalCore:
    """The open journal. With `path` None it is kept in memory (`volatile`)."""

    def __init__(
        self,
        path: Path | None,
        *,
        station: str,
        options: JournalOptions,
        clock: Clock,
        retaining: Collection[str] | None = None,
        synchronous: str = "FULL",
    ) -> None:
        self.volatile = path is None
        self._path = path
        self._station = station
        self._options = options
        self._clock = clock
        self.lock: JournalLock | None = None
        self._promise: NumberReservation | None = None
        self._db = Database(path, synchronous=synchronous)
        self._blocks: preallocation.PreallocatedBlocks | None = None
        self.carrier: WreckImport | None = None  # set if there are wrecks beside the file
        self.log_torn = False  # at opening; what remains of a torn log may look like damage
        # Whether the disk refused some of the room that was asked for.
        self.cramped = False
        try:
            with translate_disk_errors():
                self._load(retaining)
        except BaseException:  # close the connection whatever went wrong
            self.abandon()
            raise

    @staticmethod
    def damage_mark(path: Path) -> Path:
        """The marker file that tells the next run that this one found the journal damaged."""
        return path.with_name(path.name + "-damaged")

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        """Translate SQLite's errors; remember damage for the next start, which salvages."""
        try:
            with translate_disk_errors():
                yield
        except JournalDamaged:
            if self._path is not None:
                with contextlib.suppress(OSError):  # the disk may refuse this as well
                    self.damage_mark(self._path).touch()
            raise

    def _load(self, retaining: Collection[str] | None) -> None:
        self.epoch = self._mark_open()
        self.tables = {lane: LaneTable(self._db, lane, self.epoch, self._gap_body) for lane in Lane}
        self.state = StateTable(self._db, self.epoch)
        self.state.verify()
        self.positions = FollowerPositions(self.state.room(ROOM), retaining, self.heads())
        self._quota = Quota(self._db, self.tables, self.positions, self._gap_body)
        self._quota.keep_alarms(self._pages_max())
        if self._path is not None:
            self._blocks = preallocation.PreallocatedBlocks(self._path)
            self._blocks.own_log()
            preallocation.sync_directory(self._path.parent)
        self._allocate()

    def _mark_open(self) -> str:
        """Commit something, to prove that the disk accepts writes; returns the file's epoch."""
        with self._db.transaction():
            self._db.run("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (entropy.token_hex(8),))
            self._db.run("INSERT OR REPLACE INTO meta VALUES ('opened', ?)", (self._clock.boot,))
        epoch: str = self._db.run("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
        return epoch

    def _gap_body(self, gap: events.Gap) -> bytes:
        return events.encode_gap(self._station, self._clock.stamp(), gap)

    def _pages_max(self) -> int:
        if self.volatile:
            return self._options.volatile_mb * MIB // PAGE_BYTES
        return self._options.quota_pages

    def _allocate(self) -> None:
        """Let the file grow into allocated blocks; only when the log is copied or empty."""
        pages = self._db.pages
        ahead = max(0, self._pages_max() - pages)
        if self._blocks is not None:
            ahead = self._owned(self._blocks, pages, min(ahead, AHEAD_PAGES))
        self._quota.limit(pages + ahead)

    def _owned(self, blocks: preallocation.PreallocatedBlocks, pages: int, wanted: int) -> int:
        """How many pages behind the file are allocated: those wanted, else what the disk grants."""
        ahead = wanted
        while ahead and not blocks.own_ahead(pages, ahead):
            ahead = ahead // 2 if ahead // 2 >= AHEAD_PAGES_MIN else 0
        self.cramped = ahead < wanted
        return ahead

    def adopt_lock(self, lock: JournalLock) -> None:
        """Take over the lock; it is released when the core is closed."""
        self.lock = lock
        self._promise = NumberReservation(lock, self.epoch, self.tables)

    def heads(self) -> dict[Lane, int]:
        """The last number issued in each lane."""
        return {lane: table.head for lane, table in self.tables.items()}

    def commit(
        self, appends: Sequence[AppendRequest], receipts: Mapping[str, LanePositions] | None = None
    ) -> list[AppendOutcome]:
        """Store the appends in one transaction; returns the outcome of each.

        If there is no room for all, they are tried one by one, the urgent ones first.
        Numbers of a lane then do not follow the order of the appends, and an overtaken
        state change is dropped.
        """
        self.positions.advance(receipts or {})
        self._keep_within_log(appends)
        if self._promise is not None:
            self._promise.cover(sum(len(append.bodies) for append in appends))
        try:
            return list(self._commit(appends))
        except JournalFull:
            self._reload()
            self._shorten_log()
            order = sorted(range(len(appends)), key=lambda i: appends[i].urgency)
            outcomes: dict[int, AppendOutcome] = {}
            changed: dict[tuple[str, str], int] = {}
            for i in order:
                outcomes[i] = self._commit_alone(_without_overtaken(appends[i], i, changed))
                if not isinstance(outcomes[i], JournalError):
                    for change in appends[i].state:
                        name = change.room, change.key
                        changed[name] = max(i, changed.get(name, i))
            return [outcomes[i] for i in range(len(appends))]

    def _keep_within_log(self, appends: Sequence[AppendRequest]) -> None:
        """Copy the log before it could outgrow its allocated blocks: a full disk has no more.

        Upkeep is nearly always earlier (`JobRunner.pump`).
        """
        if self._blocks is None:
            return
        needed = sum(append.pages for append in appends) + _EVICTION_FRAMES
        with self._disk():
            short = self._blocks.frames() + needed > self._blocks.log_frames_owned
        if short:
            with contextlib.suppress(JournalFull):
                self._checkpoint()

    def _shorten_log(self) -> None:
        """Copy a log whose blocks the disk would not grant: once restarted it needs none."""
        if self._blocks is not None and self._blocks.log_frames_owned < WAL_FRAMES:
            with contextlib.suppress(JournalFull):
                self._checkpoint()

    def skip(self, upto: Mapping[Lane, int]) -> None:
        """Issue no number up to these: they may have been given to entries that are lost."""
        beyond = {lane: seq for lane, seq in upto.items() if seq > self.tables[lane].head}
        if not beyond:
            return
        with self._disk(), self._db.transaction():
            self._quota.make_room(_OVERHEAD_PAGES, emergency=True)
            for lane, seq in beyond.items():
                self.tables[lane].skip(seq)

    def import_entries(self, append: AppendRequest) -> AppendOutcome:
        """Store imported entries, unless something unreceipted would have to give way."""
        self._keep_within_log([append])
        if self._promise is not None:
            self._promise.cover(len(append.bodies))
        spare = min(CARRIED_PAGES_SPARE, self._quota.limit_pages // 4)
        needed = append.pages + _OVERHEAD_PAGES + spare
        if self._quota.room() < needed and self._blocks is not None and self._blocks.frames():
            with contextlib.suppress(JournalFull):
                self._checkpoint()  # the file may grow again
        try:
            return self._commit([append], spare=spare)[0]
        except JournalFull as full:
            self._reload()
            self._shorten_log()
            return full

    def _commit(
        self, appends: Sequence[AppendRequest], generous: int = 1, spare: int = 0
    ) -> list[tuple[JournalEntry, ...]]:
        """One transaction; with `spare`, only if so many pages remain free."""
        now_ns = self._clock.now_ns()
        pages = generous * sum(append.pages for append in appends) + _OVERHEAD_PAGES + spare
        emergency = any(append.urgency is Lane.EMERGENCY for append in appends)
        with self._disk(), self._db.transaction():
            evicted = self._quota.make_room(pages, emergency=emergency, gentle=spare > 0)
            stored = self._insert(appends)
            for append in appends:
                self.state.apply(append.state)
            along = evicted or self.positions.due(now_ns)
            if along:  # else a position from before the eviction would see a hole after a crash
                self.state.apply(self.positions.changes())
        if along:
            self.positions.mark_saved(now_ns)
        return stored

    def _insert(self, appends: Sequence[AppendRequest]) -> list[tuple[JournalEntry, ...]]:
        bodies: dict[Lane, list[bytes]] = {}
        for append in appends:
            for lane, body in append.bodies:
                bodies.setdefault(lane, []).append(body)
        entries = {lane: iter(self.tables[lane].append(found)) for lane, found in bodies.items()}
        return [tuple(next(entries[lane]) for lane, _ in append.bodies) for append in appends]

    def _commit_alone(self, append: AppendRequest) -> AppendOutcome:
        """One append on a full file; an emergency asks for more room before it gives up."""
        for generous in (1, 4, 16) if append.urgency is Lane.EMERGENCY else (1,):
            try:
                return self._commit([append], generous)[0]
            except JournalFull:
                self._reload()
        return JournalFull("journal.full")

    def _reload(self) -> None:
        """Forget numbers that were issued in a transaction that was rolled back."""
        with self._disk():
            for table in self.tables.values():
                table.load()
            self.state.load()

    def read(self, lane: Lane, after: int, limit: int = SLICE_ENTRIES) -> list[JournalEntry]:
        """One slice behind `after`; empty only if there is nothing newer."""
        deadline_ns = self._clock.now_ns() + SLICE_NS
        with self._disk():
            return self.tables[lane].read(
                after, min(limit, SLICE_ENTRIES), lambda: self._clock.now_ns() > deadline_ns
            )

    def load(self, room: str) -> dict[str, bytes]:
        with self._disk():
            return self.state.room(room)

    def chore(self, *, idle: bool) -> bool:
        """One step of upkeep, if one is due; deferrable steps only when `idle`."""
        if self._blocks is None:
            return False
        with contextlib.suppress(JournalFull), self._disk():
            frames = self._blocks.frames()
            early = idle and (self.log_torn or frames >= WAL_FRAMES * 3 // 4)
            if early or frames >= WAL_FRAMES:
                self._checkpoint()
                self.log_torn = False
                return True
            return idle and self._refill_reserve()
        return False

    def _checkpoint(self) -> None:
        if self._promise is not None:  # the log that proves the last numbers is about to restart
            self._promise.renew()
        with self._disk():
            if self._db.checkpoint() and self._blocks is not None:
                self._blocks.copied()
                self._allocate()

    def _refill_reserve(self) -> bool:
        """Return one MiB to the reserve, if the disk grants it."""
        (kept,) = self._db.run("SELECT count(*) FROM reserve").fetchone()
        if kept >= self._options.reserve_mb or self._quota.room() < 2 * _RESERVE_PAGES:
            return False
        with self._db.transaction():
            self._db.run("INSERT INTO reserve (body) VALUES (zeroblob(?))", (MIB,))
        self._checkpoint()
        return True

    def measure(self) -> FileMeasures:
        """Measure the file; cheap."""
        with self._disk():
            used = (self._db.pages - self._db.free_pages) * PAGE_BYTES
            frames = 0 if self._blocks is None else self._blocks.frames()
        return FileMeasures(used, sum(table.lost for table in self.tables.values()), frames)

    def check(self) -> list[str]:
        """Complaints of SQLite's own check of the whole file; takes a second for 200 MB."""
        with self._disk():
            found = [str(row[0]) for row in self._db.run("PRAGMA integrity_check")]
        return [] if found == ["ok"] else found

    def close(self, receipts: Mapping[str, LanePositions] | None = None) -> None:
        """Write the positions if they moved, copy the log and close; the log's blocks are kept."""
        self.positions.advance(receipts or {})
        if self.positions.has_unsaved:
            self.commit([AppendRequest((), tuple(self.positions.changes()))])
        if self._path is None:
            self.abandon()
            return
        copied = False
        with contextlib.suppress(JournalFull), self._disk():
            copied = self._db.checkpoint()
        if self._promise is not None:
            self._promise.renew(closed=copied)
        self._release(copied=copied)

    def write_to(self, path: Path, receipts: Mapping[str, LanePositions]) -> None:
        """Write a durable copy of everything, with the current positions."""
        self.positions.advance(receipts)
        # Without room for these, some entries are delivered twice.
        self.commit([AppendRequest((), tuple(self.positions.changes()))])
        with self._disk():
            self._db.copy_to(path)

    def abandon(self) -> None:
        """Close without writing anything more, as a kill would; the log stays as it is."""
        self._release(copied=False)

    def _release(self, *, copied: bool) -> None:
        """Close everything, whatever goes wrong."""
        with contextlib.ExitStack() as closing:
            if self.lock is not None:
                closing.callback(self.lock.close)
            if self._blocks is not None:
                closing.callback(self._blocks.close)
                self._blocks = None
            closing.callback(self._db.close, copied=copied)
            if self.carrier is not None:
                closing.callback(self.carrier.close)


def _without_overtaken(
    append: AppendRequest, place: int, changed: Mapping[tuple[str, str], int]
) -> AppendRequest:
    """The append without the states that an append from a later place has changed already."""
    if not any(changed.get((each.room, each.key), 0) > place for each in append.state):
        return append
    left = [each for each in append.state if changed.get((each.room, each.key), 0) <= place]
    return append._replace(state=tuple(left))
