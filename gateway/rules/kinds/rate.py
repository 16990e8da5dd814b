"""A value that rises or falls too fast."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from drivers.contract import Value
from gateway.calendar import Calendar
from gateway.errors import UsageError
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
from gateway.rules.kinds.slope import Samples, add_sample


class RateOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """More than `rise` or `fall` within `within_s`."""

    rise: Quantity | None = None
    fall: Quantity | None = None
    within_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 600.0


class RateLimits(msgspec.Struct, frozen=True):
    """The differences in the point's unit."""

    rise: float | None
    fall: float | None
    span_ns: int


class RateState(msgspec.Struct, frozen=True, array_like=True):
    """The samples of the last `within_s`."""

    samples: Samples = ()


def prepare(options: RateOptions, point: PointInfo, _: Calendar) -> RateLimits:
    if options.rise is None and options.fall is None:
        raise UsageError("rules.no-limit", keys="rise, fall")
    rise, fall = (
        None if limit is None else quantities.parse_difference(limit, point.unit)
        for limit in (options.rise, options.fall)
    )
    return RateLimits(rise, fall, round(options.within_s * S))


def step(
    limits: RateLimits, state: RateState, value: Value, moment: RuleInstant
) -> tuple[RateState, RuleVerdict]:
    """Compare the newest value with the lowest and the highest of the window."""
    measured = as_number(value)
    if measured is None:
        return state, RuleVerdict.UNSURE
    samples = add_sample(state.samples, moment.at_ns, measured, limits.span_ns)
    inside = [each for at_ns, each in samples if moment.at_ns - at_ns <= limits.span_ns]
    risen = limits.rise is not None and measured - min(inside) > limits.rise
    fallen = limits.fall is not None and max(inside) - measured > limits.fall
    return RateState(samples), RuleVerdict.from_condition(risen or fallen)


def describe(limits: RateLimits, unit: str, say: Sentences) -> Iterator[str]:
    """`rises by 5 °C within 10 min`."""
    span = say.span(limits.span_ns / S)
    if limits.rise is not None:
        yield say("alarms.mean-rise", span=span, limit=amount_text(limits.rise, unit))
    if limits.fall is not None:
        yield say("alarms.mean-fall", span=span, limit=amount_text(limits.fall, unit))


KIND = RuleKind(
    "rate",
    RateOptions,
    RateState,
    prepare,
    step,
    forgets_gap=True,
    forgets_cut=True,
    describe=describe,
)
KINDS = (KIND,)
