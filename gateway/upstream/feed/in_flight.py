"""Batches in flight: their numbers, their neighbours, and which of them yield to an alarm."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from typing import Any

from gateway.event import JournalEntry, Lane
from gateway.upstream.feed.batch_load import BatchLoad, first_number
from gateway.upstream.feed.number_ranges import NumberRanges
from gateway.upstream.feed.receipt import LaneRange
from gateway.upstream.uplinks.contract import Delivery


class BatchInFlight:
    """One batch in flight.

    `position`: what was receipted when it left; its answer cannot be older than that. `beside`: the
    numbers of other batches in flight meanwhile, which its answer need not cover; `neighbours`: the
    count of those batches.
    """

    def __init__(self, load: BatchLoad, position: Mapping[Lane, int], *, urgent: bool) -> None:
        self.load = load
        self.position = dict(position)
        self.urgent = urgent
        self.raw = load.raw
        self.ranges = list(_ranges(load.entries))
        self.beside: list[LaneRange] = []
        self.neighbours = 0
        self.took_ns = 0
        self._task: asyncio.Task[Delivery] | None = None

    @property
    def lanes_beside(self) -> set[Lane]:
        """The lanes of the batches that were in flight beside it."""
        return {each.lane for each in self.beside}

    def carries_only(self, lane: Lane) -> bool:
        """Whether it has entries, all of that lane."""
        return {each.lane for each in self.ranges} == {lane}

    def start_delivery(self, delivering: Coroutine[Any, Any, Delivery]) -> None:
        """Start the delivery; the batch is in flight from now on."""
        self._task = asyncio.ensure_future(delivering)

    async def wait_landed(self, within_s: float | None = None) -> bool:
        """Wait for its end; False if it did not come within `within_s`."""
        assert self._task is not None, "it has left"
        done, _ = await asyncio.wait([self._task], timeout=within_s)
        return bool(done)

    def delivery(self) -> Delivery | None:
        """Its result; raises its error; None if it was cancelled."""
        assert self._task is not None, "it has left"
        if self._task.cancelled():
            return None
        return self._task.result()

    def cancel_delivery(self) -> None:
        """Cancel the delivery; its result does not matter any more."""
        assert self._task is not None, "it has left"
        self._task.cancel()
        self._task.add_done_callback(_heard)

    async def wait_ended(self) -> None:
        """Wait until the delivery has released the connection."""
        assert self._task is not None, "it has left"
        await asyncio.wait([self._task])


class InFlightBatches:
    """The batches in flight to one platform, of both lane senders."""

    def __init__(self) -> None:
        self._under_way: list[BatchInFlight] = []
        # Set while no alarm is in flight or about to be.
        self.quiet = asyncio.Event()
        self.quiet.set()

    def add_batch(self, flight: BatchInFlight) -> None:
        """Add a batch that leaves now, beside those in flight."""
        for other in self._under_way:
            other.beside += flight.ranges
            flight.beside += other.ranges
            other.neighbours += bool(flight.ranges)
            flight.neighbours += bool(other.ranges)
        self._under_way.append(flight)
        if flight.urgent and flight.load.entries:
            self.quiet.clear()

    def remove_batch(self, flight: BatchInFlight) -> None:
        """Remove a batch whose answer was read, or that was cancelled."""
        if flight in self._under_way:
            self._under_way.remove(flight)

    def make_room(self) -> None:
        """Cancel the less urgent batches: an alarm is waiting on the link."""
        for flight in self._under_way:
            if not flight.urgent and flight.load.entries:
                flight.cancel_delivery()


def _ranges(entries: Iterable[JournalEntry]) -> Iterator[LaneRange]:
    """The entries' numbers as ranges; a gap covers all of its numbers."""
    for lane, together in itertools.groupby(entries, key=lambda entry: entry.lane):
        spans = NumberRanges((first_number(entry), entry.seq) for entry in together)
        for first, last in spans:
            yield LaneRange(lane, first, last)


def _heard(task: asyncio.Task[Delivery]) -> None:
    if not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not log it
