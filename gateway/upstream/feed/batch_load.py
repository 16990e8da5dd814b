"""The entries of one batch, and ranges that are sent again."""

import asyncio
from collections.abc import Iterable, Sequence

from gateway.event import JournalEntry
from gateway.upstream.feed.receipt import LaneRange


class ResendRange:
    """A range that is sent again; `first` moves up as the platform receipts it.

    `doubted`: requested only because an empty batch was answered with a lower watermark.
    """

    def __init__(self, wanted: LaneRange, *, doubted: bool = False) -> None:
        self.wanted = wanted
        self.doubted = doubted
        self.first = wanted.first
        self.next = wanted.first
        self.entries = 0
        self.gaps = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def note_sent(self, entries: Sequence[JournalEntry]) -> None:
        """A batch of this range is in flight."""
        self.next = max(self.next, entries[-1].seq + 1)

    def note_receipted(self, entries: Sequence[JournalEntry]) -> None:
        """The platform receipted a batch of this range."""
        gaps = sum(entry.gap_from is not None for entry in entries)
        self.gaps += gaps
        self.entries += len(entries) - gaps
        self.first = max(self.first, entries[-1].seq + 1)
        if self.first > self.wanted.last:
            self.finish()

    def rewind(self) -> None:
        """The batches in flight were not receipted: send them again."""
        self.next = self.first

    def finish(self) -> None:
        """Everything that exists of the range has been sent."""
        if not self.done.done():
            self.done.set_result(None)


class BatchLoad:
    """The entries of one batch; `resend` is the range that they belong to if they are repeated."""

    def __init__(
        self, entries: Iterable[JournalEntry] = (), resend: ResendRange | None = None
    ) -> None:
        self.entries = tuple(entries)
        self.resend = resend
        self.raw = sum(len(entry.body) for entry in self.entries)


def first_number(entry: JournalEntry) -> int:
    """The first number that the entry covers: a gap entry covers many."""
    return entry.seq if entry.gap_from is None else entry.gap_from
