"""The journal as other rooms see it: asynchronous, one instance per station."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from gateway.clock import Clock
from gateway.errors import JournalFailed, UsageError
from gateway.event import Event, JournalEntry, Lane, encode_tail
from gateway.faults import OnFault, log_fault
from gateway.journal.append_request import AppendRequest
from gateway.journal.core import JournalCore
from gateway.journal.core_factory import open_core, open_in_memory, write_wreck
from gateway.journal.follower import Follower
from gateway.journal.job_runner import JobRunner
from gateway.journal.job_scheduler import JobScheduler
from gateway.journal.options import (
    BODY_BYTES_MAX,
    COMMIT_BYTES_MAX,
    MIB,
    STATE_BYTES_MAX,
    WAITING_BYTES_MAX,
    JournalOptions,
    StateChange,
)
from gateway.journal.ports import OnSetAside, Ticket
from gateway.journal.positions import LanePositions
from gateway.journal.recent_entries import RecentEntries
from gateway.journal.stored_state import log_set_aside
from gateway.journal.wreck_port import ImportBacklog
from gateway.journal.write_budget import WriteBudget
from gateway.journal.writer import ThreadShell, WriterShell, run_job

# An event that is older than this when it arrives says so (`recordedtime`).
RECORDED_LATER_NS = 1_000_000_000

_READ_MAX = 10_000

# Time that a stop gives a disk that was unavailable to store what is in memory.
KEPT_WITHIN_S = 1.5


class JournalStats(msgspec.Struct, frozen=True):
    """The journal's figures; `stuck_s`: how long the current job has taken so far.

    `recovering`: about how many numbers of damaged journals are still to be imported;
    `wreck_bytes`: their size on disk until everything imported is receipted.
    """

    epoch: str
    volatile: bool
    heads: dict[Lane, int]
    used_bytes: int
    quota_bytes: int
    commits: int
    commit_ms: float
    evicted: int
    waiting_bytes: int
    stuck_s: float
    recovering: int = 0
    wreck_bytes: int = 0


class Journal:
    """See `open`.

    `fatal` is set when the disk fails: the station then ends the process. `recovered` is set
    when this journal is in memory and the one on disk is available again: the station then
    restarts on it, and `close` lays what is in memory beside it. `behind` is the task that
    takes care of that.
    """

    def __init__(
        self,
        core: JournalCore,
        shell: WriterShell,
        *,
        station: str,
        options: JournalOptions,
        clock: Clock,
    ) -> None:
        """Run an open core in a shell; stations use `open`, simulations this."""
        self.epoch = core.epoch
        self.volatile = core.volatile
        self._core = core
        self._shell = shell
        self._station = station
        self._options = options
        self._clock = clock
        self._ring = RecentEntries()
        self._heads = core.heads()
        self._retaining = {
            name: Follower(self, name, dict(core.positions[name]), retaining=True)
            for name in core.positions.names()
        }
        self._agenda = JobScheduler(WriteBudget(options.wear_gb_per_day, clock.now_ns()))
        self._engine = JobRunner(
            core,
            shell,
            self._agenda,
            clock,
            stored=self._stored,
            receipts=self._receipts,
            on_fault=self._contained,
        )
        self.on_fault: OnFault = log_fault
        self.fatal: asyncio.Future[JournalFailed] = self._engine.failed
        self.recovered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.behind: asyncio.Task[None] | None = None
        self._keep_in: Path | None = None
        self._closed = False
        self.on_set_aside: OnSetAside = log_set_aside

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        station: str,
        options: JournalOptions,
        clock: Clock,
        retaining: Collection[str] | None = None,
        shell: Callable[[], WriterShell] = ThreadShell,
    ) -> "Journal":
        """Open or create the journal in `directory`, salvaging a damaged one.

        `retaining` names the followers that hold entries (the required uplinks), whether or
        not they read; None keeps those of the last run. Raises JournalHeld, JournalFailed.
        """
        return await cls._open(
            partial(open_core, directory, retaining=retaining), station, options, clock, shell()
        )

    @classmethod
    async def open_in_memory(
        cls,
        *,
        station: str,
        options: JournalOptions,
        clock: Clock,
        retaining: Collection[str] | None = None,
        shell: Callable[[], WriterShell] = ThreadShell,
    ) -> "Journal":
        """A `volatile` journal for a station whose disk is dead: a new epoch, nothing is saved."""
        return await cls._open(
            partial(open_in_memory, retaining=retaining), station, options, clock, shell()
        )

    @classmethod
    async def _open(
        cls,
        opening: Callable[..., JournalCore],
        station: str,
        options: JournalOptions,
        clock: Clock,
        shell: WriterShell,
    ) -> "Journal":
        try:
            core = await run_job(
                shell, lambda: opening(station=station, options=options, clock=clock)
            )
        except asyncio.CancelledError:  # it may take long yet
            shell.leave()
            raise
        except BaseException:  # leave no thread behind whatever went wrong
            await shell.stop()
            raise
        return cls(core, shell, station=station, options=options, clock=clock)

    def _stored(self, entries: Sequence[JournalEntry]) -> None:
        self._ring.add(entries)
        for entry in entries:
            self._heads[entry.lane] = entry.seq

    def _contained(self, where: str, error: BaseException, /) -> None:
        self.on_fault(where, error)

    def _receipts(self) -> dict[str, LanePositions]:
        return {name: dict(each.position) for name, each in self._retaining.items()}

    async def append(
        self, events: Sequence[Event], state: Sequence[StateChange] = ()
    ) -> tuple[JournalEntry, ...]:
        """Store events and state, both or neither; returns the entries once they are on disk.

        JournalFull: refused, nothing stored (never for an emergency). OutcomeUnknown: the
        disk failed meanwhile. A cancelled caller knows nothing: the events may be stored.
        """
        append = self._append_of(events, state)
        while self._agenda.waiting_bytes > WAITING_BYTES_MAX and append.urgency > Lane.EMERGENCY:
            self._engine.check()
            await self._engine.sleep()
        self._engine.check()
        return await self._engine.append(append)

    def offer(self, events: Sequence[Event], state: Sequence[StateChange] = ()) -> Ticket:
        """Like `append`, without waiting for room: for callers that bound their own pending events.

        The ticket gets what `append` returns or raises.
        """
        append = self._append_of(events, state)
        self._engine.check()
        return self._engine.append(append)

    def _append_of(self, events: Sequence[Event], state: Sequence[StateChange]) -> AppendRequest:
        bodies = tuple([(event.travels, self._body(event)) for event in events])
        append = AppendRequest(bodies, tuple(state))
        _check_size(append)
        return append

    def _body(self, event: Event) -> bytes:
        stamps = event.stamps
        late = stamps.boot != self._clock.boot
        late = late or self._clock.now_ns() - stamps.at_ns > RECORDED_LATER_NS
        return encode_tail(event, self._station, self._clock.stamp() if late else None)

    async def load(self, room: str) -> dict[str, bytes]:
        return await self._engine.read(Lane.EMERGENCY, lambda: self._core.load(room))

    async def read(self, lane: Lane, after: int, limit: int = 200) -> list[JournalEntry]:
        """Entries of the lane behind `after`, at most `limit`; fewer only if there are no more.

        A range that is lost comes as one entry at its last number, with `gap_from`.
        """
        self._engine.check()
        limit = max(1, min(limit, _READ_MAX))
        found: list[JournalEntry] = []
        while len(found) < limit and after < self._heads[lane]:
            found += await self._slice(lane, after, limit - len(found))
            after = found[-1].seq
        return found

    async def _slice(self, lane: Lane, after: int, limit: int) -> list[JournalEntry]:
        """At least one entry: from memory if possible, else one slice from the disk."""
        entries = self._ring.read(lane, after, limit)
        if entries is None:
            entries = await self._engine.read(lane, lambda: self._core.read(lane, after, limit))
        return entries

    def heads(self) -> dict[Lane, int]:
        """The last committed number of each lane; 0 if there is none."""
        return dict(self._heads)

    def follower(self, name: str, *, retaining: bool) -> Follower:
        """The follower of that name.

        A retaining one is always the same object, and keeps its position over restarts. A
        passing one begins at the present end.
        """
        if not retaining:
            return Follower(self, name, dict(self._heads), retaining=False)
        if name not in self._retaining:
            position = dict.fromkeys(Lane, 0)
            self._retaining[name] = Follower(self, name, position, retaining=True)
        return self._retaining[name]

    async def newer(self, lanes: Collection[Lane], after: LanePositions) -> None:
        """Return when one of the lanes has something behind `after`."""
        self._engine.check()
        while all(self._heads[lane] <= after[lane] for lane in lanes):
            await self._engine.sleep()
            self._engine.check()

    def stats(self) -> JournalStats:
        """The present figures; cheap."""
        engine = self._engine
        since_ns = engine.job_since_ns
        quota_mb = self._options.volatile_mb if self.volatile else self._options.quota_mb
        remains = ImportBacklog() if self._core.carrier is None else self._core.carrier.remains
        return JournalStats(
            epoch=self.epoch,
            volatile=self.volatile,
            heads=dict(self._heads),
            used_bytes=engine.measures.used_bytes,
            quota_bytes=quota_mb * MIB,
            commits=engine.commits,
            commit_ms=engine.commit_ms,
            evicted=engine.measures.lost,
            waiting_bytes=self._agenda.waiting_bytes,
            stuck_s=0.0 if since_ns is None else (self._clock.now_ns() - since_ns) / 1e9,
            recovering=remains.entries,
            wreck_bytes=remains.wreck_bytes,
        )

    def keep_wreck_in(self, directory: Path) -> None:
        """At `close`, lay what is in memory beside the journal in that directory."""
        self._keep_in = directory

    def mark_recovered(self) -> None:
        """The journal on disk is available again."""
        if not self.recovered.done():
            self.recovered.set_result(None)

    async def close(self) -> None:
        """Commit what waits, write the positions, close the file. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self.behind is not None:
            self.behind.cancel()
        await self._engine.finish()
        failed = self.fatal.done()
        receipts = self._receipts()
        if self._keep_in is not None and not await self._laid_beside(self._keep_in, receipts):
            self._shell.leave()
            return
        await run_job(
            self._shell, self._core.abandon if failed else lambda: self._core.close(receipts)
        )
        await self._shell.stop()

    async def _laid_beside(self, directory: Path, receipts: Mapping[str, LanePositions]) -> bool:
        """Whether that has ended; a stop does not wait long for a slow disk."""
        again = self.recovered.done()
        laying = asyncio.create_task(
            run_job(self._shell, lambda: write_wreck(self._core, directory, receipts, again=again))
        )
        await asyncio.wait({laying}, timeout=None if again else KEPT_WITHIN_S)
        return laying.done()


def _check_size(append: AppendRequest) -> None:
    """UsageError if any part, or the whole, is larger than the journal accepts."""
    if append.size <= min(BODY_BYTES_MAX, STATE_BYTES_MAX):
        return
    parts = [(lane.wire, len(body), BODY_BYTES_MAX) for lane, body in append.bodies]
    parts += [
        (f"{change.room}/{change.key}", len(change.body or b""), STATE_BYTES_MAX)
        for change in append.state
    ]
    for what, size, most in (*parts, ("append", append.size, COMMIT_BYTES_MAX)):
        if size > most:
            raise UsageError("journal.too-large", what=what, bytes=size, most=most)
