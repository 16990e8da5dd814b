"""What travels together: entries for one batch, and ranges on their way a second time."""

import asyncio
from collections.abc import Iterable, Sequence

from gateway.event import JournalEntry
from gateway.upstream.feed.receipt import LaneRange


class ResendRange:
    """A range on its way a second time: `first` moves up as the platform takes it.

    `doubted`: it goes again only because an empty batch was answered with a lower watermark.
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
        """A batch of this range is under way."""
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
        """What was under way has not been receipted."""
        self.next = self.first

    def finish(self) -> None:
        """Everything that there was has been sent."""
        if not self.done.done():
            self.done.set_result(None)


class BatchLoad:
    """Entries for one batch; `resend` names the range that they repeat."""

    def __init__(
        self, entries: Iterable[JournalEntry] = (), resend: ResendRange | None = None
    ) -> None:
        self.entries = tuple(entries)
        self.resend = resend
        self.raw = sum(len(entry.body) for entry in self.entries)


def first_number(entry: JournalEntry) -> int:
    """The first number that the entry stands for."""
    return entry.seq if entry.gap_from is None else entry.gap_from
