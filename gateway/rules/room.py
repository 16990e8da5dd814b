"""The rules in the running station: every reading at once, the journal behind, actions beside it.

reading ─► core (at once, before the disk is asked) ─┬─► urgent action ─► its record
└─► journal ─► any other action
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from drivers.contract import BusChange, BusState, DeviceChange, FieldError, Reading
from gateway.clock import Clock, next_beat
from gateway.errors import JournalError, StationError, Unavailable
from gateway.event import Event, Lane
from gateway.journal import Journal, StateChange
from gateway.rules.acts import Doer
from gateway.rules.alarms import Alarms, Happening
from gateway.rules.core import ROOM, Core, Head, Outcome, Plan
from gateway.rules.events import events_of
from gateway.rules.kinds import Moment
from gateway.rules.linkage import State, Task

log = logging.getLogger(__name__)

CHECKPOINT_S = 300.0
"""So much of what rules remember may be lost with the power; alarms and delays lose nothing."""

WAITING_MAX = 1000
"""Outcomes on their way into the journal; beyond it events are counted and dropped.

Those of the emergency lane are not; how many there can be is bounded by the settings.
"""

TASKS_MAX = 200


class _Waiting(NamedTuple):
    """An outcome as it will be written, and what may begin once it is."""

    events: list[Event]
    keep: dict[str, bytes | None]
    tasks: list[Task]

    def join(self, later: "_Waiting") -> None:
        """Take what came later into the same commit."""
        self.events.extend(later.events)
        self.keep.update(later.keep)
        self.tasks.extend(later.tasks)


class Rules:
    """`load` first, then `heard` and `changed` at any time, and `run` for ever."""

    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        clock: Clock,
        *,
        doers: Mapping[str, Doer],
    ) -> None:
        """`doers` by what they do (`linkage.ACTIONS`); what nobody does is `unavailable`."""
        self.core = Core(plan, journal.epoch)
        self.deferred = 0
        self._journal = journal
        self._clock = clock
        self._doers = doers
        self._offset_ns = 0
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._doing: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Take back what was open before the restart."""
        kept = await self._journal.load(ROOM)
        head = _head(kept.pop("head", b""))
        same_boot = head.boot == self._clock.boot
        since_ns = head.at_ns if same_boot else self._clock.now_ns()
        self._offset_ns = head.lived_ns - since_ns
        self.core.restore(kept, head, boot=self._clock.boot)
        self._take(self.core.start(self.moment()))

    def moment(self) -> Moment:
        """Now."""
        stamps = self._clock.stamp()
        lived_ns = stamps.at_ns + self._offset_ns
        loop_ns = int(asyncio.get_running_loop().time() * 1e9)
        return Moment(lived_ns, stamps.wall_ns, lived_ns - loop_ns)

    def heard(self, device: str, readings: Sequence[Reading]) -> None:
        """One poll of one device: intake's listener; never raises."""
        if device not in self.core.engine.devices:
            return
        try:
            self._take(self.core.read(readings, self.moment()))
        except Exception:  # an edge like the supervisor's: a rule's mistake must not stop a bus
            self.deferred += 1
            log.exception("a reading could not be judged")

    def changed(self, change: DeviceChange | BusChange) -> None:
        """What a bus says of itself; devices are judged by what is heard of them."""
        if isinstance(change, BusChange) and change.state is not BusState.WAIT:
            up = change.state is BusState.UP
            moment = self.moment()._replace(shift_ns=None)
            self._take(self.core.bus(change.bus, up=up, moment=moment))

    def act(self, what: Callable[[Alarms, Moment], list[Happening]]) -> None:
        """Somebody acknowledges, shelves or maintains; UsageError if that cannot be done now."""
        moment = self.moment()
        self._take(self.core.acted(lambda alarms: what(alarms, moment), moment))

    async def run(self) -> None:
        """Let time pass, and write what has happened."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick())
            group.create_task(self._write())

    async def stop(self) -> None:
        """Write what every rule remembers; nothing is begun any more."""
        for task in self._doing:
            task.cancel()
        self._take(Outcome([], self.core.checkpoint(), []))
        while self._waiting:
            await self._write_some()

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        checkpoint_s = loop.time() + CHECKPOINT_S
        while True:
            self._take(self.core.tick(self.moment()))
            if loop.time() >= checkpoint_s:
                checkpoint_s = loop.time() + CHECKPOINT_S
                self._take(Outcome([], self.core.checkpoint(), []))
            await next_beat()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._write_some()

    def _take(self, outcome: Outcome) -> None:
        """Begin what is urgent now, and hand the rest to the journal."""
        if outcome.empty:
            return
        for task in outcome.tasks:
            if task.urgent:
                self._begin(task)
        stamps = self._clock.stamp()
        events = [event for record in outcome.records for event in events_of(record, stamps)]
        later = [task for task in outcome.tasks if not task.urgent]
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(_Waiting(events, outcome.keep, later))
        else:
            urgent = [event for event in events if event.travels is Lane.EMERGENCY]
            self._dropped(len(events) - len(urgent))
            self._waiting[-1].join(_Waiting(urgent, outcome.keep, later))
        self._wake.set()

    def _dropped(self, events: int) -> None:
        if events:
            self.deferred += events
            log.error("%d events of the rules are dropped: the journal does not keep up", events)

    async def _write_some(self) -> None:
        """One commit of what waits; an emergency never waits for room that others lack."""
        whole = _Waiting([], {}, [])
        for one in self._waiting:
            whole.join(one)
        self._waiting.clear()
        events = whole.events
        moment = self.moment()
        head = self.core.head(moment, self._clock.boot, self._clock.now_ns())
        states = [StateChange(ROOM, key, body) for key, body in whole.keep.items()]
        states.append(StateChange(ROOM, "head", msgspec.msgpack.encode(head)))
        urgent = [event for event in events if event.travels is Lane.EMERGENCY]
        rest = [event for event in events if event.travels is not Lane.EMERGENCY]
        if urgent:
            await self._append(urgent, states)
            states = []
        if rest or states:
            await self._append(rest, states)
        for task in whole.tasks:
            self._begin(task)

    async def _append(self, events: Sequence[Event], states: Sequence[StateChange]) -> None:
        try:
            await self._journal.append(events, states)
        except JournalError as error:
            # An I/O error has already told the station through `journal.fatal`; alarms go on in
            # memory, and what they do goes on, too.
            self.deferred += len(events)
            log.error("%d events of the rules could not be stored: %s", len(events), error)  # noqa: TRY400  # said whole

    def _begin(self, task: Task) -> None:
        if len(self._doing) >= TASKS_MAX:
            self._take(self.core.done(task, "failed", "bus.busy"))
            return
        doing = asyncio.get_running_loop().create_task(self._do(task), name=task.id)
        self._doing.add(doing)
        doing.add_done_callback(self._doing.discard)

    async def _do(self, task: Task) -> None:
        state, why = await self._outcome(task)
        self._take(self.core.done(task, state, why))

    async def _outcome(self, task: Task) -> tuple[State, str | None]:
        doer = self._doers.get(task.does)
        if doer is None:
            return "unavailable", "rules.missing-room"
        left_s = (task.expires_ns - self.moment().at_ns) / 1e9
        if left_s <= 0:
            return "expired", "rules.too-late"
        try:
            async with asyncio.timeout(left_s):
                await doer.do(task)
        except TimeoutError:
            return "expired", "rules.too-late"
        except Unavailable as error:
            return "unavailable", error.code
        except (StationError, FieldError) as error:
            return "failed", error.code
        return "done", None


def _head(body: bytes) -> Head:
    try:
        return msgspec.msgpack.decode(body, type=Head)
    except msgspec.MsgspecError:
        return Head()
