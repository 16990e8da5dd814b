"""Readings in; alarms, calls, tasks and state to store out. Synchronous, without I/O or a clock.

The service (`service.py`) is its shell in the station; `yizhan replay`, the scenarios and the
simulated year run the same core.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from drivers.contract import Quality, Reading
from gateway.calendar import Calendar
from gateway.faults import OnFault, log_fault
from gateway.journal.stored_state import INSTANT_NS_MAX, check_bounds, unused_number
from gateway.rules import watch as watching
from gateway.rules.alarm import Alarm, AlarmState
from gateway.rules.alarms import AlarmChange, Alarms, close_orphaned
from gateway.rules.duty import DESK, PLATFORM, DutyOptions, DutyRoster
from gateway.rules.escalation_calls import EscalationCalls
from gateway.rules.evaluator import ConditionSignal, WatchEvaluator
from gateway.rules.kinds import RuleInstant, S
from gateway.rules.linkage import (
    RING,
    Linkage,
    Linkages,
    LinkageTask,
    TaskResult,
    TaskState,
    task_action,
)
from gateway.rules.rule import BUS, OWN, Watch
from gateway.rules.spoken_answers import AwaitedAlarm, SpokenAnswers
from gateway.rules.suppression import Maintenance
from gateway.rules.verdicts import VerdictTally

# The room of its state in the journal.
ROOM = "rules"

# The key of the row with the uptime.
HEAD = "head"

# Report a clock that is still unset after this time.
PAUSED_NS = 60 * S


class RulesPlan(NamedTuple):
    """The rules of the settings: watches, roster, linkages, calendar.

    `own` are watches that no rule of the settings asks for.
    """

    watches: tuple[Watch, ...] = ()
    duty: DutyOptions = DutyOptions()
    linkages: Mapping[str, Linkage] = {}
    calendar: Calendar = Calendar("UTC", {})
    own: tuple[Watch, ...] = ()


class ClockPause(NamedTuple):
    """How many watches wait for the time of day (`paused`), or go on (`running`)."""

    what: str
    watches: int


RuleRecord = AlarmChange | TaskResult | ClockPause


class RulesOutcome(NamedTuple):
    """What happened, what to store under which key (None: delete), and what to do."""

    records: list[RuleRecord]
    keep: dict[str, bytes | None]
    tasks: list[LinkageTask]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to record, store or do."""
        return not (self.records or self.keep or self.tasks)

    def keys_of(self, record: RuleRecord) -> frozenset[str]:
        """The state keys that belong to that record and must not be stored without it."""
        if isinstance(record, TaskResult):
            return frozenset({f"task/{record.task.id}"})
        if isinstance(record, ClockPause):
            return frozenset()
        alarm = record.alarm
        if record.what == "judged":
            return frozenset({f"alarm/{alarm.watch}", f"verdict/{record.facts.rule}"})
        ordered = {f"task/{task.id}" for task in self.tasks if task.alarm == alarm.id}
        return frozenset({f"alarm/{alarm.watch}", f"watch/{alarm.watch}", *ordered})


class RulesHead(msgspec.Struct, frozen=True):
    """Persisted counters: uptime, the boot and instant it was taken at, the last ids issued."""

    lived_ns: int = 0
    boot: str = ""
    at_ns: int = 0
    alarms: int = 0
    tasks: int = 0


_SHAPES: dict[str, Any] = {
    HEAD: RulesHead,
    "alarm": Alarm,
    "quiet": Maintenance,
    "task": LinkageTask,
    "linkage": int,
    "verdict": VerdictTally,
}


def _check_alarm(alarm: Alarm, watch: str) -> None:
    """ValueError for an alarm that no transition could have produced."""
    silent = alarm.state in (AlarmState.RETURNED, AlarmState.RESTING)
    if alarm.watch != watch or alarm.state is AlarmState.CLEARED:
        raise ValueError
    if min(alarm.count, alarm.steps) < 0 or (silent and alarm.returned_ns is None):
        raise ValueError


def recover_head(kept: Mapping[str, bytes], now_ns: int) -> RulesHead:
    """A replacement for a lost head: as late as anything known, and no id twice."""
    known = [
        alarm.raised_ns
        for alarm in _decoded({k: b for k, b in kept.items() if k.startswith("alarm/")}, Alarm)
    ]
    known += _decoded({k: b for k, b in kept.items() if k.startswith("linkage/")}, int)
    number = unused_number(now_ns)
    return RulesHead(lived_ns=max(known, default=now_ns), alarms=number, tasks=number)


class RulesCore:
    """The rules of one station."""

    def __init__(self, plan: RulesPlan, start: str, on_fault: OnFault = log_fault) -> None:
        """Everything is quiet; `restore` takes over stored state. Ids carry this `start`.

        A mistake in one watch, alarm or linkage goes to `on_fault`, and the others go on.
        """
        self._on_fault = on_fault
        self.engine = WatchEvaluator((*plan.watches, *plan.own), plan.calendar, on_fault)
        self.alarms = Alarms(
            self.engine.watches, DutyRoster(plan.duty, plan.calendar), start, on_fault=on_fault
        )
        self.linkages = Linkages(plan.linkages, plan.calendar, self.holds)
        self.answers = SpokenAnswers()
        self.rings = EscalationCalls(self.alarms.book)
        self.under_way: dict[str, LinkageTask] = {}
        self._prefix = f"task-{start[:8]}"
        self._tasks = 0
        self._moment = RuleInstant(0)
        self._orphans: list[Alarm] = []
        self._wallless_ns: int | None = None
        self._paused = False

    def holds(self, rule: str) -> bool:
        """Whether the rule's condition is present now."""
        return any(
            self.engine.states[watch.id].confirmed.phase.on
            for watch in self.engine.watches.values()
            if watch.facts.rule == rule
        )

    def head(self, moment: RuleInstant, boot: str, at_ns: int) -> RulesHead:
        """The counters to store; `at_ns` is the moment in the boot's own time."""
        return RulesHead(moment.at_ns, boot, at_ns, self.alarms.book.issued, self._tasks)

    def check_row(self, key: str, body: bytes) -> bytes:
        """The row, if `restore` can read it; ValueError or msgspec's error otherwise."""
        what, _, name = key.partition("/")
        if what == "watch":
            watch = self.engine.watches.get(name)
            watching.check_state(body, None if watch is None else watch.kind)
            return body
        found = check_bounds(msgspec.msgpack.decode(body, type=_SHAPES[what]))
        match found:
            case Alarm():
                _check_alarm(found, name)
            case LinkageTask():
                task_action(found)
            case RulesHead() if min(found.alarms, found.tasks) < 0 or not found.boot:
                raise ValueError
            case VerdictTally() if min(found.real, found.unreal) < 0:
                raise ValueError
            case int() if not 0 <= found <= INSTANT_NS_MAX:
                raise ValueError
        return body

    def restore(self, kept: Mapping[str, bytes], head: RulesHead, *, boot: str) -> None:
        """Take over what `RulesOutcome.keep` stored; what cannot be read starts again.

        The alarm decides whether its condition was present: what still holds continues or
        is raised again, and what went meanwhile returns.
        """
        rooms: dict[str, dict[str, bytes]] = {}
        for key, body in kept.items():
            what, _, name = key.partition("/")
            rooms.setdefault(what, {})[name] = body
        self.engine.restore(rooms.get("watch", {}), cut=head.boot != boot)
        self._orphans = self.alarms.book.restore(_decoded(rooms.get("alarm", {}), Alarm))
        for watch_id in self.engine.watches:
            alarm = self.alarms.book.open.get(watch_id)
            self.engine.assume(watch_id, on=alarm is not None and alarm.on)
        self.alarms.quiet.restore(_decoded(rooms.get("quiet", {}), Maintenance))
        tallies = rooms.get("verdict", {})
        self.alarms.verdicts.restore(
            {
                rule: tally
                for rule, body in tallies.items()
                for tally in _decoded({rule: body}, VerdictTally)
            },
            {watch.facts.rule for watch in self.engine.watches.values()},
        )
        self.alarms.book.issued, self._tasks = head.alarms, head.tasks
        self.under_way = {task.id: task for task in _decoded(rooms.get("task", {}), LinkageTask)}
        for linkage, fired in rooms.get("linkage", {}).items():
            self.linkages.fired[linkage] = msgspec.msgpack.decode(fired, type=int)

    def start(self, moment: RuleInstant) -> RulesOutcome:
        """After `restore`: repeat tasks that a crash interrupted, or give them up.

        An emergency that has not expired is done at least once; anything else at most once.
        """
        again, lost = [], []
        for task in list(self.under_way.values()):
            if task.urgent and moment.at_ns < task.expires_ns:
                again.append(task)
            else:
                lost.append(task)
        outcome = self._outcome(self.engine.start(moment), [], moment)
        for alarm in self._orphans:
            outcome.records.extend(close_orphaned(alarm))
            outcome.keep[f"alarm/{alarm.watch}"] = None
        for task in lost:
            self.under_way.pop(task.id)
            outcome.records.append(TaskResult(task, "unknown", "rules.interrupted"))
            outcome.keep[f"task/{task.id}"] = None
        outcome.tasks.extend(again)
        return outcome

    def read(self, readings: Sequence[Reading], moment: RuleInstant) -> RulesOutcome:
        """One poll of one device."""
        return self._outcome(self.engine.read(readings, moment), [], moment)

    def bus_changed(self, name: str, *, up: bool, moment: RuleInstant) -> RulesOutcome:
        """A bus came up or was lost."""
        return self.read([Reading(BUS, name, up, "1", Quality.GOOD, moment.at_ns)], moment)

    def own_state(self, point: str, *, well: bool, moment: RuleInstant) -> RulesOutcome:
        """A statement of the station about itself."""
        return self.read([Reading(OWN, point, well, "1", Quality.GOOD, moment.at_ns)], moment)

    def tick(self, moment: RuleInstant) -> RulesOutcome:
        """Time has passed; call it about every second."""
        signals = self.engine.tick(moment)
        outcome = self._outcome(signals, self.alarms.tick(moment), moment)
        outcome.records.extend(self._clock(moment))
        return outcome

    def apply_action(
        self, happened: Callable[[Alarms], list[AlarmChange]], moment: RuleInstant
    ) -> RulesOutcome:
        """A person did something to the alarms."""
        return self._outcome([], happened(self.alarms), moment)

    def finish_task(
        self, task: LinkageTask, state: TaskState, why: str | None = None
    ) -> RulesOutcome:
        """A task has ended; people who wait are told of calls only then."""
        self.under_way.pop(task.id, None)
        tasks: list[LinkageTask] = []
        if task.does == RING:
            for made in self.rings.finish_call(task, well=state == "done"):
                tasks += self._told(made, self._moment)
        self.under_way.update((each.id, each) for each in tasks)
        keep: dict[str, bytes | None] = {f"task/{each.id}": _encode(each) for each in tasks}
        return RulesOutcome([TaskResult(task, state, why)], keep | {f"task/{task.id}": None}, tasks)

    def checkpoint(self) -> dict[str, bytes | None]:
        """The state of every watch that took a step since the last time."""
        touched, self.engine.touched = self.engine.touched, set()
        kept = self.engine.encode_states(touched)
        return {f"watch/{watch_id}": body for watch_id, body in kept.items()}

    def _outcome(
        self, signals: Iterable[ConditionSignal], happened: list[AlarmChange], moment: RuleInstant
    ) -> RulesOutcome:
        self._moment = moment
        tasks: list[LinkageTask] = []
        for signal in signals:
            try:
                happened = happened + self.alarms.apply_signal(signal, moment)
                if signal.on:
                    tasks += self._answered(signal.watch.id, moment)
            except Exception as error:  # noqa: BLE001   # the edge: a mistake in one alarm affects that alarm only
                self._on_fault("rules.alarm", error)
        records: list[RuleRecord] = []
        for happening in happened:
            records.append(happening)
            try:
                planned = self._planned(happening, moment)
            except Exception as error:  # noqa: BLE001   # the edge: the alarm goes on without its linkages
                self._on_fault("rules.linkage", error)
                continue
            tasks += [each for each in planned if isinstance(each, LinkageTask)]
            records += [each for each in planned if isinstance(each, TaskResult)]
        tasks += self.rings.due(moment, self._number)
        self.under_way.update((task.id, task) for task in tasks)
        return RulesOutcome(records, self._kept(tasks), tasks)

    def _answered(self, watch_id: str, moment: RuleInstant) -> list[LinkageTask]:
        """The answer to a press, if the place has a loudspeaker."""
        alarm = self.alarms.book.open.get(watch_id)
        if alarm is None:
            return []
        asked = AwaitedAlarm(alarm, self.alarms.book.facts(alarm))
        return list(self.answers.answer_press(asked, moment, self._number))

    def _planned(
        self, happening: AlarmChange, moment: RuleInstant
    ) -> list[LinkageTask | TaskResult]:
        self.rings.add_call(happening)
        call = happening.call
        known = call is None or DESK in call.by or PLATFORM in call.by  # a loudspeaker may refuse
        told = self._told(happening, moment) if known else ()
        return [*told, *self.linkages.plan(happening, moment, self._number)]

    def _told(self, happening: AlarmChange, moment: RuleInstant) -> Iterator[LinkageTask]:
        """What people who wait are told; a call, once it was made."""
        called = "" if happening.call is None else happening.call.to
        asked = AwaitedAlarm(happening.alarm, happening.facts, called)
        return self.answers.report_change(happening.what, asked, moment, self._number)

    def _number(self) -> str:
        self._tasks += 1
        return f"{self._prefix}-{self._tasks}"

    def _kept(self, tasks: Iterable[LinkageTask]) -> dict[str, bytes | None]:
        keep: dict[str, bytes | None] = {}
        if self.engine.changed:
            watches, self.engine.changed = self.engine.changed, set()
            for watch_id, body in self.engine.encode_states(watches).items():
                keep[f"watch/{watch_id}"] = body
        book, quiet = self.alarms.book, self.alarms.quiet
        changed, book.changed = book.changed, set()
        for watch_id in changed:
            alarm = book.open.get(watch_id)
            keep[f"alarm/{watch_id}"] = None if alarm is None else _encode(alarm)
        changed, quiet.changed = quiet.changed, set()
        for scope in changed:
            maintained = quiet.under.get(scope)
            keep[f"quiet/{scope}"] = None if maintained is None else _encode(maintained)
        verdicts = self.alarms.verdicts
        changed, verdicts.changed = verdicts.changed, set()
        for rule in changed:
            tally = verdicts.of_rule.get(rule)
            keep[f"verdict/{rule}"] = None if tally is None else _encode(tally)
        for task in tasks:
            keep[f"task/{task.id}"] = _encode(task)
        for linkage in self.linkages.changed:
            keep[f"linkage/{linkage}"] = _encode(self.linkages.fired[linkage])
        self.linkages.changed = set()
        return keep

    def _clock(self, moment: RuleInstant) -> list[ClockPause]:
        """Report once that rules wait for the time of day, and once that they go on."""
        waiting = self.engine.paused(moment)
        if not waiting:
            self._wallless_ns = None
            if not self._paused:
                return []
            self._paused = False
            return [ClockPause("running", 0)]
        if self._wallless_ns is None:
            self._wallless_ns = moment.at_ns
        if self._paused or moment.at_ns - self._wallless_ns < PAUSED_NS:
            return []
        self._paused = True
        return [ClockPause("paused", waiting)]


_encoder = msgspec.msgpack.Encoder()


def _encode(value: Any) -> bytes:
    return _encoder.encode(value)


def _decoded(bodies: Mapping[str, bytes], shape: Any) -> list[Any]:
    found = []
    for body in bodies.values():
        try:
            found.append(msgspec.msgpack.decode(body, type=shape))
        except msgspec.MsgspecError:  # written by a later release: start again
            continue
    return found
