"""The rules in the running station: readings at once, the journal behind, actions beside it.

reading ─► core (at once, before the disk is asked) ─┬─► urgent action ─► its record
└─► journal ─► any other action
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec

from drivers.contract import BusChange, BusState, DeviceChange, FieldError, Reading
from gateway.clock import Clock, next_tick
from gateway.errors import StationError, Unavailable
from gateway.faults import OnFault, log_fault
from gateway.health import RefusalVitals
from gateway.journal import Journal, has_stored_row, load_state, start_id
from gateway.rules.actions import ActionHandler
from gateway.rules.alarms import AlarmChange, Alarms
from gateway.rules.core import (
    HEAD,
    ROOM,
    RulesCore,
    RulesHead,
    RulesOutcome,
    RulesPlan,
    recover_head,
)
from gateway.rules.events import record_events
from gateway.rules.kinds import RuleInstant
from gateway.rules.linkage import LinkageTask, TaskState
from gateway.rules.outbox import OutboxPart, PendingOutcome, RulesOutbox
from gateway.tasks import TaskSet

# At most this much of what rules remember is lost with the power; alarms and delays lose nothing.
CHECKPOINT_S = 300.0

TASKS_MAX = 200


class RuleService:
    """`load` first, then readings and bus changes at any time, and `run` for ever."""

    def __init__(
        self,
        plan: RulesPlan,
        journal: Journal,
        clock: Clock,
        *,
        doers: Mapping[str, ActionHandler],
        on_fault: OnFault = log_fault,
    ) -> None:
        """`doers` by action (`linkage.ACTIONS`); actions without one are `unavailable`."""
        started = start_id(journal.epoch, clock.boot, clock.now_ns())
        self.core = RulesCore(plan, started, on_fault)
        self._journal = journal
        self._clock = clock
        self._doers = doers
        self._offset_ns = 0
        self._on_fault = on_fault
        self._outbox = RulesOutbox(
            journal, self._head, self._begin, clock.now_ns, on_fault=on_fault
        )
        self._doing = TaskSet()

    async def load(self) -> None:
        """Take over what was open before the restart."""
        lost = await has_stored_row(self._journal, ROOM, HEAD)
        kept = await load_state(self._journal, ROOM, self.core.check_row)
        body = kept.pop(HEAD, None)
        if body is not None:
            head = msgspec.msgpack.decode(body, type=RulesHead)
        else:
            head = recover_head(kept, self._clock.now_ns()) if lost else RulesHead()
        same_boot = head.boot == self._clock.boot
        since_ns = head.at_ns if same_boot else self._clock.now_ns()
        self._offset_ns = head.lived_ns - since_ns
        self.core.restore(kept, head, boot=self._clock.boot)
        self._take(self.core.start(self.moment()))

    def moment(self) -> RuleInstant:
        stamps = self._clock.stamp()
        lived_ns = stamps.at_ns + self._offset_ns
        loop_ns = int(asyncio.get_running_loop().time() * 1e9)
        return RuleInstant(lived_ns, stamps.wall_ns, lived_ns - loop_ns)

    def on_poll(self, device: str, readings: Sequence[Reading]) -> None:
        """One poll of one device: intake's listener; never raises."""
        if device not in self.core.engine.devices:
            return
        self._judge("reading", lambda: self.core.read(readings, self.moment()))

    def replace_meter(self, device: str, point: str) -> None:
        """The counter belongs to another meter from its next reading on."""
        self.core.engine.replace_meter(device, point)

    def on_bus_change(self, change: DeviceChange | BusChange) -> None:
        """A bus came up or was lost; never raises. Devices are judged by their readings."""
        if isinstance(change, BusChange) and change.state is not BusState.WAIT:
            up = change.state is BusState.UP
            moment = self.moment()._replace(shift_ns=None)
            self._judge("bus", lambda: self.core.bus_changed(change.bus, up=up, moment=moment))

    def report_own_state(self, point: str, *, well: bool) -> None:
        """A statement of the station about itself; never raises."""
        moment = self.moment()._replace(shift_ns=None)
        self._judge("own", lambda: self.core.own_state(point, well=well, moment=moment))

    @property
    def refusals(self) -> RefusalVitals:
        return self._outbox.refusals

    @property
    def busy(self) -> bool:
        """Whether something is still to be written or done."""
        return bool(self._outbox or self._doing)

    async def settle(self) -> bool:
        """Whether all that has followed from what was heard is in the journal; it is waited for."""
        return await self._outbox.settle()

    def act(self, what: Callable[[Alarms, RuleInstant], list[AlarmChange]]) -> None:
        """Apply a person's action; UsageError if it is not possible now."""
        moment = self.moment()
        self._take(self.core.apply_action(lambda alarms: what(alarms, moment), moment))

    async def run(self) -> None:
        """Let time pass, and write outcomes."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick())
            group.create_task(self._outbox.run())

    async def stop(self) -> None:
        """Store what every rule remembers; nothing new starts."""
        self._doing.cancel()
        self._take(RulesOutcome([], self.core.checkpoint(), []))
        await self._outbox.flush()

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        checkpoint_s = loop.time() + CHECKPOINT_S
        while True:
            self._judge("tick", lambda: self.core.tick(self.moment()))
            if loop.time() >= checkpoint_s:
                checkpoint_s = loop.time() + CHECKPOINT_S
                self._judge("checkpoint", lambda: RulesOutcome([], self.core.checkpoint(), []))
            await next_tick()

    def _judge(self, what: str, outcome: Callable[[], RulesOutcome]) -> None:
        """The edge: a mistake in a rule never reaches the caller."""
        try:
            self._take(outcome())
        except Exception as error:  # noqa: BLE001   # see above
            self._on_fault(f"rules.{what}", error)

    def _take(self, outcome: RulesOutcome) -> None:
        """Start urgent tasks now, and hand the rest to the journal."""
        if outcome.empty:
            return
        for task in outcome.tasks:
            if task.urgent:
                self._begin(task)
        stamps = self._clock.stamp()
        parts = [
            OutboxPart(tuple(record_events(record, stamps)), outcome.keys_of(record))
            for record in outcome.records
        ]
        later = [task for task in outcome.tasks if not task.urgent]
        self._outbox.put(PendingOutcome(parts, outcome.keep, later))

    def _head(self) -> RulesHead:
        return self.core.head(self.moment(), self._clock.boot, self._clock.now_ns())

    def _begin(self, task: LinkageTask) -> None:
        if len(self._doing) >= TASKS_MAX:
            self._take(self.core.finish_task(task, "failed", "bus.busy"))
            return
        self._doing.start(self._do(task), name=task.id)

    async def _do(self, task: LinkageTask) -> None:
        state, why = await self._outcome(task)
        self._take(self.core.finish_task(task, state, why))

    async def _outcome(self, task: LinkageTask) -> tuple[TaskState, str | None]:
        doer = self._doers.get(task.does)
        if doer is None:
            return "unavailable", "rules.missing-room"
        left_s = (task.expires_ns - self.moment().at_ns) / 1e9
        if left_s <= 0:
            return "expired", "rules.too-late"
        try:
            async with asyncio.timeout(left_s):
                state = await doer.handle(task)
        except Exception as error:  # noqa: BLE001   # the edge: a mistake in a handler ends this task only
            return self._why(task, error)
        return state or "done", None

    def _why(self, task: LinkageTask, error: Exception) -> tuple[TaskState, str]:
        """The result of a task that was not done."""
        match error:
            case TimeoutError():
                return "expired", "rules.too-late"
            case Unavailable():
                return "unavailable", error.code
            case StationError() | FieldError():
                return "failed", error.code
        self._on_fault(f"rules.doer.{task.does}", error)
        return "failed", "rules.fault"
