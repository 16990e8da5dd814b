"""The past, or an invented one, through the rules: what would have been raised. Pure.

The feed holds what reporting let through. Between two reports of a point its value stands, as it
did in the station within the deadband; so it is said again, at most for `STANDS_NS`, unless its
device fell silent meanwhile.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from drivers.contract import Quality, Reading, Value
from gateway.rules.alarms import Happening
from gateway.rules.core import Core, Outcome, Plan
from gateway.rules.kinds import Moment, S
from gateway.rules.linkage import Done
from gateway.rules.rule import WHOLE, Watch

SAID_AGAIN_NS = 60 * S
STANDS_NS = 1000 * S
"""Reporting says an unchanged value at least every 900 s, unless the settings say otherwise."""

GAP_NS_MIN = 3 * SAID_AGAIN_NS
TICK_NS = 5 * S
EPOCH = "0000000000000000"

READING, DEVICE, BUS = (
    f"cn.yizhan.field.{what}.v1" for what in ("reading", "device-state", "bus-state")
)


class Fact(NamedTuple):
    """One line of the past: at that wall time (ns), a device or bus said this."""

    wall_ns: int
    type: str
    source: str
    data: dict[str, Any]


class Seen(NamedTuple):
    """What would have happened then."""

    wall_ns: int
    record: Happening | Done


class Replay:
    """Runs facts, in the order of their times, through the rules of a plan."""

    def __init__(self, plan: Plan) -> None:
        """Nothing has been heard."""
        self.readings = 0
        self.first_ns: int | None = None
        self.now_ns = 0
        watches = tuple(_patient(watch) for watch in plan.watches)
        self._core = Core(plan._replace(watches=watches), EPOCH)
        self._watched = {key for watch in watches for key in watch.inputs}
        self._standing: dict[str, dict[str, tuple[Value, int]]] = {}

    def run(self, facts: Iterable[Fact]) -> Iterator[Seen]:
        """What would have happened, in order."""
        for fact in facts:
            if self.first_ns is None:
                self.first_ns = self.now_ns = fact.wall_ns
                yield from self._seen(self._core.start(self._moment()))
            yield from self._until(fact.wall_ns)
            yield from self._heard(fact)

    def _moment(self) -> Moment:
        return Moment(self.now_ns, self.now_ns)

    def _until(self, wall_ns: int) -> Iterator[Seen]:
        """Time passes: every minute what stands is said again, and delays are looked at."""
        while self.now_ns < wall_ns:
            step_ns = TICK_NS if self._core.alarms.book.open else SAID_AGAIN_NS
            before_ns = self.now_ns
            self.now_ns = min(wall_ns, self.now_ns + step_ns)
            yield from self._seen(self._core.tick(self._moment()))
            if self.now_ns // SAID_AGAIN_NS > before_ns // SAID_AGAIN_NS:
                for device in list(self._standing):
                    yield from self._again(device)

    def _heard(self, fact: Fact) -> Iterator[Seen]:
        if fact.type == READING:
            values, poor = fact.data.get("v", {}), fact.data.get("q", {})
            self.readings += len(values)
            standing = self._standing.setdefault(fact.source, {})
            for point, value in values.items():
                standing[point] = (None if point in poor else value, self.now_ns)
            yield from self._read(fact.source, {p: standing[p][0] for p in values})
        elif fact.type == BUS:
            up = fact.data.get("state") == "up"
            yield from self._seen(self._core.bus(fact.source, up=up, moment=self._moment()))
        elif fact.type == DEVICE and fact.data.get("state") != "ok":
            self._standing.pop(fact.source, None)

    def _again(self, device: str) -> Iterator[Seen]:
        """Only what somebody watches, and only as long as it can be true."""
        young_ns = self.now_ns - STANDS_NS
        said = {p: v for p, (v, at_ns) in self._standing[device].items() if at_ns >= young_ns}
        if (device, WHOLE) not in self._watched:
            said = {p: v for p, v in said.items() if (device, p) in self._watched}
        if said:
            yield from self._read(device, said)

    def _read(self, device: str, values: dict[str, Value]) -> Iterator[Seen]:
        readings = [
            Reading(device, point, value, "", Quality.GOOD, 0)
            for point, value in values.items()
            if value is not None
        ]
        yield from self._seen(self._core.read(readings, self._moment()))

    def _seen(self, outcome: Outcome) -> Iterator[Seen]:
        for record in outcome.records:
            if isinstance(record, Happening | Done):
                yield Seen(self.now_ns, record)
        for task in outcome.tasks:  # nothing really happens
            self._core.done(task, "dry-run")
            yield Seen(self.now_ns, Done(task, "dry-run"))


def _patient(watch: Watch) -> Watch:
    """A watch that bears a minute between two words of a point."""
    if watch.gap_ns is None or watch.gap_ns >= GAP_NS_MIN:
        return watch
    return msgspec.structs.replace(watch, gap_ns=GAP_NS_MIN)
