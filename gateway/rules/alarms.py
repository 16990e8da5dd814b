"""All alarms of the station: what moves them, and what the world hears of it. No I/O.

One alarm a watch, so their number is bounded by the settings. What happens comes out as
`Happening`s, in order; `changed` names the alarms whose state is to be kept.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from drivers.contract import Reading
from gateway.errors import UsageError
from gateway.rules.alarm import TABLE, UNSEEN, Act, Alarm, Evidence, State
from gateway.rules.duty import Call, Duty
from gateway.rules.engine import Signal
from gateway.rules.kinds import Moment, S
from gateway.rules.rule import Facts, Watch

FLAPS = 3
"""So often within `flap_s` of each return makes an alarm a flapping one."""

RELEASE_NS = 60 * S
"""Children stay suppressed so long after their parent has returned: they need a poll to speak."""

SHELF_S_MAX = 7 * 86_400
MAINTENANCE_MAX = 50


class Happening(NamedTuple):
    """Something that the world hears: `what` is the last part of the event's kind.

    `fresh`: it was no alarm, or none that anybody remembers, just before; linkages act on those.
    """

    what: str
    alarm: Alarm
    facts: Facts
    actor: str | None = None
    call: Call | None = None
    fresh: bool = False


class Maintenance(msgspec.Struct, frozen=True):
    """Whatever belongs to `scope` (a place, device, bus or rule) is silent until then."""

    scope: str
    until_ns: int
    by: str


class Alarms:
    """The alarms, and what is under maintenance."""

    def __init__(self, watches: Mapping[str, Watch], duty: Duty, epoch: str) -> None:
        """None is open; `restore` brings back those that were."""
        self.open: dict[str, Alarm] = {}
        self.maintenance: dict[str, Maintenance] = {}
        self.changed: set[str] = set()
        self.changed_scopes: set[str] = set()
        self.issued = 0
        self._watches = watches
        self._duty = duty
        self._prefix = f"alarm-{epoch[:8]}"
        self._parents = {w.facts.parent for w in watches.values() if w.facts.parent}

    def restore(self, alarms: Iterable[Alarm], maintenance: Iterable[Maintenance]) -> list[Alarm]:
        """Take back what was open; gives those whose rule is there no more, to be closed."""
        orphans = []
        for alarm in alarms:
            if alarm.watch in self._watches:
                self.open[alarm.watch] = alarm
            else:
                orphans.append(alarm)
        self.maintenance = {each.scope: each for each in maintenance}
        return orphans

    def of(self, alarm_id: str) -> Alarm:
        """The open alarm of that id; UsageError if there is none (any more)."""
        for alarm in self.open.values():
            if alarm_id in {alarm.id, alarm.watch}:
                return alarm
        raise UsageError("rules.no-alarm", alarm=alarm_id)

    def facts(self, alarm: Alarm) -> Facts:
        """What its rule says of it."""
        return self._watches[alarm.watch].facts

    # What the engine says

    def signalled(self, signal: Signal, moment: Moment) -> list[Happening]:
        """A condition came or went."""
        happened = self._came(signal, moment) if signal.on else self._went(signal, moment)
        rule = signal.watch.facts.rule
        if signal.on and rule in self._parents:
            happened += self._suppress_children(rule, moment)
        return happened

    def _came(self, signal: Signal, moment: Moment) -> list[Happening]:
        watch, now_ns = signal.watch, moment.at_ns
        old = self.open.get(watch.id)
        if old is None:
            return self._new(watch, signal.reading, moment)
        quick = old.returned_ns is None or now_ns - old.returned_ns <= watch.facts.flap_ns
        state = _target(old.state, Act.RAISE)
        if state is None:  # it never went: settings changed under it, or a restart forgot
            return []
        fresh = not quick and state is State.RAISED
        alarm = self._put(
            old,
            state=state,
            on=True,
            count=old.count + 1,
            evidence=_evidence(signal.reading) or old.evidence,
            flapping=(old.flapping or old.count + 1 >= FLAPS) and quick,
            raised_ns=now_ns if fresh else old.raised_ns,
            steps=0 if fresh else old.steps,
        )
        if state in {State.SHELVED, State.SUPPRESSED} or (alarm.flapping and old.flapping):
            return []
        what = "flapping" if alarm.flapping else "raised"
        return [Happening(what, alarm, watch.facts, fresh=fresh)]

    def _new(self, watch: Watch, reading: Reading | None, moment: Moment) -> list[Happening]:
        self.issued += 1
        suppressed = self._suppressed(watch.facts, moment)
        alarm = Alarm(
            id=f"{self._prefix}-{self.issued}",
            watch=watch.id,
            severity=watch.facts.severity,
            state=State.SUPPRESSED if suppressed else State.RAISED,
            told=not suppressed,
            raised_ns=moment.at_ns,
            evidence=_evidence(reading),
        )
        self._keep(alarm)
        return [] if suppressed else [Happening("raised", alarm, watch.facts, fresh=True)]

    def _went(self, signal: Signal, moment: Moment) -> list[Happening]:
        old = self.open.get(signal.watch.id)
        state = None if old is None else _target(old.state, Act.RETURN)
        if old is None or state is None:
            return []
        alarm = self._put(old, state=state, on=False, returned_ns=moment.at_ns)
        if alarm.flapping or state in {State.SHELVED, State.SUPPRESSED}:
            return []
        return [Happening("returned", alarm, signal.watch.facts)]

    # What people do

    def acknowledge(self, alarm_id: str, actor: str, moment: Moment) -> list[Happening]:
        """Somebody has seen it."""
        old = self.of(alarm_id)
        alarm = self._moved(old, Act.ACKNOWLEDGE, by=actor)
        if not alarm.on and alarm.returned_ns is None:
            alarm = self._put(alarm, returned_ns=moment.at_ns)
        return [Happening("acknowledged", alarm, self.facts(alarm), actor)]

    def shelve(self, alarm_id: str, for_s: float, actor: str, moment: Moment) -> list[Happening]:
        """Silent until then, whatever it does; every shelf has an end."""
        if not 0 < for_s <= SHELF_S_MAX:
            raise UsageError("rules.shelf-too-long", max=SHELF_S_MAX // 3600)
        until_ns = moment.at_ns + round(for_s * S)
        alarm = self._moved(self.of(alarm_id), Act.SHELVE, by=actor, until_ns=until_ns)
        return [Happening("shelved", alarm, self.facts(alarm), actor)]

    def note(self, alarm_id: str, text: str) -> Alarm:
        """Write something beside it."""
        return self._put(self.of(alarm_id), note=text)

    def maintain(self, scope: str, for_s: float, actor: str, moment: Moment) -> list[Happening]:
        """Suppress everything that belongs to the scope until then; 0 s ends it now."""
        if not 0 <= for_s <= SHELF_S_MAX:
            raise UsageError("rules.shelf-too-long", max=SHELF_S_MAX // 3600)
        if len(self.maintenance) >= MAINTENANCE_MAX and scope not in self.maintenance:
            raise UsageError("rules.too-much-maintenance", max=MAINTENANCE_MAX)
        if not any(scope in watch.facts.scopes for watch in self._watches.values()):
            raise UsageError("rules.no-scope", scope=scope)
        self.changed_scopes.add(scope)
        self.maintenance[scope] = Maintenance(scope, moment.at_ns + round(for_s * S), actor)
        return self._suppress(
            (a for a in self.open.values() if scope in self.facts(a).scopes), moment
        )

    # What time does

    def tick(self, moment: Moment) -> list[Happening]:
        """Shelves and maintenance that end, calls that are owed, alarms that have settled."""
        ended = [m.scope for m in self.maintenance.values() if m.until_ns <= moment.at_ns]
        for scope in ended:
            del self.maintenance[scope]
        self.changed_scopes.update(ended)
        happened: list[Happening] = []
        for alarm in list(self.open.values()):
            happened += self._passed(alarm, moment)
        return happened

    def _passed(self, alarm: Alarm, moment: Moment) -> list[Happening]:
        if alarm.state is State.SHELVED:
            shelved = alarm.until_ns is not None and moment.at_ns < alarm.until_ns
            return [] if shelved else self._resumed(alarm, moment)
        if alarm.state is State.SUPPRESSED:
            still = self._suppressed(self.facts(alarm), moment)
            return [] if still else self._resumed(alarm, moment)
        if alarm.state in UNSEEN:
            return list(self._escalated(alarm, moment))
        if alarm.state in {State.RETURNED, State.RESTING}:
            return self._settled(alarm, moment)
        return []

    def _resumed(self, alarm: Alarm, moment: Moment) -> list[Happening]:
        facts = self.facts(alarm)
        if alarm.on and self._suppressed(facts, moment):
            self._moved(alarm, Act.SUPPRESS, until_ns=None)
            return []
        if not alarm.on:
            return self._closed(alarm, Act.LAPSE)
        changes = {"until_ns": None, "told": True, "raised_ns": moment.at_ns, "steps": 0}
        raised = self._moved(alarm, Act.RESUME, **changes)
        return [Happening("raised", raised, facts, fresh=True)]

    def _escalated(self, alarm: Alarm, moment: Moment) -> Iterator[Happening]:
        age_ns = moment.at_ns - alarm.raised_ns
        for call in self._duty.due(alarm.severity, alarm.steps, age_ns, moment.wall_ns):
            alarm = self._moved(alarm, Act.ESCALATE, steps=call.step)
            yield Happening("escalated", alarm, self.facts(alarm), call=call)

    def _settled(self, alarm: Alarm, moment: Moment) -> list[Happening]:
        facts = self.facts(alarm)
        since_ns = alarm.raised_ns if alarm.returned_ns is None else alarm.returned_ns
        if moment.at_ns - since_ns < facts.flap_ns:
            return []
        if alarm.state is State.RESTING or not facts.latch:
            return self._closed(alarm, Act.SETTLE)
        if alarm.flapping:  # quiet again, and still unseen
            return [Happening("returned", self._put(alarm, flapping=False), facts)]
        return []

    # Suppression

    def _suppressed(self, facts: Facts, moment: Moment) -> bool:
        if not facts.scopes.isdisjoint(self.maintenance):
            return True
        parent = facts.parent
        return parent is not None and any(
            alarm.on
            or (alarm.returned_ns is not None and moment.at_ns - alarm.returned_ns < RELEASE_NS)
            for alarm in self.open.values()
            if self.facts(alarm).rule == parent
        )

    def _suppress_children(self, rule: str, moment: Moment) -> list[Happening]:
        return self._suppress(
            (a for a in self.open.values() if self.facts(a).parent == rule), moment
        )

    def _suppress(self, alarms: Iterable[Alarm], moment: Moment) -> list[Happening]:
        happened = []
        for alarm in list(alarms):
            if _target(alarm.state, Act.SUPPRESS) is None or not self._suppressed(
                self.facts(alarm), moment
            ):
                continue
            silent = self._moved(alarm, Act.SUPPRESS, until_ns=None)
            if alarm.told:
                happened.append(Happening("suppressed", silent, self.facts(alarm)))
        return happened

    # Moving

    def _moved(self, alarm: Alarm, act: Act, **changes: Any) -> Alarm:
        state = _target(alarm.state, act)
        if state is None:
            raise UsageError("rules.not-now", alarm=alarm.id, state=alarm.state.value)
        return self._put(alarm, state=state, **changes)

    def _closed(self, alarm: Alarm, act: Act) -> list[Happening]:
        assert _target(alarm.state, act) is State.CLEARED
        del self.open[alarm.watch]
        self.changed.add(alarm.watch)
        cleared = msgspec.structs.replace(alarm, state=State.CLEARED)
        return [Happening("cleared", cleared, self.facts(alarm))] if alarm.told else []

    def _put(self, alarm: Alarm, **changes: Any) -> Alarm:
        return self._keep(msgspec.structs.replace(alarm, **changes))

    def _keep(self, alarm: Alarm) -> Alarm:
        self.open[alarm.watch] = alarm
        self.changed.add(alarm.watch)
        return alarm


def _target(state: State, act: Act) -> State | None:
    return TABLE.get((state, act))


def _evidence(reading: Reading | None) -> Evidence | None:
    if reading is None:
        return None
    return Evidence(reading.device, reading.point, reading.value, reading.unit)


def closed_for_good(alarm: Alarm) -> list[Happening]:
    """What the world hears of an alarm whose rule was taken out of the settings."""
    if not alarm.told:
        return []
    rule = alarm.watch.partition("/")[0]
    facts = Facts(
        rule=rule,
        use="",
        name=rule,
        severity=alarm.severity,
        latch=False,
        flap_ns=0,
        place="",
        spoken="",
        point_name="",
        scopes=frozenset(),
        parent=None,
    )
    return [Happening("cleared", msgspec.structs.replace(alarm, state=State.CLEARED), facts)]
