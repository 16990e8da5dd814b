"""An alarm in words: its pictogram, urgency, age and state. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from gateway.desk.alarms.condition_text import bus_text
from gateway.event import Severity
from gateway.health import PointVitals
from gateway.rules.alarm import UNSEEN, Alarm, AlarmState, Evidence
from gateway.rules.kinds import RuleInstant, S
from gateway.rules.rule import BUS, HEARD, OWN, AlarmFacts
from gateway.web import value_format
from gateway.web.i18n import Translator
from gateway.web.page_header import StatusMark

PICTOGRAMS = {
    "bin-burning": "flame",
    "bin-full": "bin",
    "bus-dead": "plug",
    "device-silent": "meter",
    "e-bike-in-lift": "ebike",
    "fire-alarm": "flame",
    "gas-over-limit": "gas",
    "heat-below-standard": "heat",
    "leak-at-night": "water",
    "manhole-tilted": "manhole",
    "meter-tampering": "meter",
    "no-water-used": "water",
    "perimeter-broken": "shield",
    "phase-loss": "power",
    "fall": "person",
    "sos": "person",
    "sensor-faulty": "plug",
    "sensor-stuck": "meter",
    "smoke": "smoke",
    "tds-over-limit": "water",
    "transformer-overload": "power",
}
OTHER = "bell"
MINUTE_S = 60

URGENCY = {Severity.CRITICAL: 4, Severity.MAJOR: 3, Severity.MINOR: 2, Severity.NOTICE: 1}

MARKS = {
    AlarmState.RAISED: ("bad", "s-bad"),
    AlarmState.ESCALATED: ("bad", "s-bad"),
    AlarmState.ACKNOWLEDGED: ("wait", "s-wait"),
    AlarmState.RETURNED: ("warn", "warning"),
    AlarmState.RESTING: ("ok", "s-ok"),
    AlarmState.SHELVED: ("away", "s-off"),
    AlarmState.SUPPRESSED: ("away", "s-off"),
}
# The word beside their mark is enough.
SAID_BY_MARK = frozenset({AlarmState.RAISED, AlarmState.RETURNED})

SILENT = frozenset({AlarmState.SHELVED, AlarmState.SUPPRESSED})
# Nobody has acknowledged these.
WAITS = UNSEEN | {AlarmState.RETURNED}


class AlarmRow(NamedTuple):
    """An open alarm with what its rule says of it."""

    alarm: Alarm
    facts: AlarmFacts
    age_s: float

    @property
    def rings(self) -> bool:
        """Whether it sounds at the desk: until a person has it, even if it went by itself."""
        state = self.alarm.state
        return state in UNSEEN or (state is AlarmState.RETURNED and self.facts.latch)

    @property
    def grave(self) -> bool:
        """Whether a person must come now: critical, and still present."""
        return self.alarm.state in UNSEEN and self.alarm.severity is Severity.CRITICAL

    @property
    def waits(self) -> bool:
        """Whether a person must still acknowledge it."""
        return self.alarm.state in WAITS

    @property
    def kept(self) -> bool:
        """Whether it stays on the board although it is silent: a shelved critical one."""
        return self.alarm.state is AlarmState.SHELVED and self.alarm.severity is Severity.CRITICAL

    @property
    def comes(self) -> bool:
        """Whether a person must still come to it, and confirm it there."""
        taken = {AlarmState.ACKNOWLEDGED, AlarmState.RESTING}
        return (
            self.facts.attend
            and not self.alarm.attended
            and (self.waits or self.alarm.state in taken)
        )

    @property
    def urgency(self) -> int:
        """1 to 4, the order of the desk's board."""
        return URGENCY[self.alarm.severity]

    @property
    def minutes(self) -> int:
        return int(self.age_s // 60)


def alarm_row(alarm: Alarm, facts: AlarmFacts, moment: RuleInstant) -> AlarmRow:
    """The alarm at that moment; its age is uptime, which excludes power cuts."""
    return AlarmRow(alarm, facts, max(0.0, (moment.at_ns - alarm.raised_ns) / S))


def pictogram(use: str) -> str:
    """The pictogram of its kind of sensor."""
    return PICTOGRAMS.get(use, OTHER)


def alarm_title(facts: AlarmFacts) -> str:
    """What and where, as on the board; a bus is its own place."""
    where = facts.spoken or facts.about
    return f"{facts.name} · {where}" if where else facts.name


def state_mark(alarm: Alarm, words: Translator) -> StatusMark:
    """Its state with its word."""
    return (*MARKS[alarm.state], words(f"alarms.state-{alarm.state.value}"))


def reading_text(
    alarm: Alarm, facts: AlarmFacts, words: Translator, device: str, now: str = ""
) -> str:
    """The reading that raised it, in words; `device` is the device's name.

    `now` is the present reading, if it is to be told apart.
    """
    evidence = alarm.evidence
    if evidence is None:
        return words("alarms.no-reading")
    if evidence.device == OWN:
        return words(
            "rules.own-heard-nobody" if evidence.point == HEARD else "rules.own-tasks-dying"
        )
    if evidence.device == BUS:
        said = bus_text(up=bool(evidence.value), words=words)
        return words("alarms.read", point=evidence.point, value=said)
    value = _value(evidence, words)
    if now:
        value = words("alarms.then-now", then=value, now=now)
    if facts.last and facts.point_name == device:
        return words("alarms.read-last", device=device, value=value)
    point = facts.point_name or evidence.point
    if facts.last:
        return words("alarms.read-last", device=point, value=value)
    return words(
        "alarms.read", point=point if device in point else f"{device} {point}", value=value
    )


def _value(evidence: Evidence, words: Translator) -> str:
    if isinstance(evidence.value, bool):
        return words("alarms.value-on" if evidence.value else "alarms.value-off")
    if isinstance(evidence.value, int | float):
        return f"{evidence.value:,} {value_format.unit_text(evidence.unit)}".strip()
    return str(evidence.value)


def present_value(point: PointVitals, words: Translator) -> str:
    """The present reading of a point: of a wired sensor, the word of its kind."""
    if point.value is None or point.quality != "good":
        return words("alarms.now-unread")
    if isinstance(point.value, bool) and not point.kind:
        return words("alarms.value-on" if point.value else "alarms.value-off")
    return f"{value_format.value_text(point, words)} {value_format.unit_text(point.unit)}".strip()


def time_left(until_ns: int, moment: RuleInstant, words: Translator) -> str:
    """The time until then, rounded up to the minute."""
    return words.span(max(0.0, (until_ns - moment.at_ns) / S) + 59)


def state_text(alarm: Alarm, words: Translator, who: str, moment: RuleInstant) -> str:
    """Its state in a sentence: who has it, until when it is silent, how often it came.

    `who` has it, or was called for it.
    """
    parts = []
    if alarm.state is AlarmState.SHELVED and alarm.until_ns is not None:
        span = time_left(alarm.until_ns, moment, words)
        parts = [words("alarms.shelved-for", span=span, who=who)]
        if alarm.severity is Severity.CRITICAL:
            parts.append(words("alarms.shelved-then"))
    elif alarm.state not in SAID_BY_MARK:
        parts = [words(f"alarms.said-{alarm.state.value}", who=who or words("alarms.somebody"))]
    parts += _become(alarm, words, moment)
    if alarm.count > 1:
        parts.append(words("alarms.came", n=alarm.count))
    if alarm.note:
        parts.append(words("alarms.noted", text=alarm.note))
    return " ".join(parts)


def _become(alarm: Alarm, words: Translator, moment: RuleInstant) -> Iterator[str]:
    """What people and calls have made of it."""
    if alarm.state in WAITS and alarm.acknowledged_ns is not None:
        yield words("alarms.said-not-come")
    if alarm.unreached:
        yield words("alarms.said-unreached")
    if alarm.state is AlarmState.ACKNOWLEDGED and alarm.acknowledged_ns is not None:
        taken_s = (moment.at_ns - alarm.acknowledged_ns) / S
        if taken_s >= MINUTE_S:
            yield words("alarms.taken-for", span=words.span(taken_s))
    if alarm.real is not None:
        yield words("alarms.found-real" if alarm.real else "alarms.found-false")
