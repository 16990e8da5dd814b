"""All alarms of the station: what changes them, and the changes to report. No I/O.

Every change is returned as an `AlarmChange`, in order.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from drivers.contract import Reading
from gateway.errors import NotFound, StateConflict, UsageError
from gateway.event import Severity
from gateway.faults import OnFault, log_fault
from gateway.rules.alarm import TABLE, UNSEEN, Alarm, AlarmEvent, AlarmState, Evidence
from gateway.rules.alarm_repository import AlarmRepository
from gateway.rules.duty import DutyCall, DutyRoster
from gateway.rules.evaluator import ConditionSignal
from gateway.rules.kinds import RuleInstant, S
from gateway.rules.rule import AlarmFacts, Watch
from gateway.rules.suppression import Suppression
from gateway.rules.verdicts import AlarmVerdicts

# This many returns, each within `flap_s`, make an alarm a flapping one.
FLAPS = 3

# Time to arrive after acknowledging, before others are called again.
COMES_NS = 300 * S

SHELF_S_MAX = 7 * 86_400
_SILENT = frozenset({AlarmState.SHELVED, AlarmState.SUPPRESSED})
# Nobody has been called yet.
_UNCALLED: Mapping[str, Any] = {
    "steps": 0,
    "acknowledged_ns": None,
    "attended": False,
    "unreached": False,
}


class AlarmChange(NamedTuple):
    """A change to report: `what` is the last part of the event's kind.

    `fresh`: there was no alarm before that anybody still remembers; linkages act on those.
    """

    what: str
    alarm: Alarm
    facts: AlarmFacts
    actor: str | None = None
    call: DutyCall | None = None
    fresh: bool = False


class Alarms:
    """Applies conditions, people's actions and time to the alarms of the repository."""

    def __init__(
        self,
        watches: Mapping[str, Watch],
        duty: DutyRoster,
        start: str,
        *,
        on_fault: OnFault = log_fault,
    ) -> None:
        """No alarm is open yet; ids carry this `start`."""
        self._on_fault = on_fault
        self._watches = watches
        self.book = AlarmRepository(watches, start)
        self.quiet = Suppression(frozenset().union(*(w.facts.scopes for w in watches.values())))
        self.duty = duty
        self.verdicts = AlarmVerdicts()
        self._parents = {rule for watch in watches.values() for rule in watch.facts.parents}

    def apply_signal(self, signal: ConditionSignal, moment: RuleInstant) -> list[AlarmChange]:
        """A condition came or went."""
        happened = self._came(signal, moment) if signal.on else self._went(signal, moment)
        rule = signal.watch.facts.rule
        if signal.on and rule in self._parents:
            children = [a for a in self.book.open.values() if rule in self.book.facts(a).parents]
            happened += self._suppress(children, moment)
        return happened

    def _came(self, signal: ConditionSignal, moment: RuleInstant) -> list[AlarmChange]:
        facts, now_ns = signal.watch.facts, moment.at_ns
        old = self.book.open.get(signal.watch.id)
        if old is None:
            return self._new(signal, moment)
        state = TABLE.after(old.state, AlarmEvent.RAISE)
        if state is None:  # it never went: a restart forgot that it had come
            return []
        quick = old.returned_ns is None or now_ns - old.returned_ns <= facts.flap_ns
        fresh = not quick and state is AlarmState.RAISED
        anew = fresh and (old.unreached or not self._calling(old))
        changes = {"raised_ns": now_ns, **_UNCALLED} if anew else {}
        if state in _SILENT:
            changes = {"attended": False}  # whoever came has left: it is a new call
        alarm = self.book.put(
            old,
            state=state,
            on=True,
            count=old.count + 1,
            evidence=_evidence(signal.reading) or old.evidence,
            flapping=quick and (old.flapping or old.count + 1 >= FLAPS),
            **changes,
        )
        if state in _SILENT or (alarm.flapping and old.flapping):
            return []
        return [AlarmChange("flapping" if alarm.flapping else "raised", alarm, facts, fresh=fresh)]

    def _new(self, signal: ConditionSignal, moment: RuleInstant) -> list[AlarmChange]:
        watch = signal.watch
        silent = self.quiet.covers(watch.facts, self.book, moment)
        alarm = self.book.put(
            Alarm(
                id=self.book.next_id(),
                watch=watch.id,
                severity=watch.facts.severity,
                state=AlarmState.SUPPRESSED if silent else AlarmState.RAISED,
                told=not silent,
                raised_ns=moment.at_ns,
                evidence=_evidence(signal.reading),
            )
        )
        return [] if silent else [AlarmChange("raised", alarm, watch.facts, fresh=True)]

    def _went(self, signal: ConditionSignal, moment: RuleInstant) -> list[AlarmChange]:
        old = self.book.open.get(signal.watch.id)
        state = None if old is None else TABLE.after(old.state, AlarmEvent.RETURN)
        if old is None or state is None:
            return []
        alarm = self.book.put(old, state=state, on=False, returned_ns=moment.at_ns)
        silent = alarm.flapping or state in _SILENT
        told = [] if silent else [AlarmChange("returned", alarm, signal.watch.facts)]
        return told + self._over(alarm)

    def _over(self, alarm: Alarm) -> list[AlarmChange]:
        """A person came, and it has returned: the next time is a new alarm, however soon."""
        attended = alarm.attended and self.book.facts(alarm).attend
        if not attended or alarm.state is not AlarmState.RESTING:
            return []
        return self._cleared(alarm, AlarmEvent.SETTLE)

    def acknowledge(self, alarm_id: str, actor: str) -> list[AlarmChange]:
        """A person has seen it; if its rule requires attendance, they are on their way."""
        alarm = self.book.get(alarm_id)
        anew = _UNCALLED if self.book.facts(alarm).attend else {"unreached": False}
        alarm = self.book.apply(alarm, AlarmEvent.ACKNOWLEDGE, by=actor, **anew)
        return [AlarmChange("acknowledged", alarm, self.book.facts(alarm), actor)]

    def attend(self, alarm_id: str, actor: str) -> list[AlarmChange]:
        """A person has come: nobody else is called."""
        alarm = self.book.get(alarm_id)
        alarm = self.book.apply(alarm, AlarmEvent.ATTEND, by=actor, attended=True, unreached=False)
        return [AlarmChange("attended", alarm, self.book.facts(alarm), actor), *self._over(alarm)]

    def shelve(
        self, alarm_id: str, for_s: float, actor: str, moment: RuleInstant, *, note: str = ""
    ) -> list[AlarmChange]:
        """Silence it for that time, whatever it does; every shelving has an end.

        A critical alarm needs a `note` that says why, unless it has one already.
        """
        if not 0 < for_s <= SHELF_S_MAX:
            raise UsageError("rules.shelf-too-long", max=SHELF_S_MAX // 3600)
        until_ns = moment.at_ns + round(for_s * S)
        alarm = self.book.get(alarm_id)
        note = note.strip() or alarm.note or ""
        if alarm.severity is Severity.CRITICAL and not note:
            raise UsageError("rules.shelf-needs-note")
        alarm = self.book.apply(
            alarm, AlarmEvent.SHELVE, by=actor, until_ns=until_ns, note=note or None
        )
        return [AlarmChange("shelved", alarm, self.book.facts(alarm), actor)]

    def unshelve(self, alarm_id: str, actor: str, moment: RuleInstant) -> list[AlarmChange]:
        """End its shelving now: it is raised again if its condition holds.

        Linkages do not act on it again: a person is present.
        """
        alarm = self.book.get(alarm_id)
        if alarm.state is not AlarmState.SHELVED:
            raise StateConflict("rules.not-now", alarm=alarm.id, state=alarm.state.value)
        resumed = self._resumed(alarm, moment)
        return [happening._replace(actor=actor, fresh=False) for happening in resumed]

    def judge(self, alarm_id: str, actor: str, *, real: bool, rule: str = "") -> list[AlarmChange]:
        """Record that it was real or false; `rule` is that of an alarm that is over."""
        alarm = next((a for a in self.book.open.values() if a.id == alarm_id), None)
        if alarm is not None:
            alarm = self.book.put(alarm, real=real)
            facts = self.book.facts(alarm)
        else:
            known = (w.facts for w in self._watches.values() if w.facts.rule == rule)
            found = next(known, None)
            if found is None:
                raise NotFound("rules.no-alarm", alarm=alarm_id)
            facts = found
            alarm = Alarm(
                id=alarm_id,
                watch=rule,
                severity=facts.severity,
                state=AlarmState.CLEARED,
                on=False,
                raised_ns=0,
                real=real,
            )
        self.verdicts.judge(facts.rule, alarm_id, real=real)
        return [AlarmChange("judged", alarm, facts, actor)]

    def note(self, alarm_id: str, text: str | None) -> list[AlarmChange]:
        """Attach a note; the next event of the alarm carries it."""
        self.book.put(self.book.get(alarm_id), note=text)
        return []

    def maintain(
        self, scope: str, for_s: float, actor: str, moment: RuleInstant
    ) -> list[AlarmChange]:
        """Suppress everything in the scope for that time; 0 s ends it now."""
        self.quiet.maintain(scope, for_s, actor, moment)
        touched = [a for a in self.book.open.values() if scope in self.book.facts(a).scopes]
        return self._suppress(touched, moment)

    def life_safety(self, scope: str) -> list[AlarmFacts]:
        """The life-safety watches that maintenance of the scope silences."""
        return [
            watch.facts
            for watch in self._watches.values()
            if watch.facts.life_safety and scope in watch.facts.scopes
        ]

    def _suppress(self, alarms: Iterable[Alarm], moment: RuleInstant) -> list[AlarmChange]:
        happened = []
        for alarm in alarms:
            facts = self.book.facts(alarm)
            can = TABLE.after(alarm.state, AlarmEvent.SUPPRESS) is not None
            if can and self.quiet.covers(facts, self.book, moment):
                silent = self.book.apply(alarm, AlarmEvent.SUPPRESS, until_ns=None)
                if alarm.told:
                    happened.append(AlarmChange("suppressed", silent, facts))
        return happened

    def tick(self, moment: RuleInstant) -> list[AlarmChange]:
        """Apply time: shelving and maintenance that end, calls that are due, alarms that settle."""
        self.quiet.expire(moment)
        happened: list[AlarmChange] = []
        for alarm in list(self.book.open.values()):
            try:
                happened += self._passed(alarm, moment)
            except Exception as error:  # noqa: BLE001   # the edge: a mistake in one alarm affects that alarm only
                self._on_fault("rules.alarm", error)
        return happened

    def _passed(self, alarm: Alarm, moment: RuleInstant) -> list[AlarmChange]:
        if alarm.state is AlarmState.SHELVED:
            ends = alarm.until_ns is None or moment.at_ns >= alarm.until_ns
            return self._resumed(alarm, moment) if ends else []
        if alarm.state is AlarmState.SUPPRESSED:
            still = self.quiet.covers(self.book.facts(alarm), self.book, moment)
            return [] if still else self._resumed(alarm, moment)
        if (
            alarm.state in {AlarmState.ACKNOWLEDGED, AlarmState.RESTING}
            and alarm.acknowledged_ns is None
        ):
            alarm = self.book.put(alarm, acknowledged_ns=moment.at_ns)
        called = list(self._called(alarm, moment)) if self._waits(alarm) else []
        if not called and alarm.state in {AlarmState.RETURNED, AlarmState.RESTING}:
            return self._settled(alarm, moment)
        return called

    def _calling(self, alarm: Alarm) -> bool:
        """Whether its steps are under way: they do not start again before all were taken."""
        return self._waits(alarm) and self.duty.patience_ns(alarm.severity) is not None

    def _waits(self, alarm: Alarm) -> bool:
        """Whether a person must still see it, or come to it."""
        facts = self.book.facts(alarm)
        if alarm.state is AlarmState.RETURNED:
            return facts.latch
        taken = alarm.state in {AlarmState.ACKNOWLEDGED, AlarmState.RESTING}
        return alarm.state in UNSEEN or (taken and facts.attend and not alarm.attended)

    def _resumed(self, alarm: Alarm, moment: RuleInstant) -> list[AlarmChange]:
        facts = self.book.facts(alarm)
        if not alarm.on and not self._latched(alarm):
            return self._cleared(alarm, AlarmEvent.LAPSE)
        if self.quiet.covers(facts, self.book, moment):
            self.book.apply(alarm, AlarmEvent.SUPPRESS, until_ns=None)
            return []
        act = AlarmEvent.RESUME if alarm.on else AlarmEvent.LATCH
        raised = self.book.apply(
            alarm, act, until_ns=None, told=True, raised_ns=moment.at_ns, **_UNCALLED
        )
        happened = [AlarmChange("raised", raised, facts, fresh=True)]
        return happened if alarm.on else [*happened, AlarmChange("returned", raised, facts)]

    def _latched(self, alarm: Alarm) -> bool:
        """Whether a person must see what went while it was silent.

        Not if a parent explains it, or for the person who shelved it; an SOS always needs a
        person.
        """
        facts = self.book.facts(alarm)
        if facts.attend:
            return not alarm.attended
        untaken = alarm.told and alarm.acknowledged_ns is None and alarm.by is None
        return (
            facts.latch and alarm.state is AlarmState.SUPPRESSED and untaken and not facts.parents
        )

    def _called(self, alarm: Alarm, moment: RuleInstant) -> Iterator[AlarmChange]:
        """The steps that are due, and, after the last, that nobody was reached."""
        facts, since_ns = self.book.facts(alarm), alarm.raised_ns
        if alarm.acknowledged_ns is not None:
            since_ns = alarm.acknowledged_ns + COMES_NS
        age_ns = moment.at_ns - since_ns
        for call in self.duty.due(alarm.severity, alarm.steps, age_ns, moment.wall_ns):
            alarm = self.book.apply(alarm, AlarmEvent.ESCALATE, steps=call.step)
            yield AlarmChange("escalated", alarm, facts, call=call)
        patience_ns = self.duty.patience_ns(alarm.severity)
        if not alarm.unreached and patience_ns is not None and age_ns >= patience_ns:
            yield AlarmChange("unreached", self.book.put(alarm, unreached=True), facts)

    def _settled(self, alarm: Alarm, moment: RuleInstant) -> list[AlarmChange]:
        facts = self.book.facts(alarm)
        since_ns = alarm.raised_ns if alarm.returned_ns is None else alarm.returned_ns
        if moment.at_ns - since_ns < facts.flap_ns:
            return []
        if self._waits(alarm) and alarm.state is AlarmState.RESTING:
            return []
        if alarm.state is AlarmState.RESTING or not facts.latch:
            return self._cleared(alarm, AlarmEvent.SETTLE)
        if alarm.flapping:  # quiet again, and still unseen
            return [AlarmChange("returned", self.book.put(alarm, flapping=False), facts)]
        return []

    def _cleared(self, alarm: Alarm, act: AlarmEvent) -> list[AlarmChange]:
        cleared = self.book.clear(alarm, act)
        return [AlarmChange("cleared", cleared, self.book.facts(alarm))] if alarm.told else []


def _evidence(reading: Reading | None) -> Evidence | None:
    if reading is None:
        return None
    return Evidence(reading.device, reading.point, reading.value, reading.unit)


def close_orphaned(alarm: Alarm) -> list[AlarmChange]:
    """The changes to report for an alarm whose rule was removed from the settings."""
    if not alarm.told:
        return []
    rule = alarm.watch.partition("/")[0]
    facts = AlarmFacts(
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
        parents=(),
    )
    return [AlarmChange("cleared", msgspec.structs.replace(alarm, state=AlarmState.CLEARED), facts)]
