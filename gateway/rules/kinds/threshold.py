"""Above or below a limit, with hysteresis; for a counter, its rate."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from drivers.contract import Value
from gateway.calendar import Calendar
from gateway.errors import UsageError
from gateway.rules.kinds import quantities
from gateway.rules.kinds.band import Band, Quantity
from gateway.rules.kinds.kind import Kind, Moment, Point, S, Sentences, Verdict, amount_text, number
from gateway.rules.kinds.slope import Samples, add, per_hour


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`above` and `below` are the limits; `hysteresis` is how far it must come back.

    A limit in `m3/h` on a counter in `m3` is its rate over the last `over_s`.
    """

    above: Quantity | None = None
    below: Quantity | None = None
    hysteresis: Quantity = 0.0
    over_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 1800.0


class Limits(msgspec.Struct, frozen=True):
    """The limits in the point's unit; `span_ns` if the rate of a counter is meant."""

    band: Band
    span_ns: int | None


class State(msgspec.Struct, frozen=True, array_like=True):
    """The side on which it is beyond (-1, 0, 1), and the samples for a counter's rate."""

    side: int = 0
    samples: Samples = ()


def prepare(options: Options, point: Point, _: Calendar) -> Limits:
    given = [limit for limit in (options.above, options.below) if limit is not None]
    if not given:
        raise UsageError("rules.no-limit", keys="above, below")
    paced = point.counter and all(quantities.per_hour(limit, point.unit) for limit in given)
    unit = quantities.PER_HOUR[point.unit] if paced else point.unit
    band = Band.of(options.above, options.below, options.hysteresis, unit)
    return Limits(band, round(options.over_s * S) if paced else None)


def step(
    limits: Limits, state: State, value: Value, moment: Moment
) -> tuple[State, Verdict]:  # see `RuleKind`
    """Compare; a value that is not a number gives no verdict."""
    measured = number(value)
    if measured is None:
        return state, Verdict.UNSURE
    samples = state.samples
    if limits.span_ns is not None:
        samples = add(samples, moment.at_ns, measured, limits.span_ns)
        measured = per_hour(samples, limits.span_ns)
        if measured is None:
            back = samples[-1][1] < samples[0][1]  # replaced or reset: start again
            return State(state.side, samples[-1:] if back else samples), Verdict.UNSURE
    side = limits.band.side(measured, state.side)
    if side == state.side and samples is state.samples:
        return state, Verdict.of(side)
    return State(side, samples), Verdict.of(side)


def describe(limits: Limits, unit: str, say: Sentences) -> Iterator[str]:
    """`above 3 m³/h`."""
    if limits.band.above is not None:
        yield say("alarms.mean-above", limit=amount_text(limits.band.above, unit))
    if limits.band.below is not None:
        yield say("alarms.mean-below", limit=amount_text(limits.band.below, unit))


KIND = Kind("threshold", Options, State, prepare, step, forgets_cut=True, describe=describe)
KINDS = (KIND,)
