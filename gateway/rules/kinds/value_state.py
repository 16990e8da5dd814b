"""The value of a contact or text; how often; when last; and whether anything was read at all."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from drivers.contract import Value
from gateway.calendar import Calendar
from gateway.rules.kinds.kind import (
    PointInfo,
    RuleInstant,
    RuleKind,
    RuleVerdict,
    S,
    Sentences,
    values_text,
)
from gateway.rules.kinds.standstill import Seconds

StateValue = bool | int | str


class StateOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The condition holds while the value is `value` (or one of them).

    For a contact, true means active, however it is wired.
    """

    value: StateValue | tuple[StateValue, ...] = True


class StateLimits(msgspec.Struct, frozen=True):
    """The values that count."""

    values: frozenset[StateValue]


class NoState(msgspec.Struct, frozen=True, array_like=True):
    """The state of a kind that remembers nothing."""


def _limits(options: Any, point: PointInfo) -> frozenset[StateValue]:
    values = options.value if isinstance(options.value, tuple) else (options.value,)
    flipped = point.inverted and all(isinstance(value, bool) for value in values)
    return frozenset(not value for value in values) if flipped else frozenset(values)


def prepare(options: StateOptions, point: PointInfo, _: Calendar) -> StateLimits:
    """Inverted if the contact is closed when all is well."""
    return StateLimits(_limits(options, point))


def step(
    limits: StateLimits, state: NoState, value: Value, _: RuleInstant
) -> tuple[NoState, RuleVerdict]:
    if value is None:
        return state, RuleVerdict.UNSURE
    return state, RuleVerdict.from_condition(value in limits.values)


TIMES_MAX = 100

# A device may miss three answers in a row before it counts as silent.
PERIODS_MIN = 4


class CountOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """It has become `value` at least `times` within `within_s`."""

    times: Annotated[int, msgspec.Meta(ge=2, le=TIMES_MAX)]
    within_s: Seconds
    value: StateValue | tuple[StateValue, ...] = True


class CountLimits(msgspec.Struct, frozen=True):
    """How often in what time, and what counts."""

    values: frozenset[StateValue]
    times: int
    span_ns: int


class CountState(msgspec.Struct, frozen=True, array_like=True):
    """When it became so, at most `times` instants; and whether it is so now."""

    edges_ns: tuple[int, ...] = ()
    there: bool = True


def prepare_count(options: CountOptions, point: PointInfo, _: Calendar) -> CountLimits:
    return CountLimits(_limits(options, point), options.times, round(options.within_s * S))


def step_count(
    limits: CountLimits, state: CountState, value: Value, moment: RuleInstant
) -> tuple[CountState, RuleVerdict]:
    """The first reading is not a change."""
    there = state.there if value is None else value in limits.values
    edges = state.edges_ns
    if there and not state.there:
        edges = (*edges, moment.at_ns)[-limits.times :]
    if edges and moment.at_ns - edges[0] >= limits.span_ns:
        edges = tuple(at for at in edges if moment.at_ns - at < limits.span_ns)
    return CountState(edges, there), RuleVerdict.from_condition(len(edges) >= limits.times)


def due_count(limits: CountLimits, state: CountState) -> int | None:
    """When the first of them becomes too old to count."""
    return state.edges_ns[0] + limits.span_ns if state.edges_ns else None


class AbsenceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """It has not been `value` for `unseen_s` (a door that nobody opens)."""

    unseen_s: Seconds
    value: StateValue | tuple[StateValue, ...] = True


class AbsenceLimits(msgspec.Struct, frozen=True):
    """How long, and what is missed."""

    values: frozenset[StateValue]
    span_ns: int


class AbsenceState(msgspec.Struct, frozen=True, array_like=True):
    """When it was last seen, or the watch began."""

    at_ns: int | None = None


def prepare_absence(options: AbsenceOptions, point: PointInfo, _: Calendar) -> AbsenceLimits:
    return AbsenceLimits(_limits(options, point), round(options.unseen_s * S))


def step_absence(
    limits: AbsenceLimits, state: AbsenceState, value: Value, moment: RuleInstant
) -> tuple[AbsenceState, RuleVerdict]:
    """Seen again, the condition ends at once."""
    if value is not None and value in limits.values:
        return AbsenceState(moment.at_ns), RuleVerdict.NO
    if state.at_ns is None:
        return AbsenceState(moment.at_ns), RuleVerdict.UNSURE
    return state, RuleVerdict.from_condition(moment.at_ns - state.at_ns >= limits.span_ns)


def due_absence(limits: AbsenceLimits, state: AbsenceState) -> int | None:
    """When it has been absent for too long."""
    return None if state.at_ns is None else state.at_ns + limits.span_ns


class HeartbeatOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """No good reading for `silent_s`, and for at least four of the device's own periods."""

    silent_s: Seconds


class HeartbeatLimits(msgspec.Struct, frozen=True):
    """How long."""

    span_ns: int


def prepare_heartbeat(options: HeartbeatOptions, point: PointInfo, _: Calendar) -> HeartbeatLimits:
    """One spoilt answer of a device that is polled every ten minutes is not silence."""
    return HeartbeatLimits(round(max(options.silent_s, PERIODS_MIN * (point.every_s or 0)) * S))


def step_heartbeat(
    limits: HeartbeatLimits, state: AbsenceState, value: Value, moment: RuleInstant
) -> tuple[AbsenceState, RuleVerdict]:
    """Any value ends the silence."""
    if state.at_ns is None or value is not None:
        return AbsenceState(moment.at_ns), RuleVerdict.UNSURE if value is None else RuleVerdict.NO
    return state, RuleVerdict.from_condition(moment.at_ns - state.at_ns >= limits.span_ns)


def due_heartbeat(limits: HeartbeatLimits, state: AbsenceState) -> int | None:
    """When it has been silent for too long."""
    return None if state.at_ns is None else state.at_ns + limits.span_ns


def describe(limits: StateLimits, _unit: str, say: Sentences) -> Iterator[str]:
    yield say("alarms.mean-state", value=values_text(limits.values, say))


def describe_count(limits: CountLimits, _unit: str, say: Sentences) -> Iterator[str]:
    span, value = say.span(limits.span_ns / S), values_text(limits.values, say)
    yield say("alarms.mean-count", span=span, n=limits.times, value=value)


def describe_absence(limits: AbsenceLimits, _unit: str, say: Sentences) -> Iterator[str]:
    span, value = say.span(limits.span_ns / S), values_text(limits.values, say)
    yield say("alarms.mean-unseen", span=span, value=value)


def describe_heartbeat(limits: HeartbeatLimits, _unit: str, say: Sentences) -> Iterator[str]:
    yield say("alarms.mean-unheard", span=say.span(limits.span_ns / S))


STATE = RuleKind("state", StateOptions, NoState, prepare, step, describe=describe)
COUNT = RuleKind(
    "count", CountOptions, CountState, prepare_count, step_count, due_count, describe=describe_count
)
ABSENCE = RuleKind(
    "absence",
    AbsenceOptions,
    AbsenceState,
    prepare_absence,
    step_absence,
    due_absence,
    describe=describe_absence,
)
HEARTBEAT = RuleKind(
    "heartbeat",
    HeartbeatOptions,
    AbsenceState,
    prepare_heartbeat,
    step_heartbeat,
    due_heartbeat,
    forgets_restart=True,
    describe=describe_heartbeat,
)
KINDS = (STATE, COUNT, ABSENCE, HEARTBEAT)
