"""Reserves a journal's numbers in the lock file before they are issued.

If the last page of a lane is lost, or the log that would show it, a salvage knows from this what is
missing behind the last number that it finds.
"""

from collections.abc import Mapping

from gateway.event import Lane
from gateway.journal.database import translate_disk_errors
from gateway.journal.lane import LaneTable
from gateway.journal.lock import JournalLock, LaneNumbers

# How far ahead numbers are reserved: twice what one log held, which costs no extra sync.
AHEAD, AHEAD_MAX = 256, 65_536


class NumberReservation:
    """The reservation of one journal in the lock file."""

    def __init__(self, lock: JournalLock, epoch: str, tables: Mapping[Lane, LaneTable]) -> None:
        """Take over the lock file for this journal."""
        self._lock = lock
        self._epoch = epoch
        self._tables = tables
        lock.name(epoch)
        self.renew()

    def renew(self, more: int = 0, *, closed: bool = False) -> None:
        """Reserve `more` numbers and the margin ahead; no margin once the journal is closed."""
        known = self._lock.numbers
        heads = {lane: table.head for lane, table in self._tables.items()}
        before = known.issued if known is not None and known.epoch == self._epoch else heads
        # Never fewer than before: an inspection of a damaged file must not remove evidence.
        issued = {lane: max(head, before[lane]) for lane, head in heads.items()}
        most = {
            lane: head + more + min(AHEAD + 2 * (head - before[lane]), AHEAD_MAX)
            for lane, head in issued.items()
        }
        with translate_disk_errors():
            self._lock.record_numbers(LaneNumbers(self._epoch, issued, issued if closed else most))

    def cover(self, more: int) -> None:
        """Reserve before so many numbers are issued."""
        numbers = self._lock.numbers
        assert numbers is not None  # renewed from the start on
        if any(table.head + more > numbers.most[lane] for lane, table in self._tables.items()):
            self.renew(more)
