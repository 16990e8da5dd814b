"""The curve that raised an alarm: the last hour of its point, the limit, the crossing.

The hour is what the station keeps in memory for its live page: nothing is read from disk. A
crossing before that hour is mentioned in words and not drawn.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from gateway.desk.alarms.condition_text import limit_unit
from gateway.health import PointVitals, Vitals
from gateway.rules.alarm import Evidence
from gateway.rules.kinds import S, threshold
from gateway.rules.rule import Watch
from gateway.web import sparkline
from gateway.web.page_header import wall_text

X_LABELS = 5
WIDTH, HEIGHT = 1000, 300
MINUTES_FROM_S = 600


class Plot(NamedTuple):
    """The drawing: paths over a box of 1000 by 300, and the labels of both axes."""

    path: str
    limits: tuple[str, ...]
    crossed: str
    y: tuple[str, ...]
    x: tuple[str, ...]
    crossed_ago_s: float | None


def limits_of(watch: Watch) -> tuple[float, ...]:
    """The limits for a value or a rate; none if a time is judged."""
    limits = watch.limits
    if not isinstance(limits, threshold.ThresholdLimits):
        return ()
    return tuple(limit for limit in (limits.band.above, limits.band.below) if limit is not None)


def point_of(vitals: Vitals, evidence: Evidence | None) -> PointVitals | None:
    """The point that raised it, if it is still polled and has a curve."""
    if evidence is None:
        return None
    for device in vitals.devices:
        if device.id == evidence.device:
            found = (p for p in device.points if p.id == evidence.point)
            point = next(found, None)
            known = point is not None and any(sample is not None for sample in point.spark)
            return point if known else None
    return None


def judged_quantity(watch: Watch, point: PointVitals) -> PointVitals:
    """The judged quantity: the point's value, or its rate if the rate has a limit."""
    limits = watch.limits
    if not isinstance(limits, threshold.ThresholdLimits) or limits.span_ns is None:
        return point
    spark = hourly_gain(point.spark, point.spark_step_s, limits.span_ns / S)
    now = next((each for each in reversed(spark) if each is not None), None)
    unit = limit_unit(watch)
    return msgspec.structs.replace(point, spark=spark, unit=unit, value=now)


def hourly_gain(
    samples: Sequence[float | None], step_s: float, over_s: float
) -> tuple[float | None, ...]:
    """A counter's gain per hour, over the span that ends at each of its samples.

    None where the counter went back, and before the span is known.
    """
    reach = max(1, round(over_s / step_s))
    found: list[float | None] = []
    for at, last in enumerate(samples):
        span = [i for i in range(max(0, at - reach), at) if samples[i] is not None]
        first = samples[span[0]] if span else None
        known = first is not None and last is not None and last >= first
        hours = (at - span[0]) * step_s / 3600 if span else 1.0
        found.append(round((last - first) / hours, 3) if known else None)  # type: ignore[operator]  # just looked
    return tuple(found)


def plot_point(
    vitals: Vitals, point: PointVitals, limits: Sequence[float], raised_ago_s: float
) -> Plot:
    """The point's last hour, with the cause of the alarm marked."""
    samples = point.spark
    scale = sparkline.axis_scale([*samples, *limits])
    span_s = point.spark_step_s * max(1, len(samples) - 1)
    at = crossing_index(samples, limits, len(samples) - 1 - raised_ago_s / point.spark_step_s)
    tall = HEIGHT / (scale.high - scale.low)
    step = WIDTH / max(1, len(samples) - 1)
    mark, ago_s = "", None
    if at is not None and (value := samples[at]) is not None:
        mark = f"M{at * step:.4g} {HEIGHT - (value - scale.low) * tall:.4g}h0"
        ago_s = (len(samples) - 1 - at) * point.spark_step_s
    return Plot(
        path=sparkline.curve_path(samples, scale.low, scale.high, sparkline.PLOT),
        limits=tuple(f"M0 {HEIGHT - (limit - scale.low) * tall:.4g}H{WIDTH}" for limit in limits),
        crossed=mark,
        y=scale.labels,
        x=tuple(_x_labels(vitals, span_s)),
        crossed_ago_s=ago_s,
    )


def crossing_index(
    samples: Sequence[float | None], limits: Sequence[float], raised: float
) -> int | None:
    """The first sample of the stretch that led to the alarm; None if it is older than the curve.

    Without a limit for the samples: the sample at which the alarm was raised.
    """
    last = min(len(samples) - 1, round(raised))
    while last >= 0 and samples[last] is None:
        last -= 1
    if last < 0:
        return None
    value = samples[last]
    assert value is not None
    limit = _nearest(value, limits)
    if limit is None:
        return last
    above, first = value >= limit, last
    while first > 0 and (before := samples[first - 1]) is not None and (before >= limit) is above:
        first -= 1
    return first if first > 0 else None


def _nearest(value: float, limits: Sequence[float]) -> float | None:
    return min(limits, key=lambda limit: abs(value - limit), default=None)


def _x_labels(vitals: Vitals, span_s: float) -> Iterator[str]:
    form = "%H:%M" if span_s >= MINUTES_FROM_S else "%H:%M:%S"
    wall_ns: Any = vitals.clock.wall_ns
    for i in range(X_LABELS):
        ago_ns = int(span_s * (X_LABELS - 1 - i) / (X_LABELS - 1) * 1e9)
        yield wall_text(None if wall_ns is None else wall_ns - ago_ns, vitals.timezone, form)
