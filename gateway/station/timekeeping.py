"""Keeps the station's clock: asks the kernel, listens to the platform, tells every step."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

from gateway.clock import Clock, ClockStep
from gateway.event import Event, Trust, rfc3339
from gateway.journal import Journal
from gateway.station import floor
from gateway.station.events import CLOCK_STEP, ClockMoved
from gateway.upstream.inbox.command import wall_ns

POLL_EVERY_S = 30.0
FLOOR_EVERY_ROUNDS = 120
"""An hour: a floor that is an hour low costs nothing, a write a minute would cost the card."""

STEPS_WAITING_MAX = 8
_RECEIPT_GRAIN_NS = 1_000_000  # a receipt's time has milliseconds


class Timekeeping:
    """Run it; others hand over what they hear of the time."""

    def __init__(
        self, clock: Clock, journal: Journal, state: Path, stepped: Callable[[], None]
    ) -> None:
        """`stepped` is called whenever station time has moved."""
        self._stepped = stepped
        self._clock = clock
        self._journal = journal
        self._state = state
        self._steps: asyncio.Queue[ClockStep] = asyncio.Queue(STEPS_WAITING_MAX)

    def platform_says(self, uplink: str, at: str, round_trip_ns: int) -> None:
        """The time (RFC 3339) in a receipt of that uplink: right to half of the round trip."""
        del uplink  # there is one slot for all platforms
        half_ns = round_trip_ns // 2
        heard = self._clock.learn(
            Trust.PLATFORM, wall_ns(at) + half_ns, half_ns + _RECEIPT_GRAIN_NS
        )
        self.moved(heard)

    def moved(self, step: ClockStep | None) -> None:
        """Station time moved, if it did: a platform can then re-date what came before."""
        if step is None:
            return
        self._stepped()
        if not self._steps.full():
            self._steps.put_nowait(step)

    async def run(self) -> None:
        """Poll, and record every step."""
        for number in itertools.count(1):
            self.moved(self._clock.poll())
            if number % FLOOR_EVERY_ROUNDS == 0:
                self.keep_floor()
            try:
                async with asyncio.timeout(POLL_EVERY_S):
                    while True:
                        await self._record(await self._steps.get())
            except TimeoutError:
                continue

    def keep_floor(self) -> None:
        """Leave the latest time that was vouched for to the next run."""
        floor.write(self._state, self._clock.floor_ns)

    async def _record(self, step: ClockStep) -> None:
        moved = ClockMoved(
            boot=self._clock.boot,
            at_ms=step.at // 1_000_000,
            old=None if step.old is None else rfc3339(step.old),
            new=rfc3339(step.new),
            source=step.source.value,
        )
        stamps = self._clock.stamp()
        await self._journal.append(
            [Event(kind=CLOCK_STEP, source="station", stamps=stamps, data=moved)]
        )
