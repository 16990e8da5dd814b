"""The kinds of event that the rules make; severity decides an alarm's lane."""

import msgspec

from gateway.event import Audience, Event, Kind, Lane, Severity, Stamps
from gateway.rules.alarm import Evidence
from gateway.rules.alarms import Happening
from gateway.rules.core import Pause, Record
from gateway.rules.linkage import Done, Message, action_of
from gateway.rules.rule import BUS, RULE

SOURCE = "rules"


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
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


class Did(msgspec.Struct, frozen=True, omit_defaults=True):
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


class Waiting(msgspec.Struct, frozen=True):
    """How many conditions wait for the time of day."""

    watches: int


class Said(msgspec.Struct, frozen=True):
    """A linkage's message to the platform."""

    alarm: str
    rule: str
    text: str


TURNS = {
    what: Kind("alarm", what, Lane.ALARM, Told, Audience.ALL)
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
    what: Kind("alarm", what, Lane.SERVICE, Waiting, Audience.ALL) for what in ("paused", "running")
}
ACTION = Kind("alarm", "action", Lane.SERVICE, Did, Audience.STAFF)
MESSAGE = Kind("alarm", "message", Lane.SERVICE, Said, Audience.STAFF)
KINDS = (*TURNS.values(), *PAUSES.values(), ACTION, MESSAGE)


def events_of(record: Record, stamps: Stamps) -> list[Event]:
    """The events of the feed for that record."""
    if isinstance(record, Happening):
        return [_turn(record, stamps)]
    if isinstance(record, Pause):
        data = Waiting(record.watches)
        return [Event(kind=PAUSES[record.what], source=SOURCE, stamps=stamps, data=data)]
    return _did(record, stamps)


def _turn(happening: Happening, stamps: Stamps) -> Event:
    alarm, facts, call = happening.alarm, happening.facts, happening.call
    data = Told(
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


def _did(done: Done, stamps: Stamps) -> list[Event]:
    task = done.task
    what = str(task.action.get(task.does, ""))
    data = Did(
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
    if done.state == "done" and isinstance(action_of(task), Message):
        said = Said(task.alarm, task.rule, task.text)
        made.append(Event(kind=MESSAGE, subject=task.rule, data=said, **common))  # type: ignore[arg-type]  # by name
    return made
