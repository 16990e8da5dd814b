"""Batches under way: which numbers, beside which others, and which of them give way to an alarm."""

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
    """One batch under way.

    `position` is what had been receipted when it left: an answer can say nothing older. `beside`
    are the numbers of the others that were under way meanwhile: of those its answer may know
    nothing yet; `neighbours` is how many such batches there were.
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
        """The lanes of what was under way beside it."""
        return {each.lane for each in self.beside}

    def carries_only(self, lane: Lane) -> bool:
        """Whether there is something in it, all of that lane."""
        return {each.lane for each in self.ranges} == {lane}

    def start_delivery(self, delivering: Coroutine[Any, Any, Delivery]) -> None:
        """It is under way from now on."""
        self._task = asyncio.ensure_future(delivering)

    async def wait_landed(self, within_s: float | None = None) -> bool:
        """Wait for its end; False if it has not come in time."""
        assert self._task is not None, "it has left"
        done, _ = await asyncio.wait([self._task], timeout=within_s)
        return bool(done)

    def delivery(self) -> Delivery | None:
        """What came of it: the error is raised; None if it was ended."""
        assert self._task is not None, "it has left"
        if self._task.cancelled():
            return None
        return self._task.result()

    def cancel_delivery(self) -> None:
        """Give it up; what came of it does not matter any more."""
        assert self._task is not None, "it has left"
        self._task.cancel()
        self._task.add_done_callback(_heard)

    async def wait_ended(self) -> None:
        """It has let go of the connection."""
        assert self._task is not None, "it has left"
        await asyncio.wait([self._task])


class InFlightBatches:
    """What is under way to one platform, of all its couriers."""

    def __init__(self) -> None:
        self._under_way: list[BatchInFlight] = []
        # No alarm is under way, nor about to be.
        self.quiet = asyncio.Event()
        self.quiet.set()

    def add_batch(self, flight: BatchInFlight) -> None:
        """It leaves now, and the others are beside it."""
        for other in self._under_way:
            other.beside += flight.ranges
            flight.beside += other.ranges
            other.neighbours += bool(flight.ranges)
            flight.neighbours += bool(other.ranges)
        self._under_way.append(flight)
        if flight.urgent and flight.load.entries:
            self.quiet.clear()

    def remove_batch(self, flight: BatchInFlight) -> None:
        """Its answer has been read, or it was given up."""
        if flight in self._under_way:
            self._under_way.remove(flight)

    def make_room(self) -> None:
        """An alarm waits on the wire: end what is less urgent."""
        for flight in self._under_way:
            if not flight.urgent and flight.load.entries:
                flight.cancel_delivery()


def _ranges(entries: Iterable[JournalEntry]) -> Iterator[LaneRange]:
    """Neighbouring numbers together; a gap stands for all of its own."""
    for lane, together in itertools.groupby(entries, key=lambda entry: entry.lane):
        spans = NumberRanges((first_number(entry), entry.seq) for entry in together)
        for first, last in spans:
            yield LaneRange(lane, first, last)


def _heard(task: asyncio.Task[Delivery]) -> None:
    if not task.cancelled():
        task.exception()  # else asyncio complains that nobody has looked
