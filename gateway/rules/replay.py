"""Runs a past, or an invented one, through the rules: what would have been raised. Pure.

The feed contains only what reporting let through. Between two reports of a point its value stands,
as it did in the station within the deadband; so it is repeated, at most for `STANDS_NS` and unless
its device fell silent: every minute, and every few seconds while a delay of its watch is running.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from drivers.contract import Quality, Reading, Value
from gateway.rules.alarms import AlarmChange
from gateway.rules.confirmation import ConfirmationPhase
from gateway.rules.core import RulesCore, RulesOutcome, RulesPlan
from gateway.rules.kinds import RuleInstant, S
from gateway.rules.kinds.value_state import HeartbeatLimits
from gateway.rules.linkage import TaskResult
from gateway.rules.rule import WHOLE, Watch

SAID_AGAIN_NS = 60 * S
# By default an unchanged value is reported at least every 900 s.
STANDS_NS = 1000 * S

GAP_NS_MIN = 3 * SAID_AGAIN_NS
TICK_NS = 5 * S
EPOCH = "0000000000000000"

READING, DEVICE, BUS = (
    f"cn.yizhan.field.{what}.v1" for what in ("reading", "device-state", "bus-state")
)


PASSING = frozenset({ConfirmationPhase.PENDING, ConfirmationPhase.FADING})


class ReplayFact(NamedTuple):
    """One line of the past: at that wall time (ns), a device or bus said this."""

    wall_ns: int
    type: str
    source: str
    data: dict[str, Any]


class ReplayResult(NamedTuple):
    """What would have happened then."""

    wall_ns: int
    record: AlarmChange | TaskResult


class Replay:
    """Runs facts, in the order of their times, through the rules of a plan."""

    def __init__(self, plan: RulesPlan) -> None:
        self.readings = 0
        self.first_ns: int | None = None
        self.now_ns = 0
        watches = tuple(_patient(watch) for watch in plan.watches)
        self._core = RulesCore(plan._replace(watches=watches), EPOCH)
        self._watched = {key for watch in watches for key in watch.inputs}
        self._delayed: dict[str, list[Watch]] = {}
        for watch in watches:
            for device in {device for device, _ in watch.inputs} if _delays(watch) else ():
                self._delayed.setdefault(device, []).append(watch)
        self._unsettled: set[str] = set()
        self._units = {w.inputs[0]: w.facts.unit for w in watches if len(w.inputs) == 1}
        self._standing: dict[str, dict[str, tuple[Value, int]]] = {}

    def run(self, facts: Iterable[ReplayFact]) -> Iterator[ReplayResult]:
        """What would have happened, in order."""
        for fact in facts:
            if self.first_ns is None:
                self.first_ns = self.now_ns = fact.wall_ns
                yield from self._seen(self._core.start(self._moment()))
            yield from self._until(fact.wall_ns)
            yield from self._heard(fact)

    def _moment(self) -> RuleInstant:
        return RuleInstant(self.now_ns, self.now_ns)

    def _until(self, wall_ns: int) -> Iterator[ReplayResult]:
        """Let time pass: every minute standing values are repeated and delays checked."""
        while self.now_ns < wall_ns:
            busy = self._unsettled or self._core.alarms.book.open
            step_ns = TICK_NS if busy else SAID_AGAIN_NS
            before_ns = self.now_ns
            self.now_ns = min(wall_ns, self.now_ns + step_ns)
            yield from self._seen(self._core.tick(self._moment()))
            minute = self.now_ns // SAID_AGAIN_NS > before_ns // SAID_AGAIN_NS
            for device in list(self._standing if minute else self._unsettled):
                yield from self._again(device)

    def _heard(self, fact: ReplayFact) -> Iterator[ReplayResult]:
        if fact.type == READING:
            values, poor = fact.data.get("v", {}), fact.data.get("q", {})
            self.readings += len(values)
            standing = self._standing.setdefault(fact.source, {})
            for point, value in values.items():
                standing[point] = (None if point in poor else value, self.now_ns)
            yield from self._read(fact.source, {p: standing[p][0] for p in values})
        elif fact.type == BUS:
            up = fact.data.get("state") == "up"
            yield from self._seen(self._core.bus_changed(fact.source, up=up, moment=self._moment()))
        elif fact.type == DEVICE and fact.data.get("state") != "ok":
            self._standing.pop(fact.source, None)
            self._unsettled.discard(fact.source)

    def _again(self, device: str) -> Iterator[ReplayResult]:
        """Repeat only watched values, and only while they can still be true."""
        young_ns = self.now_ns - STANDS_NS
        said = {p: v for p, (v, at_ns) in self._standing[device].items() if at_ns >= young_ns}
        if (device, WHOLE) not in self._watched:
            said = {p: v for p, v in said.items() if (device, p) in self._watched}
        if said:
            yield from self._read(device, said)

    def _read(self, device: str, values: dict[str, Value]) -> Iterator[ReplayResult]:
        readings = [
            Reading(device, point, value, self._units.get((device, point), ""), Quality.GOOD, 0)
            for point, value in values.items()
            if value is not None
        ]
        yield from self._seen(self._core.read(readings, self._moment()))
        self._settle(device)

    def _settle(self, device: str) -> None:
        """Whether a delay is running that the device's next reading may end."""
        states = self._core.engine.states
        watches = self._delayed.get(device, ())
        if device in self._standing and any(
            states[watch.id].confirmed.phase in PASSING for watch in watches
        ):
            self._unsettled.add(device)
        else:
            self._unsettled.discard(device)

    def _seen(self, outcome: RulesOutcome) -> Iterator[ReplayResult]:
        for record in outcome.records:
            if isinstance(record, AlarmChange | TaskResult):
                yield ReplayResult(self.now_ns, record)
        for task in outcome.tasks:  # nothing really happens
            self._core.finish_task(task, "dry-run")
            yield ReplayResult(self.now_ns, TaskResult(task, "dry-run"))


def _delays(watch: Watch) -> bool:
    """Whether time confirms it, not a number of readings."""
    return watch.delays.of is None and bool(watch.delays.for_ns or watch.delays.clear_ns)


def _patient(watch: Watch) -> Watch:
    """A watch that accepts a minute between two readings."""
    if isinstance(watch.limits, HeartbeatLimits):
        limits = HeartbeatLimits(max(watch.limits.span_ns, 2 * SAID_AGAIN_NS))
        return msgspec.structs.replace(watch, limits=limits)
    if watch.gap_ns is None or watch.gap_ns >= GAP_NS_MIN:
        return watch
    return msgspec.structs.replace(watch, gap_ns=GAP_NS_MIN)
