"""The value of a contact or text; how often; when last; and whether anything was read at all."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from drivers.contract import Value
from gateway.calendar import Calendar
from gateway.rules.kinds.kind import Kind, Moment, Point, S, Sentences, Verdict, values_text
from gateway.rules.kinds.still import Seconds

Word = bool | int | str


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The condition holds while the value is `value` (or one of them).

    For a contact, true means active, however it is wired.
    """

    value: Word | tuple[Word, ...] = True


class Limits(msgspec.Struct, frozen=True):
    """The values that count."""

    values: frozenset[Word]


class Nothing(msgspec.Struct, frozen=True, array_like=True):
    """The state of a kind that remembers nothing."""


def _limits(options: Any, point: Point) -> frozenset[Word]:
    values = options.value if isinstance(options.value, tuple) else (options.value,)
    flipped = point.inverted and all(isinstance(value, bool) for value in values)
    return frozenset(not value for value in values) if flipped else frozenset(values)


def prepare(options: Options, point: Point, _: Calendar) -> Limits:
    """Inverted if the contact is closed when all is well."""
    return Limits(_limits(options, point))


def step(limits: Limits, state: Nothing, value: Value, _: Moment) -> tuple[Nothing, Verdict]:
    if value is None:
        return state, Verdict.UNSURE
    return state, Verdict.of(value in limits.values)


TIMES_MAX = 100

# A device may miss three answers in a row before it counts as silent.
PERIODS_MIN = 4


class CountOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """It has become `value` at least `times` within `within_s`."""

    times: Annotated[int, msgspec.Meta(ge=2, le=TIMES_MAX)]
    within_s: Seconds
    value: Word | tuple[Word, ...] = True


class CountLimits(msgspec.Struct, frozen=True):
    """How often in what time, and what counts."""

    values: frozenset[Word]
    times: int
    span_ns: int


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """When it became so, at most `times` instants; and whether it is so now."""

    edges_ns: tuple[int, ...] = ()
    there: bool = True


def prepare_count(options: CountOptions, point: Point, _: Calendar) -> CountLimits:
    return CountLimits(_limits(options, point), options.times, round(options.within_s * S))


def step_count(
    limits: CountLimits, state: Counted, value: Value, moment: Moment
) -> tuple[Counted, Verdict]:
    """The first reading is not a change."""
    there = state.there if value is None else value in limits.values
    edges = state.edges_ns
    if there and not state.there:
        edges = (*edges, moment.at_ns)[-limits.times :]
    if edges and moment.at_ns - edges[0] >= limits.span_ns:
        edges = tuple(at for at in edges if moment.at_ns - at < limits.span_ns)
    return Counted(edges, there), Verdict.of(len(edges) >= limits.times)


def due_count(limits: CountLimits, state: Counted) -> int | None:
    """When the first of them becomes too old to count."""
    return state.edges_ns[0] + limits.span_ns if state.edges_ns else None


class SeenOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """It has not been `value` for `unseen_s` (a door that nobody opens)."""

    unseen_s: Seconds
    value: Word | tuple[Word, ...] = True


class SeenLimits(msgspec.Struct, frozen=True):
    """How long, and what is missed."""

    values: frozenset[Word]
    span_ns: int


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """When it was last seen, or the watch began."""

    at_ns: int | None = None


def prepare_seen(options: SeenOptions, point: Point, _: Calendar) -> SeenLimits:
    return SeenLimits(_limits(options, point), round(options.unseen_s * S))


def step_seen(
    limits: SeenLimits, state: Seen, value: Value, moment: Moment
) -> tuple[Seen, Verdict]:
    """Seen again, the condition ends at once."""
    if value is not None and value in limits.values:
        return Seen(moment.at_ns), Verdict.NO
    if state.at_ns is None:
        return Seen(moment.at_ns), Verdict.UNSURE
    return state, Verdict.of(moment.at_ns - state.at_ns >= limits.span_ns)


def due_seen(limits: SeenLimits, state: Seen) -> int | None:
    """When it has been absent for too long."""
    return None if state.at_ns is None else state.at_ns + limits.span_ns


class HeardOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """No good reading for `silent_s`, and for at least four of the device's own periods."""

    silent_s: Seconds


class HeardLimits(msgspec.Struct, frozen=True):
    """How long."""

    span_ns: int


def prepare_heard(options: HeardOptions, point: Point, _: Calendar) -> HeardLimits:
    """One spoilt answer of a device that is polled every ten minutes is not silence."""
    return HeardLimits(round(max(options.silent_s, PERIODS_MIN * (point.every_s or 0)) * S))


def step_heard(
    limits: HeardLimits, state: Seen, value: Value, moment: Moment
) -> tuple[Seen, Verdict]:
    """Any value ends the silence."""
    if state.at_ns is None or value is not None:
        return Seen(moment.at_ns), Verdict.UNSURE if value is None else Verdict.NO
    return state, Verdict.of(moment.at_ns - state.at_ns >= limits.span_ns)


def due_heard(limits: HeardLimits, state: Seen) -> int | None:
    """When it has been silent for too long."""
    return None if state.at_ns is None else state.at_ns + limits.span_ns


def describe(limits: Limits, _unit: str, say: Sentences) -> Iterator[str]:
    yield say("alarms.mean-state", value=values_text(limits.values, say))


def describe_count(limits: CountLimits, _unit: str, say: Sentences) -> Iterator[str]:
    span, value = say.span(limits.span_ns / S), values_text(limits.values, say)
    yield say("alarms.mean-count", span=span, n=limits.times, value=value)


def describe_seen(limits: SeenLimits, _unit: str, say: Sentences) -> Iterator[str]:
    span, value = say.span(limits.span_ns / S), values_text(limits.values, say)
    yield say("alarms.mean-unseen", span=span, value=value)


def describe_heard(limits: HeardLimits, _unit: str, say: Sentences) -> Iterator[str]:
    yield say("alarms.mean-unheard", span=say.span(limits.span_ns / S))


STATE = Kind("state", Options, Nothing, prepare, step, describe=describe)
COUNT = Kind(
    "count", CountOptions, Counted, prepare_count, step_count, due_count, describe=describe_count
)
ABSENCE = Kind(
    "absence", SeenOptions, Seen, prepare_seen, step_seen, due_seen, describe=describe_seen
)
HEARTBEAT = Kind(
    "heartbeat",
    HeardOptions,
    Seen,
    prepare_heard,
    step_heard,
    due_heard,
    forgets_restart=True,
    describe=describe_heard,
)
KINDS = (STATE, COUNT, ABSENCE, HEARTBEAT)
