"""The single entry for readings: nothing of a poll is lost, and nothing waits unbounded."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from drivers.contract import BusChange, CounterReplacement, DeviceChange, PollResult, Reading
from gateway.clock import Clock
from gateway.errors import JournalError, StationError
from gateway.event import Event, EventKind, JournalEntry, Timestamps
from gateway.faults import OnFault, contain, log_fault
from gateway.health import RefusalVitals
from gateway.intake.contact_inputs import (
    ContactInput,
    ContactInputs,
    InputMemory,
    InputReport,
    WiredInput,
)
from gateway.intake.current_values import CurrentValues
from gateway.intake.events import (
    BUS_STATE,
    DEVICE_STATE,
    METER_REPLACED,
    TELEMETRY,
    BusStateEventData,
    DeviceStateEventData,
    MeterReplacedEventData,
    TelemetryEventData,
)
from gateway.intake.reporting_filter import ReportingFilter, ReportOptions, telemetry_maps
from gateway.intake.storage_answer import StorageAnswer
from gateway.journal import Journal, StateChange, load_state
from gateway.journal.stored_state import ignore_refusal, json_decoder

# Events waiting for the journal. Beyond it a poll stays unreported: its filter has not advanced, so
# the next poll reports the same change.
PENDING_MAX = 500

# Edges of inputs may still be reported while other readings must wait.
EDGES_PENDING_MAX = 600

# The journal's room of stored input levels.
ROOM = "intake"

ReadingListener = Callable[[str, Sequence[Reading]], None]


def _nothing() -> None: ...


class IntakeDevice(msgspec.Struct, frozen=True):
    """What intake needs to know of a device."""

    id: str
    place: str
    every_s: float
    reports: Mapping[str, ReportOptions] = {}
    inputs: tuple[WiredInput, ...] = ()


class Intake:
    """Takes polls from the buses: current values, listeners (rules), reporting, journal."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        devices: Sequence[IntakeDevice],
        *,
        on_fault: OnFault = log_fault,
    ) -> None:
        """`devices` are all devices that readings may come from."""
        self.on_replaced: Callable[[str, str], None] = lambda _device, _point: None
        self.current = CurrentValues()
        self.readings = 0
        self._refused = 0
        self._refused_ns: int | None = None
        self._on_fault = on_fault
        self._owed: dict[tuple[str, EventKind], Event] = {}
        self._newest: dict[tuple[str, EventKind], Event] = {}
        self._journal = journal
        self._clock = clock
        self._devices = {device.id: device for device in devices}
        self._filters = {device.id: ReportingFilter(dict(device.reports)) for device in devices}
        self._inputs = {device.id: ContactInputs(device.inputs) for device in devices}
        self._listeners: list[ReadingListener] = []
        self._pending: set[asyncio.Future[tuple[JournalEntry, ...]]] = set()
        self._on_their_way: dict[str, set[asyncio.Future[tuple[JournalEntry, ...]]]] = {}

    async def resume(self) -> None:
        """Load the stored levels of the inputs; call it before the first poll."""
        kept = await load_state(self._journal, ROOM, json_decoder(InputMemory))
        known = _recall(self._inputs, kept)
        if gone := [StateChange(ROOM, key, None) for key in kept if key not in known]:
            with contextlib.suppress(JournalError):  # the next start finds them again
                self._journal.offer((), gone).add_done_callback(ignore_refusal)

    async def prepare(self, devices: Sequence[IntakeDevice]) -> Callable[[], None]:
        """Prepare for other devices; the returned call switches to them at once.

        An unchanged device keeps its filter and its inputs; another one starts as after a
        restart.
        """
        same = {each.id for each in devices if self._devices.get(each.id) == each}
        fresh = {each.id: ContactInputs(each.inputs) for each in devices if each.id not in same}
        _recall(fresh, await load_state(self._journal, ROOM, json_decoder(InputMemory)))

        def go_over() -> None:
            self.current.retain({each.id for each in devices})
            filters, inputs = self._filters, self._inputs
            self._devices = {each.id: each for each in devices}
            self._filters = {
                name: filters[name] if name in same else ReportingFilter(dict(each.reports))
                for name, each in self._devices.items()
            }
            self._inputs = {
                name: inputs[name] if name in same else fresh[name] for name in self._devices
            }

        return go_over

    def listen(self, listener: ReadingListener) -> None:
        """Call `listener(device, readings)` on every poll, before the reporting filter.

        The reading that shows an input's edge carries the edge's instant, not the poll's.
        """
        self._listeners.append(listener)

    def handle_poll(self, poll: PollResult) -> StorageAnswer:
        """One poll of one device: the sink of every bus; never raises.

        A device that was removed from the settings is ignored: its last poll was under way.
        """
        known = self._devices.get(poll.device)
        if known is None:
            return StorageAnswer(taken=False)
        refused, taken = self._refused, False

        def process() -> None:
            nonlocal taken
            self._take(known, poll)
            taken = refused == self._refused

        contain(self._on_fault, "intake.poll", process)
        return StorageAnswer(taken=taken, tickets=self._on_their_way.get(known.id, ()))

    def _take(self, known: IntakeDevice, poll: PollResult) -> None:
        said = self._inputs[known.id].update(poll.readings)
        self.readings += len(said.now)
        self.current.update(known.id, said.now, known.every_s)
        for replaced in poll.replaced:
            self._record_owed(self._meter_replaced(known, replaced, poll.at_ns))
            where = "intake.listener.replaced"
            contain(self._on_fault, where, self.on_replaced, known.id, replaced.point)
        for listener in self._listeners:
            contain(self._on_fault, "intake.listener", listener, known.id, said.told)
        self._report_inputs(known)
        self._report(known, said.others)
        if self._owed:
            self._offer_owed()

    def _report(self, known: IntakeDevice, readings: tuple[Reading, ...]) -> None:
        """What the reporting filter passes, as one event."""
        due = self._filters[known.id].due(readings)
        if not due:
            return
        if len(self._pending) >= PENDING_MAX:
            self._count_refused()
            return
        reporting = self._filters[known.id]
        reporting.offered(due)
        event = self._telemetry(known.id, known.place, due)
        self._record(
            event, stored=partial(reporting.stored, due), refused=partial(reporting.refused, due)
        )

    def _report_inputs(self, known: IntakeDevice) -> None:
        """Edges at once, each with its own place and instant; unchanged levels now and then."""
        together: dict[tuple[str, int], list[tuple[ContactInput, InputReport]]] = {}
        for wired, due in self._inputs[known.id].due():
            most = EDGES_PENDING_MAX if due.edge else PENDING_MAX
            if len(self._pending) >= most:
                self._count_refused()
                continue
            at = (wired.wired.place, due.reading.at_ns)
            together.setdefault(at, []).append((wired, due))
        for (place, _), members in together.items():
            states = [_state(known.id, wired, due) for wired, due in members if due.edge]
            for wired, due in members:
                wired.offered(due)
            event = self._telemetry(known.id, place, tuple(due.reading for _, due in members))
            self._record(
                event,
                states,
                stored=partial(_all, members, ContactInput.stored),
                refused=partial(_all, members, ContactInput.refused),
            )

    def _telemetry(self, source: str, place: str, due: tuple[Reading, ...]) -> Event:
        values, qualities = telemetry_maps(due)
        return Event(
            kind=TELEMETRY,
            source=source,
            place=place,
            stamps=self._stamp(min([reading.at_ns for reading in due])),
            data=TelemetryEventData(values, qualities),
        )

    def _meter_replaced(
        self, known: IntakeDevice, replaced: CounterReplacement, at_ns: int
    ) -> Event:
        found_by = "person" if replaced.by_person else "station"
        return Event(
            kind=METER_REPLACED,
            source=known.id,
            place=known.place,
            stamps=self._stamp(at_ns),
            data=MeterReplacedEventData(
                replaced.point, replaced.old, replaced.new, found_by, replaced.resumes
            ),
        )

    def handle_state_change(self, change: DeviceChange | BusChange) -> None:
        """A device or bus changed its state; reported once on loss and once on return."""
        stamps = self._stamp(change.at_ns)
        if isinstance(change, BusChange):
            bus_state = BusStateEventData(change.state.value, change.code)
            event = Event(kind=BUS_STATE, source=change.bus, stamps=stamps, data=bus_state)
        else:
            event = Event(
                kind=DEVICE_STATE,
                source=change.device,
                place=self._devices[change.device].place,
                stamps=stamps,
                data=DeviceStateEventData(change.state.value, change.code),
            )
        self._record_owed(event)

    def _record_owed(self, event: Event) -> None:
        """A one-time event; if refused, it is offered again unless a newer one has come."""
        key = (event.source, event.kind)
        self._owed.pop(key, None)
        self._newest[key] = event
        self._record(event, refused=partial(self._owe, key, event))

    def _owe(self, key: tuple[str, EventKind], event: Event) -> None:
        if self._newest.get(key) is event:
            self._owed[key] = event

    def _offer_owed(self) -> None:
        owed, self._owed = self._owed, {}
        for event in owed.values():
            self._record_owed(event)

    @property
    def refusals(self) -> RefusalVitals:
        """How many events were refused or delayed, and when last."""
        given_up = sum(inputs.given_up for inputs in self._inputs.values())
        return RefusalVitals("intake", self._refused, self._refused_ns, len(self._owed), given_up)

    async def drain(self) -> None:
        """Wait until everything taken so far is in the journal, or the journal has failed."""
        while self._pending:
            await asyncio.wait(set(self._pending))

    def _stamp(self, loop_ns: int) -> Timestamps:
        # The field's time is the loop's; the station's is CLOCK_BOOTTIME. They run alike, so the
        # age of a reading carries over.
        age_ns = int(asyncio.get_running_loop().time() * 1e9) - loop_ns
        return self._clock.stamp(self._clock.now_ns() - max(0, age_ns))

    def _record(
        self,
        event: Event,
        states: Sequence[StateChange] = (),
        *,
        stored: Callable[[], object] = _nothing,
        refused: Callable[[], object] = _nothing,
    ) -> None:
        """Offer it; one of the callbacks is called when it is decided."""
        try:
            ticket = self._journal.offer([event], states)
        except StationError:  # it has failed, or the event is too large
            refused()
            self._count_refused()
            return
        self._pending.add(ticket)
        self._on_their_way.setdefault(event.source, set()).add(ticket)
        ticket.add_done_callback(partial(self._decided, event.source, stored, refused))

    def _decided(
        self,
        source: str,
        stored: Callable[[], object],
        refused: Callable[[], object],
        ticket: asyncio.Future[tuple[JournalEntry, ...]],
    ) -> None:
        self._pending.discard(ticket)
        self._on_their_way[source].discard(ticket)
        if not ticket.cancelled() and ticket.exception() is None:
            stored()
            return
        # An I/O error has already stopped the station through `journal.fatal`. The poll loop goes
        # on either way, and what was refused is due again.
        refused()
        self._count_refused()

    def _count_refused(self) -> None:
        self._refused += 1
        self._refused_ns = self._clock.now_ns()


def _recall(inputs_of: Mapping[str, ContactInputs], kept: Mapping[str, InputMemory]) -> set[str]:
    """Give every input its stored level; returns the keys of all of them."""
    now_ns = int(asyncio.get_running_loop().time() * 1e9)
    known: set[str] = set()
    for device, inputs in inputs_of.items():
        keys = {each.wired.id: _key(device, each) for each in inputs.all.values()}
        known.update(keys.values())
        told = {id_: kept[key] for id_, key in keys.items() if key in kept}
        inputs.resume(told, now_ns)
    return known


def _key(device: str, wired: ContactInput) -> str:
    return f"contact/{device}/{wired.wired.id}"


def _all(
    members: Sequence[tuple[ContactInput, InputReport]],
    tell: Callable[[ContactInput, InputReport], None],
) -> None:
    for wired, due in members:
        tell(wired, due)


def _state(device: str, wired: ContactInput, due: InputReport) -> StateChange:
    """What to store of an input, together with the edge itself."""
    body = None if due.memory is None else msgspec.json.encode(due.memory)
    return StateChange(ROOM, _key(device, wired), body)
