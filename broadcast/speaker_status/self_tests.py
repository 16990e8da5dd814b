"""The daily test of every loudspeaker, outside quiet hours, and their last results.

The result is an event; a fault is one at once, and once. A chime plays only at loudspeakers that
have a microphone to hear it; the others are asked without a sound.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path

from broadcast.audio_protocol import messages
from broadcast.policy.quiet_hours import ClockReading, QuietHours, S
from broadcast.ports import AudioPort, OrderJournal
from broadcast.speaker_status.events import (
    FAULT,
    TESTED,
    WELL,
    SelfTestReportData,
    SpeakerChangedData,
    SpeakerTestResult,
)
from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.event import Event, EventKind
from gateway.journal import StateChange, load_state
from gateway.journal.stored_state import parse_number

ROOM, SOURCE = "broadcast-tests", "broadcast"
LAST = "last"
# Less than a day, so that it stays at the same hour.
EVERY_S = 72_000.0

LOOK_EVERY_S = 60.0
# The shortest time between two looks, whatever is requested.
SETTLE_S = 1.0

# Every loudspeaker has answered or failed by then; each plays for a few seconds at most.
LASTS_S = 30.0

# How many changes are kept until they are stored; the latest are kept.
TOLD_MAX = 64


class DailySelfTests:
    """Tests loudspeakers; `load`, then `run`."""

    def __init__(
        self,
        journal: OrderJournal,
        clock: Clock,
        engine: AudioPort,
        quiet: QuietHours,
        speakers: Iterable[str],
        *,
        hours: QuietHours | None,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        """Tests `speakers` within `hours`, and never while something plays (`busy`)."""
        self._hours = hours
        self._busy = busy
        self._asked = asyncio.Event()
        self._journal = journal
        self._clock = clock
        self._engine = engine
        self._quiet = quiet
        self._speakers = tuple(speakers)
        self._last_ns: int | None = None
        self._running = False
        self._found: dict[str, SpeakerTestResult] = {}
        self._told: list[Event] = []
        engine.add_listener(self.handle_event)

    @property
    def found(self) -> Mapping[str, SpeakerTestResult]:
        """The last result of each."""
        return self._found

    async def load(self) -> None:
        """Load the wall time of the last test."""
        kept = await load_state(self._journal, ROOM, lambda _, body: parse_number(body))
        self._last_ns = kept.get(LAST)

    def reconcile(self, states: Iterable[messages.SpeakerState]) -> None:
        """Take the state of each loudspeaker when the audio process is there again."""
        for each in states:
            self._now(each.id, SpeakerTestResult(each.rung, each.code, each.data))

    def handle_event(self, event: messages.AudioEvent) -> None:
        """Take the audio process's report of a loudspeaker."""
        if isinstance(event, messages.SpeakerFailed):
            before = self._found.get(event.speaker, SpeakerTestResult())
            self._now(event.speaker, SpeakerTestResult(before.rung, event.code, event.data))
        elif isinstance(event, messages.SpeakerWorks):
            self._now(event.speaker, SpeakerTestResult(event.rung))

    def is_due(self) -> bool:
        """Whether a day has passed, and it is within the hours and not quiet."""
        moment = ClockReading.now(self._clock)
        if moment.wall_ns is None or self._quiet.state_at(moment).quiet or self._busy():
            return False
        if self._hours is None or not self._hours.state_at(moment).quiet:
            return False
        # A test that lies ahead was noted by a wrong clock.
        return self._last_ns is None or not 0 <= moment.wall_ns - self._last_ns < EVERY_S * S

    async def check(
        self, chime: Callable[[], Awaitable[Path]], wait: Callable[[float], Awaitable[None]]
    ) -> None:
        """Store what has changed; test if it is time. `wait` lets the answers come."""
        if self.is_due() or (self._asked.is_set() and not self._busy()):
            await self._test(chime, wait)
        elif self._told:
            await self._tell([])

    async def run(self, chime: Callable[[], Awaitable[Path]]) -> None:
        """Look every minute, or as soon as a test is requested, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self.wait_requested()
            with contextlib.suppress(Unavailable):  # the audio process is away: the next look
                await self.check(chime, asyncio.sleep)
            await asyncio.sleep(SETTLE_S)

    def request(self) -> None:
        """Request a test now; at night, or while the time is unknown, it makes no sound."""
        self._asked.set()

    async def wait_requested(self) -> None:
        """Wait until a test is requested."""
        await self._asked.wait()

    @property
    def last_ns(self) -> int | None:
        """The wall time of the last test."""
        return self._last_ns

    @property
    def testing(self) -> bool:
        """Whether a test is requested or under way."""
        return self._asked.is_set() or self._running

    async def _test(
        self, chime: Callable[[], Awaitable[Path]], wait: Callable[[float], Awaitable[None]]
    ) -> None:
        self._asked.clear()
        self._running = True
        try:
            moment = ClockReading.now(self._clock)
            silent = moment.wall_ns is None or self._quiet.state_at(moment).quiet
            await self._engine.self_test(self._speakers, None if silent else await chime())
            await wait(LASTS_S)
        finally:
            self._running = False
        found = {name: self._found.get(name, SpeakerTestResult()) for name in self._speakers}
        faults = sum(one.code is not None for one in found.values())
        self._note(TESTED, SelfTestReportData(found, faults))
        last = [] if moment.wall_ns is None else [(LAST, str(moment.wall_ns).encode())]
        await self._tell([StateChange(ROOM, key, body) for key, body in last])
        self._last_ns = moment.wall_ns or self._last_ns

    def _now(self, speaker: str, now: SpeakerTestResult) -> None:
        if speaker not in self._speakers:
            return
        before = self._found.get(speaker, SpeakerTestResult())
        self._found[speaker] = now
        if now.code is not None and now.code != before.code:
            self._note(FAULT, SpeakerChangedData(speaker, now))
        elif now.code is None and before.code is not None:
            self._note(WELL, SpeakerChangedData(speaker, now))

    async def _tell(self, states: Sequence[StateChange]) -> None:
        told = tuple(self._told)
        await self._journal.append(told, states)
        self._told = self._told[len(told) :]

    def _note(self, kind: EventKind, said: SelfTestReportData | SpeakerChangedData) -> None:
        event = Event(kind=kind, source=SOURCE, stamps=self._clock.stamp(), data=said)
        self._told = [*self._told, event][-TOLD_MAX:]
