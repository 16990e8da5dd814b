"""How far a journal's numbers may go, written beside it before they are issued.

A salvage that finds the last page of a lane gone, or the log that would show it, knows from this
what is missing behind the last number that it finds.
"""

from collections.abc import Mapping

from gateway.event import Lane
from gateway.journal.database import translate_disk_errors
from gateway.journal.lane import LaneTable
from gateway.journal.lock import JournalLock, LaneNumbers

# Numbers are promised so far ahead: twice what one log held, which costs no sync of its own.
AHEAD, AHEAD_MAX = 256, 65_536


class NumberReservation:
    """What the lock's file says of one journal."""

    def __init__(self, lock: JournalLock, epoch: str, tables: Mapping[Lane, LaneTable]) -> None:
        """From now on it speaks of this journal."""
        self._lock = lock
        self._epoch = epoch
        self._tables = tables
        lock.name(epoch)
        self.renew()

    def renew(self, more: int = 0, *, closed: bool = False) -> None:
        """Have it name so many numbers more and then some; none more once the journal is closed."""
        known = self._lock.numbers
        heads = {lane: table.head for lane, table in self._tables.items()}
        before = known.issued if known is not None and known.epoch == self._epoch else heads
        # Never less than before: who only looks at a damaged file takes no evidence away.
        issued = {lane: max(head, before[lane]) for lane, head in heads.items()}
        most = {
            lane: head + more + min(AHEAD + 2 * (head - before[lane]), AHEAD_MAX)
            for lane, head in issued.items()
        }
        with translate_disk_errors():
            self._lock.record_numbers(LaneNumbers(self._epoch, issued, issued if closed else most))

    def cover(self, more: int) -> None:
        """Before so many numbers are issued."""
        numbers = self._lock.numbers
        assert numbers is not None  # renewed from the first on
        if any(table.head + more > numbers.most[lane] for lane, table in self._tables.items()):
            self.renew(more)
