"""What does not change: a counter that stands still or never rests, a value that stays the same."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from drivers.contract import Value
from gateway.calendar import Calendar
from gateway.rules.kinds import quantities
from gateway.rules.kinds.band import Quantity
from gateway.rules.kinds.kind import (
    PointInfo,
    RuleInstant,
    RuleKind,
    RuleVerdict,
    S,
    Sentences,
    amount_text,
    as_number,
)

# Tolerance for the difference of two counts.
ROUNDING = 1e-9

Seconds = Annotated[float, msgspec.Meta(ge=1, le=31 * 86_400)]


class IdleCounterOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """It gains less than `least` in `still_s` (nobody uses any)."""

    still_s: Seconds
    least: Quantity = 0.0


class IdleCounterLimits(msgspec.Struct, frozen=True):
    """How long, and what counts as use, in the counter's unit."""

    span_ns: int
    least: float


class IdleCounterState(msgspec.Struct, frozen=True, array_like=True):
    """The count at which it last moved, and when; and whether it ever did."""

    count: float | None = None
    at_ns: int = 0


def prepare_idle_counter(
    options: IdleCounterOptions, point: PointInfo, _: Calendar
) -> IdleCounterLimits:
    return IdleCounterLimits(
        round(options.still_s * S), quantities.parse_difference(options.least, point.unit)
    )


def step_idle_counter(
    limits: IdleCounterLimits, state: IdleCounterState, value: Value, moment: RuleInstant
) -> tuple[IdleCounterState, RuleVerdict]:
    """The counter itself bridges a gap in the readings: what it gained there was used there."""
    count = as_number(value)
    if count is None:
        return state, RuleVerdict.UNSURE
    gained = 0.0 if state.count is None else count - state.count
    if state.count is None or gained < 0 or (gained and gained > limits.least - ROUNDING):
        return IdleCounterState(count, moment.at_ns), RuleVerdict.NO
    return state, RuleVerdict.from_condition(moment.at_ns - state.at_ns >= limits.span_ns)


class RunningOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """It has run for `running_s` without resting for `pause_s` (left running by mistake)."""

    running_s: Seconds
    pause_s: Seconds = 900.0


class RunningLimits(msgspec.Struct, frozen=True):
    """Both spans."""

    running_ns: int
    pause_ns: int


class RunningState(msgspec.Struct, frozen=True, array_like=True):
    """The count, when it last moved, and since when it has not rested."""

    count: float | None = None
    moved_ns: int = 0
    since_ns: int | None = None


def prepare_running(options: RunningOptions, _: PointInfo, __: Calendar) -> RunningLimits:
    return RunningLimits(round(options.running_s * S), round(options.pause_s * S))


def step_running(
    limits: RunningLimits, state: RunningState, value: Value, moment: RuleInstant
) -> tuple[RunningState, RuleVerdict]:
    """A rest that is long enough ends the run."""
    count = as_number(value)
    if count is None:
        return state, RuleVerdict.UNSURE
    now_ns = moment.at_ns
    if state.count is None or count < state.count:
        return RunningState(count, now_ns), RuleVerdict.UNSURE
    if count > state.count:
        rested = state.since_ns is None or now_ns - state.moved_ns > limits.pause_ns
        state = RunningState(count, now_ns, now_ns if rested else state.since_ns)
    elif now_ns - state.moved_ns > limits.pause_ns and state.since_ns is not None:
        state = RunningState(count, state.moved_ns)
    since_ns = state.since_ns
    return state, RuleVerdict.from_condition(
        since_ns is not None and now_ns - since_ns >= limits.running_ns
    )


class StuckOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Exactly the same value for `same_s`, though the measured quantity always fluctuates.

    `except_values`: values at which it may rest (a flow of 0).
    """

    same_s: Seconds
    except_values: tuple[float, ...] = ()


class StuckLimits(msgspec.Struct, frozen=True):
    """How long, and where it may rest."""

    span_ns: int
    except_values: frozenset[float]


class StuckState(msgspec.Struct, frozen=True, array_like=True):
    """The value, and since when."""

    value: float | bool | str | None = None
    since_ns: int = 0


def prepare_stuck(options: StuckOptions, _: PointInfo, __: Calendar) -> StuckLimits:
    return StuckLimits(round(options.same_s * S), frozenset(options.except_values))


def step_stuck(
    limits: StuckLimits, state: StuckState, value: Value, moment: RuleInstant
) -> tuple[StuckState, RuleVerdict]:
    """Any change starts again."""
    if value is None:
        return state, RuleVerdict.UNSURE
    if value != state.value:
        return StuckState(value, moment.at_ns), RuleVerdict.NO
    may_rest = value in limits.except_values
    long = moment.at_ns - state.since_ns >= limits.span_ns
    return state, RuleVerdict.from_condition(long and not may_rest)


def describe_idle_counter(limits: IdleCounterLimits, unit: str, say: Sentences) -> Iterator[str]:
    span = say.span(limits.span_ns / S)
    yield say("alarms.mean-still", span=span, least=amount_text(limits.least, unit))


def describe_running(limits: RunningLimits, _unit: str, say: Sentences) -> Iterator[str]:
    span, pause = (say.span(ns / S) for ns in (limits.running_ns, limits.pause_ns))
    yield say("alarms.mean-running", span=span, pause=pause)


def describe_stuck(limits: StuckLimits, _unit: str, say: Sentences) -> Iterator[str]:
    yield say("alarms.mean-stuck", span=say.span(limits.span_ns / S))


COUNTER = RuleKind(
    "counter-still",
    IdleCounterOptions,
    IdleCounterState,
    prepare_idle_counter,
    step_idle_counter,
    describe=describe_idle_counter,
)
RUNNING = RuleKind(
    "counter-running",
    RunningOptions,
    RunningState,
    prepare_running,
    step_running,
    forgets_gap=True,
    forgets_cut=True,
    describe=describe_running,
)
STUCK = RuleKind(
    "stuck",
    StuckOptions,
    StuckState,
    prepare_stuck,
    step_stuck,
    forgets_gap=True,
    describe=describe_stuck,
)
KINDS = (COUNTER, RUNNING, STUCK)
