"""What callers want stored in the journal, and what comes of it. Pure."""

from typing import NamedTuple

from gateway.errors import JournalError
from gateway.event import JournalEntry, Lane
from gateway.journal.options import StateChange

# Bytes of bodies that a page holds at worst, to estimate the size of a commit.
_FILLED = 800


class AppendRequest(NamedTuple):
    """What one caller wants stored, all or nothing."""

    bodies: tuple[tuple[Lane, bytes], ...]
    state: tuple[StateChange, ...] = ()

    @property
    def urgency(self) -> Lane:
        """The most urgent lane that it touches; state alone counts as service."""
        if len(self.bodies) == 1:  # the usual case
            return self.bodies[0][0]
        return min((lane for lane, _ in self.bodies), default=Lane.SERVICE)

    @property
    def size(self) -> int:
        """Bytes of all bodies."""
        if len(self.bodies) == 1 and not self.state:  # nearly always
            return len(self.bodies[0][1])
        bodies = sum(len(body) for _, body in self.bodies)
        return bodies + sum(len(change.body or b"") for change in self.state)

    @property
    def pages(self) -> int:
        """An upper bound of the pages that it needs."""
        return self.size // _FILLED + len(self.bodies) // 20 + 3 * len(self.state) + 1


# The entries of an append, or why it was not stored.
AppendOutcome = tuple[JournalEntry, ...] | JournalError


class FileMeasures(NamedTuple):
    """Measurements of the file after a job."""

    used_bytes: int
    lost: int
    log_frames: int
