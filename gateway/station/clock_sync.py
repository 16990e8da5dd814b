"""Keeps the station's clock: asks the kernel, learns from platforms, records every step."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from gateway.clock import Clock, ClockStep, floor_file
from gateway.clock.step_queue import ClockStepQueue
from gateway.errors import JournalError
from gateway.event import Event, Trust, parse_rfc3339, rfc3339
from gateway.journal import Journal
from gateway.station.events import CLOCK_STEP, ClockMoved

POLL_EVERY_S = 30.0

# A floor that is an hour low costs nothing; writing it every minute would wear the card.
KEEP_EVERY_NS = 3_600_000_000_000

_RECEIPT_GRAIN_NS = 1_000_000  # a receipt's time has milliseconds
_GROWN_NS = 1_000_000_000


class ClockSync:
    """Other rooms pass on what they learn of the time."""

    def __init__(
        self, clock: Clock, journal: Journal, state: Path, stepped: Callable[[], None]
    ) -> None:
        """`stepped` is called whenever station time has moved."""
        self._stepped = stepped
        self._clock = clock
        self._journal = journal
        self._state = state
        self._steps = ClockStepQueue()
        self._wake = asyncio.Event()
        self._on_disk_ns = floor_file.read_floor(state)
        self._kept_at_ns: int | None = None
        self._chip_at_ns: int | None = None
        self._floor: int | None = None

    def learn_platform_time(self, uplink: str, at: str, round_trip_ns: int) -> None:
        """Learn from the time (RFC 3339) in a receipt; its error is half of the round trip."""
        half_ns = round_trip_ns // 2
        error_ns = half_ns + _RECEIPT_GRAIN_NS
        self.handle_step(
            self._clock.learn(Trust.PLATFORM, parse_rfc3339(at) + half_ns, error_ns, uplink)
        )

    def handle_step(self, step: ClockStep | None) -> None:
        """Handle a step of station time, if there was one."""
        self._keep_what_leapt()
        if step is None:
            return
        self._stepped()
        self._steps.add(step)
        self._clock.keep()
        self._wake.set()

    async def run(self) -> None:
        """Poll the kernel, and record steps at most once a minute."""
        loop = asyncio.get_running_loop()
        poll_at_s = loop.time()
        while True:
            if loop.time() >= poll_at_s:
                poll_at_s = loop.time() + POLL_EVERY_S
                self.handle_step(self._clock.poll())
                self._ask_chip()
                self._look_at_floor()
            await self._tell()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(poll_at_s):
                    await self._wake.wait()
            self._wake.clear()

    def keep_floor(self) -> None:
        """Save what is known for the next run, of this boot or another."""
        self._clock.keep()
        self._on_disk_ns = self._clock.floor_ns
        self._kept_at_ns = self._clock.now_ns()
        floor_file.write_floor(self._state, self._on_disk_ns)

    def _ask_chip(self) -> None:
        """Ask the machine's clock chip at the start and once an hour."""
        now_ns = self._clock.now_ns()
        if self._chip_at_ns is None or now_ns - self._chip_at_ns >= KEEP_EVERY_NS:
            self._chip_at_ns = now_ns
            self.handle_step(self._clock.ask_chip())

    def _look_at_floor(self) -> None:
        """Save the floor if a power cut would lose more than an hour of it."""
        now_ns, floor_ns = self._clock.now_ns(), self._clock.floor_ns
        rested = self._kept_at_ns is None or now_ns - self._kept_at_ns >= KEEP_EVERY_NS
        if rested and abs(floor_ns - self._on_disk_ns) >= KEEP_EVERY_NS:
            self.keep_floor()

    def _keep_what_leapt(self) -> None:
        """Save a step at once, so that a kill loses at most a second."""
        floor = self._clock.floor_ns - self._clock.now_ns()
        if self._floor is None or abs(floor - self._floor) > _GROWN_NS:
            self._clock.keep()
            self._floor = floor

    async def _tell(self) -> None:
        step = self._steps.due(self._clock.now_ns())
        if step is None:
            return
        try:
            await self._record(step)
        except JournalError:  # told by the journal itself; time goes on without it
            self._steps.requeue(step)

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
