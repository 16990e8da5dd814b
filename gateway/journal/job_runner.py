"""Runs the core in a shell, one job at a time in the scheduler's order; reports the outcomes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from gateway.clock import Clock
from gateway.errors import (
    JournalError,
    JournalFailed,
    OutcomeUnknown,
    StationError,
    UsageError,
)
from gateway.event import JournalEntry, Lane
from gateway.faults import OnFault, log_fault
from gateway.journal.append_request import AppendOutcome, AppendRequest, FileMeasures
from gateway.journal.core import JournalCore
from gateway.journal.job_scheduler import CommitJob, JobScheduler, PendingAppend, ReadJob
from gateway.journal.options import WAL_FRAMES
from gateway.journal.ports import Ticket
from gateway.journal.positions import LanePositions
from gateway.journal.wreck_import import AGAIN_NS
from gateway.journal.wreck_port import ImportStep
from gateway.journal.writer import WriterShell

_T = TypeVar("_T")

# Deferrable upkeep runs after this much idle time.
IDLE_NS = 2_000_000_000

# The log is copied when nothing is due. Beyond this length only an emergency goes first: on a slow
# card, under a storm of alarms, something is always due.
LOG_FRAMES_MAX = WAL_FRAMES * 5 // 4

# The import of wrecks begins only when the station has started.
CARRY_AFTER_NS = 2_000_000_000

_SMOOTH = 0.1
_Done = Callable[[Any, BaseException | None], None]


class _Stored(NamedTuple):
    outcomes: list[AppendOutcome]
    took_ns: int
    measures: FileMeasures


class JobRunner:
    """Runs the journal's jobs, on the event loop.

    `stored` is called with the entries of each commit before their callers resume; `receipts`
    returns the positions of the retaining followers. A disk error ends it and sets `failed`.
    Other faults of a wreck are reported and the import is retried later.
    """

    def __init__(
        self,
        core: JournalCore,
        shell: WriterShell,
        agenda: JobScheduler,
        clock: Clock,
        *,
        stored: Callable[[Sequence[JournalEntry]], None],
        receipts: Callable[[], Mapping[str, LanePositions]],
        on_fault: OnFault = log_fault,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._core = core
        self._shell = shell
        self._agenda = agenda
        self._clock = clock
        self._stored = stored
        self._receipts = receipts
        self._on_fault = on_fault
        self._timer: asyncio.TimerHandle | None = None
        self._upkeep_ns: int | None = clock.now_ns() + IDLE_NS
        self._carry_ns = None if core.carrier is None else clock.now_ns() + CARRY_AFTER_NS
        self._sleepers: set[asyncio.Future[None]] = set()
        self.ended: StationError | None = None
        self.failed: asyncio.Future[JournalFailed] = self._loop.create_future()
        self.job_since_ns: int | None = None
        self.measures = core.measure()
        self.commits = 0
        self.commit_ms = 0.0
        self.pump()

    def check(self) -> None:
        """Raise what ended the runner, if anything did."""
        if self.ended is not None:
            raise self.ended

    def append(self, append: AppendRequest) -> Ticket:
        """Queue an append; the ticket gets its entries."""
        ticket: Ticket = self._loop.create_future()
        if self._agenda.add(append, self._clock.now_ns(), ticket):
            self.pump()
        return ticket

    async def read(self, lane: Lane, work: Callable[[], _T]) -> _T:
        """Run one slice of reading when its turn comes."""
        self.check()
        ticket: asyncio.Future[_T] = self._loop.create_future()
        self._agenda.add_read(lane, ReadJob(work, ticket))
        self.pump()
        return await ticket

    async def sleep(self) -> None:
        """Wait for the next commit or the end; the caller checks its own condition."""
        sleeper: asyncio.Future[None] = self._loop.create_future()
        self._sleepers.add(sleeper)
        try:
            await sleeper
        finally:
            self._sleepers.discard(sleeper)

    def _wake(self) -> None:
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    def pump(self) -> None:
        """Start the job that is due, unless one is under way."""
        if self.job_since_ns is not None or self.failed.done():
            return
        now_ns = self._clock.now_ns()
        if self.measures.log_frames >= LOG_FRAMES_MAX and not self._agenda.emergency_waits:
            self._start(lambda: self._core.chore(idle=False), self._has_done_chore)
            return
        match self._agenda.next(now_ns):
            case CommitJob(waiting):
                self._start(partial(self._commit, waiting), partial(self._committed, waiting))
            case ReadJob(work, ticket):
                self._start(work, partial(self._has_read, ticket))
            case None if self.measures.log_frames >= WAL_FRAMES:
                self._start(lambda: self._core.chore(idle=False), self._has_done_chore)
            case None:
                self._rest(now_ns)

    def _rest(self, now_ns: int) -> None:
        """Nothing is due: do upkeep when idle, import from a wreck, or wait."""
        due_ns = self._agenda.due_ns(now_ns)
        upkeep_ns = self._upkeep_ns if due_ns is None else None
        if upkeep_ns is not None and upkeep_ns <= now_ns:
            self._start(lambda: self._core.chore(idle=True), self._has_done_chore)
        elif self._carry_ns is not None and self._carry_ns <= now_ns:
            self._start(self._carry, self._carried)
        else:
            wake = [each for each in (due_ns, upkeep_ns, self._carry_ns) if each is not None]
            self._cancel_timer()
            if wake:
                self._timer = self._loop.call_later((min(wake) - now_ns) / 1e9, self.pump)

    def _carry(self) -> tuple[ImportStep, FileMeasures]:
        carrier = self._core.carrier
        assert carrier is not None
        return carrier.step(self._receipts()), self._core.measure()

    def _carried(
        self, done: tuple[ImportStep, FileMeasures] | None, error: BaseException | None
    ) -> None:
        now_ns = self._clock.now_ns()
        if isinstance(error, JournalError):
            return self._fail(error, [])
        if error is not None:  # whatever is wrong with a wreck, the station goes on
            self._carry_ns = now_ns + AGAIN_NS
            return self._on_fault("journal.wreck", error)
        assert done is not None
        step, self.measures = done
        self._carry_ns = None if step.pause_ns is None else now_ns + step.pause_ns
        if step.entries:
            self._upkeep_ns = now_ns + IDLE_NS
            self._stored(_in_order([step.entries]))
        return None

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, work: Callable[[], Any], done: _Done) -> None:
        self._cancel_timer()
        self.job_since_ns = self._clock.now_ns()
        self._shell.start(work, partial(self._finished, done))

    def _finished(self, done: _Done, result: Any, error: BaseException | None) -> None:
        self.job_since_ns = None
        done(result, error)
        self._wake()
        self.pump()

    def _commit(self, waiting: list[PendingAppend]) -> _Stored:
        began_ns = self._clock.now_ns()
        outcomes = self._core.commit([each.append for each in waiting], self._receipts())
        return _Stored(outcomes, self._clock.now_ns() - began_ns, self._core.measure())

    def _committed(
        self, waiting: list[PendingAppend], stored: _Stored, error: BaseException | None
    ) -> None:
        if error is not None:
            unknown = OutcomeUnknown("journal.unknown")
            return self._fail(error, [(each.ticket, unknown) for each in waiting])
        self.measures = stored.measures
        self.commits += 1
        self.commit_ms += (stored.took_ns / 1e6 - self.commit_ms) * _SMOOTH
        self._upkeep_ns = self._clock.now_ns() + IDLE_NS
        self._stored(_in_order(stored.outcomes))
        for each, outcome in zip(waiting, stored.outcomes, strict=True):
            _settle(each.ticket, outcome)
        return None

    def _has_read(self, ticket: Ticket, result: Any, error: BaseException | None) -> None:
        if isinstance(error, JournalError):
            self._fail(error, [(ticket, error)])
        else:
            _settle(ticket, result if error is None else error)

    def _has_done_chore(self, more: bool | None, error: BaseException | None) -> None:
        if error is not None:
            return self._fail(error, [])
        self.measures = self.measures._replace(log_frames=0)
        self._upkeep_ns = self._clock.now_ns() if more else None
        return None

    def _fail(
        self, error: BaseException, under_way: list[tuple[asyncio.Future[Any], JournalError]]
    ) -> None:
        """The disk failed: every waiting caller gets the error, and nothing is retried."""
        failed = error if isinstance(error, JournalFailed) else _failed(error)
        for ticket, why in under_way:
            _settle(ticket, why)
        for ticket in self._agenda.drop():
            _settle(ticket, failed)
        self.ended = failed
        if not self.failed.done():
            self.failed.set_result(failed)

    async def finish(self) -> None:
        """Commit what waits without delay, and accept nothing more."""
        self._agenda.hurry = True
        self.ended = self.ended or UsageError("journal.closed")
        self._carry_ns = None
        self.pump()
        while self.job_since_ns is not None or self._agenda:
            await self.sleep()
        self._cancel_timer()
        self._upkeep_ns = self._carry_ns = None
        self._wake()


def _in_order(outcomes: Sequence[AppendOutcome]) -> list[JournalEntry]:
    """What was stored, ordered by number: a follower of a lane must never see 3 before 2."""
    stored = [entry for outcome in outcomes if isinstance(outcome, tuple) for entry in outcome]
    stored.sort(key=lambda entry: (entry.lane, entry.seq))
    return stored


def _failed(error: BaseException) -> JournalFailed:
    failed = JournalFailed("journal.failed", reason=str(error))
    failed.__cause__ = error
    return failed


def _settle(ticket: asyncio.Future[Any], outcome: Any) -> None:
    """Give the caller the outcome, unless it has stopped waiting."""
    if ticket.done():
        return
    if isinstance(outcome, BaseException):
        ticket.set_exception(outcome)
    else:
        ticket.set_result(outcome)
