"""The one way in for readings: nothing of a poll is forgotten, nothing waits unbounded."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec

from drivers.contract import BusChange, DeviceChange, PollResult, Reading
from gateway.clock import Clock
from gateway.errors import JournalError
from gateway.event import Event, Stamps
from gateway.intake.current import Current
from gateway.intake.events import (
    BUS_STATE,
    DEVICE_STATE,
    TELEMETRY,
    BusState,
    DeviceState,
    Telemetry,
)
from gateway.intake.report import Filter, Report, telemetry_maps
from gateway.journal import Journal

PENDING_MAX = 500
"""Events on their way into the journal. Beyond it a poll stays unreported: its filter has not
moved, so the next poll reports the same change."""

Listener = Callable[[str, Sequence[Reading]], None]


class Device(msgspec.Struct, frozen=True):
    """What intake needs to know of a device."""

    id: str
    place: str
    every_s: float
    reports: Mapping[str, Report] = {}


class Intake:
    """Takes polls from the buses: current values, listeners (rules), reporting, journal."""

    def __init__(self, journal: Journal, clock: Clock, devices: Sequence[Device]) -> None:
        """`devices` are all those whose readings may come."""
        self.current = Current()
        self.readings = 0
        self.deferred = 0
        self._journal = journal
        self._clock = clock
        self._devices = {device.id: device for device in devices}
        self._filters = {device.id: Filter(dict(device.reports)) for device in devices}
        self._listeners: list[Listener] = []
        self._pending: set[asyncio.Task[None]] = set()

    def listen(self, listener: Listener) -> None:
        """Call `listener(device, readings)` on every poll, before reporting filters it."""
        self._listeners.append(listener)

    def take(self, poll: PollResult) -> None:
        """One device, one poll: the sink of every bus."""
        known, readings = self._devices[poll.device], poll.readings
        self.readings += len(readings)
        self.current.update(known.id, readings, known.every_s)
        for listener in self._listeners:
            listener(known.id, readings)
        due = self._filters[known.id].due(readings)
        if not due:
            return
        if len(self._pending) >= PENDING_MAX:
            self.deferred += 1
            return
        self._filters[known.id].reported(due)
        values, qualities = telemetry_maps(due)
        event = Event(
            kind=TELEMETRY,
            source=known.id,
            place=known.place,
            stamps=self._stamp(min(reading.at_ns for reading in due)),
            data=Telemetry(values, qualities),
        )
        self._record(event)

    def changed(self, change: DeviceChange | BusChange) -> None:
        """A device or bus went from one state to another: once on loss, once on return."""
        stamps = self._stamp(change.at_ns)
        if isinstance(change, BusChange):
            bus_state = BusState(change.state.value, change.code)
            event = Event(kind=BUS_STATE, source=change.bus, stamps=stamps, data=bus_state)
        else:
            event = Event(
                kind=DEVICE_STATE,
                source=change.device,
                place=self._devices[change.device].place,
                stamps=stamps,
                data=DeviceState(change.state.value, change.code),
            )
        self._record(event)

    async def drain(self) -> None:
        """Wait until everything taken so far is in the journal, or the journal has failed."""
        while self._pending:
            await asyncio.wait(set(self._pending))

    def _stamp(self, loop_ns: int) -> Stamps:
        # The field's time is the loop's; the station's is CLOCK_BOOTTIME. They tick alike, so the
        # age of a reading carries over.
        age_ns = int(asyncio.get_running_loop().time() * 1e9) - loop_ns
        return self._clock.stamp(self._clock.now_ns() - max(0, age_ns))

    def _record(self, event: Event) -> None:
        task = asyncio.get_running_loop().create_task(self._append(event))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _append(self, event: Event) -> None:
        try:
            await self._journal.append([event])
        except JournalError:
            # An I/O error has already told the station through `journal.fatal`; a full journal
            # counts what it refuses. The poll loop goes on either way.
            self.deferred += 1
