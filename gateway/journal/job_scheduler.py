"""Schedules the journal's jobs: commits of pending appends, and reads between them. Pure."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from gateway.event import Lane
from gateway.journal.append_request import AppendRequest
from gateway.journal.options import COMMIT_BYTES_MAX
from gateway.journal.write_budget import WriteBudget

MS = 1_000_000
SERVICE_LINGER_NS = 50 * MS
READING_LINGER_NS = 20 * MS
READING_LINGER_NS_MAX = 1_000 * MS


class PendingAppend(NamedTuple):
    """A pending append; `ticket` is what its caller awaits."""

    append: AppendRequest
    since_ns: int
    ticket: Any
    urgency: Lane
    size: int


class CommitJob(NamedTuple):
    """Store these together."""

    waiting: list[PendingAppend]


class ReadJob(NamedTuple):
    """Run one slice of read-only work."""

    work: Callable[[], Any]
    ticket: Any


class JobScheduler:
    """Pending appends in order of arrival, pending reads by urgency."""

    def __init__(self, wear: WriteBudget) -> None:
        self._wear = wear
        self._waiting: deque[PendingAppend] = deque()
        self._earliest: dict[Lane, int] = {}
        self._reads: list[tuple[Lane, int, ReadJob]] = []
        self._turn = itertools.count()
        self._read_may_pass = False
        self.waiting_bytes = 0
        self.hurry = False  # the journal is being closed: nothing waits for company

    def __bool__(self) -> bool:
        return bool(self._waiting or self._reads)

    def add(self, append: AppendRequest, since_ns: int, ticket: Any) -> bool:
        """Queue an append; True if that may bring the next commit forward."""
        waiting = PendingAppend(append, since_ns, ticket, append.urgency, append.size)
        self._waiting.append(waiting)
        self.waiting_bytes += waiting.size
        return self._note(waiting)

    def _note(self, waiting: PendingAppend) -> bool:
        """Remember the oldest append of each urgency; True if this is one."""
        first = waiting.urgency not in self._earliest
        if first:
            self._earliest[waiting.urgency] = waiting.since_ns
        return first

    def add_read(self, lane: Lane, read: ReadJob) -> None:
        """Queue a slice of a read."""
        heapq.heappush(self._reads, (lane, next(self._turn), read))

    @property
    def emergency_waits(self) -> bool:
        """Whether the next commit contains an emergency."""
        return Lane.EMERGENCY in self._earliest

    def due_ns(self, now_ns: int) -> int | None:
        """The instant of the next commit; None if nothing waits."""
        if not self._waiting:
            return None
        if self.hurry:
            return now_ns
        return min(self._due(lane, since, now_ns) for lane, since in self._earliest.items())

    def _due(self, lane: Lane, since_ns: int, now_ns: int) -> int:
        if lane <= Lane.ALARM:
            return since_ns
        if lane is Lane.SERVICE:
            return since_ns + SERVICE_LINGER_NS
        affordable_ns = self._wear.affordable_ns(now_ns)
        soon_ns = max(since_ns + READING_LINGER_NS, affordable_ns)
        return min(soon_ns, since_ns + READING_LINGER_NS_MAX)

    def next(self, now_ns: int) -> CommitJob | ReadJob | None:
        """The next job; None if nothing is due."""
        due_ns = self.due_ns(now_ns)
        due = due_ns is not None and due_ns <= now_ns
        may_pass = self._read_may_pass and not self.emergency_waits
        if self._reads and (not due or may_pass):
            self._read_may_pass = False
            return heapq.heappop(self._reads)[2]
        if not due:
            return None
        self._read_may_pass = True
        return self._commit(now_ns)

    def _commit(self, now_ns: int) -> CommitJob:
        """As much as one transaction may hold, emergencies first."""
        taken: list[PendingAppend] = []
        size = 0
        for waiting in self._in_order():
            size += waiting.size
            if taken and size > COMMIT_BYTES_MAX:
                break
            taken.append(waiting)
        self._remove(taken)
        self._wear.spend(min(size, COMMIT_BYTES_MAX), now_ns)
        return CommitJob(taken)

    def _in_order(self) -> list[PendingAppend]:
        """Emergencies overtake others, except earlier changes of a state that they change too."""
        if Lane.EMERGENCY not in self._earliest:
            return list(self._waiting)
        rooms = {
            change.room
            for waiting in self._waiting
            if waiting.urgency is Lane.EMERGENCY
            for change in waiting.append.state
        }
        return sorted(self._waiting, key=lambda waiting: not _goes_first(waiting, rooms))

    def _remove(self, taken: list[PendingAppend]) -> None:
        gone = {id(waiting) for waiting in taken}
        self._waiting = deque(waiting for waiting in self._waiting if id(waiting) not in gone)
        self.waiting_bytes -= sum(waiting.size for waiting in taken)
        self._earliest.clear()
        for waiting in self._waiting:
            self._note(waiting)

    def drop(self) -> list[Any]:
        """Forget everything; returns the tickets of the callers that wait."""
        tickets = [waiting.ticket for waiting in self._waiting]
        tickets += [read.ticket for _, _, read in self._reads]
        self._waiting.clear()
        self._earliest.clear()
        self._reads.clear()
        self.waiting_bytes = 0
        return tickets


def _goes_first(waiting: PendingAppend, rooms: set[str]) -> bool:
    if waiting.urgency is Lane.EMERGENCY:
        return True
    return any(change.room in rooms for change in waiting.append.state)
