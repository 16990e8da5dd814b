"""Above or below a limit, with hysteresis; for a counter, its rate."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from drivers.contract import Value
from gateway.calendar import Calendar
from gateway.errors import UsageError
from gateway.rules.kinds import quantities
from gateway.rules.kinds.band import BandLimits, Quantity
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
from gateway.rules.kinds.slope import Samples, add_sample, gain_per_hour


class ThresholdOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`above` and `below` are the limits; `hysteresis` is how far it must come back.

    A limit in `m3/h` on a counter in `m3` is its rate over the last `over_s`.
    """

    above: Quantity | None = None
    below: Quantity | None = None
    hysteresis: Quantity = 0.0
    over_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 1800.0


class ThresholdLimits(msgspec.Struct, frozen=True):
    """The limits in the point's unit; `span_ns` if the rate of a counter is meant."""

    band: BandLimits
    span_ns: int | None


class ThresholdState(msgspec.Struct, frozen=True, array_like=True):
    """The side on which it is beyond (-1, 0, 1), and the samples for a counter's rate."""

    side: int = 0
    samples: Samples = ()


def prepare(options: ThresholdOptions, point: PointInfo, _: Calendar) -> ThresholdLimits:
    given = [limit for limit in (options.above, options.below) if limit is not None]
    if not given:
        raise UsageError("rules.no-limit", keys="above, below")
    paced = point.counter and all(quantities.is_hourly_rate(limit, point.unit) for limit in given)
    unit = quantities.PER_HOUR[point.unit] if paced else point.unit
    band = BandLimits.from_settings(options.above, options.below, options.hysteresis, unit)
    return ThresholdLimits(band, round(options.over_s * S) if paced else None)


def step(
    limits: ThresholdLimits, state: ThresholdState, value: Value, moment: RuleInstant
) -> tuple[ThresholdState, RuleVerdict]:  # see `RuleKind`
    """Compare; a value that is not a number gives no verdict."""
    measured = as_number(value)
    if measured is None:
        return state, RuleVerdict.UNSURE
    samples = state.samples
    if limits.span_ns is not None:
        samples = add_sample(samples, moment.at_ns, measured, limits.span_ns)
        measured = gain_per_hour(samples, limits.span_ns)
        if measured is None:
            back = samples[-1][1] < samples[0][1]  # replaced or reset: start again
            return ThresholdState(state.side, samples[-1:] if back else samples), RuleVerdict.UNSURE
    side = limits.band.side(measured, state.side)
    if side == state.side and samples is state.samples:
        return state, RuleVerdict.from_condition(side)
    return ThresholdState(side, samples), RuleVerdict.from_condition(side)


def describe(limits: ThresholdLimits, unit: str, say: Sentences) -> Iterator[str]:
    """`above 3 m³/h`."""
    if limits.band.above is not None:
        yield say("alarms.mean-above", limit=amount_text(limits.band.above, unit))
    if limits.band.below is not None:
        yield say("alarms.mean-below", limit=amount_text(limits.band.below, unit))


KIND = RuleKind(
    "threshold",
    ThresholdOptions,
    ThresholdState,
    prepare,
    step,
    forgets_cut=True,
    describe=describe,
)
KINDS = (KIND,)
