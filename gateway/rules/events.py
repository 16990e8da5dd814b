"""The kinds of event that the rules make; severity decides an alarm's lane."""

import msgspec

from gateway.event import Audience, Event, EventKind, Lane, Severity, Timestamps
from gateway.rules.alarm import Evidence
from gateway.rules.alarms import AlarmChange
from gateway.rules.core import ClockPause, RuleRecord
from gateway.rules.linkage import MessageAction, TaskResult, task_action
from gateway.rules.rule import BUS, RULE

SOURCE = "rules"


class AlarmEventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """The present state of an alarm: `reading` raised it, `count` is how often it came.

    `to` and `by`: who was called at an escalation, and by which channels. `real`: what a person
    found it to be. `private`: its place and meaning are for staff only.
    """

    alarm: str
    rule: str
    use: str
    name: str
    severity: Severity
    state: str
    on: bool
    count: int = 1
    reading: Evidence | None = None
    actor: str | None = None
    to: str | None = None
    by: tuple[str, ...] = ()
    note: str | None = None
    real: bool | None = None
    private: bool = False


class ActionEventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a linkage did, or why not: `why` is a text code."""

    task: str
    linkage: str
    alarm: str
    rule: str
    does: str
    what: str
    state: str
    why: str | None = None
    text: str = ""


class PausedEventData(msgspec.Struct, frozen=True):
    """How many conditions wait for the time of day."""

    watches: int


class MessageEventData(msgspec.Struct, frozen=True):
    """A linkage's message to the platform."""

    alarm: str
    rule: str
    text: str


TURNS = {
    what: EventKind("alarm", what, Lane.ALARM, AlarmEventData, Audience.ALL)
    for what in (
        "raised",
        "acknowledged",
        "attended",
        "escalated",
        "unreached",
        "returned",
        "cleared",
        "flapping",
        "shelved",
        "suppressed",
        "judged",
    )
}
PAUSES = {
    what: EventKind("alarm", what, Lane.SERVICE, PausedEventData, Audience.ALL)
    for what in ("paused", "running")
}
ACTION = EventKind("alarm", "action", Lane.SERVICE, ActionEventData, Audience.STAFF)
MESSAGE = EventKind("alarm", "message", Lane.SERVICE, MessageEventData, Audience.STAFF)
KINDS = (*TURNS.values(), *PAUSES.values(), ACTION, MESSAGE)


def record_events(record: RuleRecord, stamps: Timestamps) -> list[Event]:
    """The events of the feed for that record."""
    if isinstance(record, AlarmChange):
        return [_turn(record, stamps)]
    if isinstance(record, ClockPause):
        data = PausedEventData(record.watches)
        return [Event(kind=PAUSES[record.what], source=SOURCE, stamps=stamps, data=data)]
    return _did(record, stamps)


def _turn(happening: AlarmChange, stamps: Timestamps) -> Event:
    alarm, facts, call = happening.alarm, happening.facts, happening.call
    data = AlarmEventData(
        alarm=alarm.id,
        rule=facts.rule,
        use=facts.use,
        name=facts.name,
        severity=alarm.severity,
        state=alarm.state.value,
        on=alarm.on,
        count=alarm.count,
        reading=alarm.evidence,
        actor=happening.actor,
        to=None if call is None else call.to,
        by=() if call is None else call.by,
        note=alarm.note,
        real=alarm.real,
        private=facts.private,
    )
    return Event(
        kind=TURNS[happening.what],
        source=_source(alarm.evidence),
        subject=facts.rule,
        place=facts.place,
        stamps=stamps,
        lane=alarm.severity.lane,
        data=data,
        correlation=alarm.id,
    )


def _source(evidence: Evidence | None) -> str:
    """The device or bus that it is about."""
    if evidence is None or evidence.device == RULE:
        return SOURCE
    return evidence.point if evidence.device == BUS else evidence.device


def _did(done: TaskResult, stamps: Timestamps) -> list[Event]:
    task = done.task
    what = str(task.action.get(task.does, ""))
    data = ActionEventData(
        task.id,
        task.linkage,
        task.alarm,
        task.rule,
        task.does,
        what,
        done.state,
        done.why,
        task.text,
    )
    common = {"source": SOURCE, "place": task.place, "stamps": stamps, "correlation": task.alarm}
    made = [Event(kind=ACTION, subject=task.linkage, data=data, **common)]  # type: ignore[arg-type]  # by name
    if done.state == "done" and isinstance(task_action(task), MessageAction):
        said = MessageEventData(task.alarm, task.rule, task.text)
        made.append(Event(kind=MESSAGE, subject=task.rule, data=said, **common))  # type: ignore[arg-type]  # by name
    return made
