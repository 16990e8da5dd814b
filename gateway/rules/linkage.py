"""`[linkage.*]`: what an alarm triggers, under which condition, and why not. Pure.

A linkage plans tasks; the service passes them to their handlers (`actions.py`). Each ends in a
record: done, sent (handed on without proof), failed, unavailable, expired, skipped, dry-run, or
unknown after a crash.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from drivers.contract import Value
from gateway.calendar import Calendar, Days, TimeWindow
from gateway.event import Severity
from gateway.rules.alarms import AlarmChange
from gateway.rules.kinds import RuleInstant, S
from gateway.rules.rule import ConfigId
from gateway.texts import Texts
from gateway.texts.unit_text import unit_text

ACTIONS_MAX = 10
TEXT_CHARS_MAX = 200

Text = Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MAX)]
TaskState = Literal[
    "done", "sent", "failed", "unavailable", "expired", "skipped", "dry-run", "unknown"
]


class AnnounceAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Speak in a zone: a preset, or `text` with `{place}`, `{value}`, `{name}` filled in.

    Without `zone`, in the zone of the alarm's own place: this lift, else its building.
    """

    announce: ConfigId
    zone: ConfigId | None = None
    cls: Literal["emergency", "urgent", "service", "notice"] = msgspec.field(
        default="notice", name="class"
    )
    expires_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60.0
    text: Text | None = None


class RelayAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Write a device's point; a text only where the point shows texts, as a sign's does."""

    relay: str
    value: bool | int | float | Annotated[str, msgspec.Meta(max_length=200)] = True


class CallAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Ring at the desk."""

    call: Literal["desk"]


class OpenRequestAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Open a request for that service, about `what` if the service offers options."""

    request: ConfigId
    what: ConfigId | None = None
    text: Text | None = None


class MessageAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A message to the platform, as an event of its own."""

    message: Text


class RingAction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Call `to` by loudspeaker in that zone: a step of `[duty]`, never written in `do`.

    `private`: say neither where nor what. `more`: further alarms due in that zone.
    """

    ring: ConfigId
    to: str
    private: bool = False
    more: int = 0


class AnswerAction(msgspec.Struct, frozen=True, kw_only=True):
    """Answer a person who pressed, in that zone: never written in `do`.

    `says` is a text code without its `rules.answer-`; `to` is who is called.
    """

    answer: ConfigId
    says: str
    to: str = ""


Action = AnnounceAction | RelayAction | CallAction | OpenRequestAction | MessageAction
# The key of each action in a table of `do`.
ACTIONS: dict[str, type[Action]] = {
    "announce": AnnounceAction,
    "relay": RelayAction,
    "call": CallAction,
    "request": OpenRequestAction,
    "message": MessageAction,
}

RING = "ring"
ANSWER = "answer"

# The placeholders of a text.
WORDS = ("place", "name", "point", "value", "unit")

_WORD = re.compile("{(" + "|".join(WORDS) + ")}")


class LinkageCondition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`if`: only at these times, only while another rule's condition holds, or does not."""

    between: str | None = None
    days: Days = "all"
    season: str | None = None
    rule: ConfigId | None = None
    unless: ConfigId | None = None

    def __post_init__(self) -> None:
        """Refuse invalid hours."""
        _ = self.window

    @property
    def window(self) -> TimeWindow:
        return TimeWindow.parse(self.between, self.days, self.season)


class LinkageOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[linkage.<id>]`.

    `when` is one rule or several; `at` is the alarm event that triggers it. It does nothing
    within `cooldown_s` of the last time; an action that has not started within `expires_s` is
    dropped.
    """

    # no pattern here: msgspec 0.22 loses a reference to it in a union with a list, and crashes
    when: str | Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=50)]
    at: Literal["raised", "acknowledged", "attended", "returned", "cleared"] = "raised"
    do: Annotated[tuple[dict[str, Any], ...], msgspec.Meta(min_length=1, max_length=ACTIONS_MAX)]
    only: LinkageCondition = msgspec.field(default=LinkageCondition(), name="if")
    cooldown_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0
    expires_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60.0
    dry_run: bool = False

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules whose alarms trigger it."""
        return (self.when,) if isinstance(self.when, str) else self.when


def action_name(action: Action) -> str:
    """The key of that action in a table of `do`."""
    return next(name for name, shape in ACTIONS.items() if isinstance(action, shape))


def decode_action(table: Mapping[str, Any]) -> type[Action] | None:
    """The action type of a table of `do`; None unless it has exactly one of their keys."""
    named = [shape for key, shape in ACTIONS.items() if key in table]
    return named[0] if len(named) == 1 else None


class Linkage(msgspec.Struct, frozen=True):
    """One linkage with its actions decoded."""

    id: str
    options: LinkageOptions
    actions: tuple[Action, ...]

    def cooldown_key(self, place: str) -> str:
        """The key of its cool-down: one for each place if it speaks at the alarm's own place."""
        near = any(isinstance(one, AnnounceAction) and one.zone is None for one in self.actions)
        return f"{self.id}@{place}" if near else self.id


class LinkageTask(msgspec.Struct, frozen=True, kw_only=True):
    """One action that is due; `id` is its idempotency key for ever.

    `urgent`: it starts together with its record. Anything else is recorded first and done at
    most once. `expires_ns` is uptime. `private`: public announcements do not say where.
    """

    id: str
    linkage: str
    does: str
    action: dict[str, Any]
    alarm: str
    rule: str
    place: str
    text: str = ""
    urgent: bool = False
    private: bool = False
    expires_ns: int


class TaskResult(NamedTuple):
    """The result of a task; `why` is a text code."""

    task: LinkageTask
    state: TaskState
    why: str | None = None


_UNWRITTEN: Mapping[str, type[RingAction | AnswerAction]] = {RING: RingAction, ANSWER: AnswerAction}


def task_action(task: LinkageTask) -> Action | RingAction | AnswerAction:
    """The decoded action of a task."""
    shape: type[Action | RingAction | AnswerAction] = (
        _UNWRITTEN.get(task.does) or ACTIONS[task.does]
    )
    return msgspec.convert(task.action, shape)


class Linkages:
    """All linkages; plans tasks for alarm changes, and says why it does not."""

    def __init__(
        self, linkages: Mapping[str, Linkage], calendar: Calendar, holds: Callable[[str], bool]
    ) -> None:
        """`holds(rule)`: whether that rule's condition is present now."""
        self.fired: dict[str, int] = {}
        self.changed: set[str] = set()
        self._calendar = calendar
        self._holds = holds
        self.all = dict(linkages)
        self._of_turn: dict[tuple[str, str], list[Linkage]] = {}
        for linkage in linkages.values():
            for rule in linkage.options.rules:
                self._of_turn.setdefault((rule, linkage.options.at), []).append(linkage)

    def plan(
        self, happening: AlarmChange, moment: RuleInstant, number: Callable[[], str]
    ) -> Iterator[LinkageTask | TaskResult]:
        """What is to be done about a change, and what is not; `number()` gives a new task id."""
        if happening.what == "raised" and not happening.fresh:
            return
        for linkage in self._of_turn.get((happening.facts.rule, happening.what), ()):
            place = happening.facts.place
            why = self.why_not(linkage, happening.alarm.severity, moment, place)
            if why is None:
                turn = linkage.cooldown_key(place)
                self.fired[turn] = moment.at_ns
                self.changed.add(turn)
            for action in linkage.actions:
                task = _task(linkage, action, happening, moment, number())
                if why is not None:
                    yield TaskResult(task, "skipped", why)
                elif linkage.options.dry_run:
                    yield TaskResult(task, "dry-run")
                else:
                    yield task

    def why_not(
        self, linkage: Linkage, severity: Severity, moment: RuleInstant, place: str = ""
    ) -> str | None:
        """Why it would not act on an alarm of that severity there; None if it would."""
        only, window = linkage.options.only, linkage.options.only.window
        last_ns = self.fired.get(linkage.cooldown_key(place))
        if last_ns is not None and moment.at_ns - last_ns < linkage.options.cooldown_s * S:
            return "rules.cooling"
        if only.rule is not None and not self._holds(only.rule):
            return "rules.condition"
        if only.unless is not None and self._holds(only.unless):
            return "rules.condition"
        if moment.wall_ns is None:  # a critical alarm acts at any hour that it could be
            critical = severity is Severity.CRITICAL
            return None if window.always or critical else "rules.no-time"
        return None if window.holds(self._calendar, moment.wall_ns) else "rules.condition"


def _task(
    linkage: Linkage, action: Action, happening: AlarmChange, moment: RuleInstant, task_id: str
) -> LinkageTask:
    does = action_name(action)
    expires_s = (
        action.expires_s if isinstance(action, AnnounceAction) else linkage.options.expires_s
    )
    emergency = isinstance(action, AnnounceAction) and action.cls == "emergency"
    facts, alarm = happening.facts, happening.alarm
    if isinstance(action, AnnounceAction) and action.zone is None:
        action = msgspec.structs.replace(action, zone=facts.zone)
    return LinkageTask(
        id=task_id,
        linkage=linkage.id,
        does=does,
        action=msgspec.to_builtins(action),
        alarm=alarm.id,
        rule=facts.rule,
        place=facts.place,
        text=_filled(action, happening),
        urgent=emergency or isinstance(action, CallAction),
        private=facts.private,
        expires_ns=moment.at_ns + round(expires_s * S),
    )


def _filled(action: Action, happening: AlarmChange) -> str:
    template = (
        action.message if isinstance(action, MessageAction) else getattr(action, "text", None)
    )
    if not template:
        return ""
    evidence = happening.alarm.evidence
    if happening.facts.private and isinstance(action, AnnounceAction) and _WORD.search(template):
        return ""  # the announcement tells staff to look
    words = {
        "place": happening.facts.spoken,
        "name": happening.facts.name,
        "point": happening.facts.point_name,
        "value": "" if evidence is None else _shown(evidence.value, happening.facts.language),
        "unit": "" if evidence is None else unit_text(evidence.unit),
    }
    for name, word in words.items():
        template = template.replace("{" + name + "}", word)
    return str(template)


def _shown(value: Value, language: str) -> str:
    """A value as people read it: active or not, for contacts."""
    if isinstance(value, bool):
        return Texts(language).say("alarms.value-on" if value else "alarms.value-off")
    return f"{value:g}" if isinstance(value, float) else str(value)
