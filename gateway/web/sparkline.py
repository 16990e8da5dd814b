"""Draws the last hour as an SVG path. Pure: numbers in, text out; a missing value is a break."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

Samples = Sequence[float | None]

# Width, height and the margin above and below, as `parts.css` draws `.spark`.
SPARK = (100, 28, 4)

PLOT = (1000, 300, 0)
INTERVALS = 3
CURVES_KEPT = 512
NICE = (1, 2, 2.5, 5, 10)


class AxisScale(NamedTuple):
    """The axis of a plot: its ends, and a label for each line, highest first."""

    low: float
    high: float
    labels: tuple[str, ...]


@lru_cache(maxsize=CURVES_KEPT)
def spark_path(samples: tuple[float | None, ...]) -> str:
    """A small curve without axes that fills its box; a constant value lies in the middle.

    Cached: a view is made every second, while a curve grows every half minute, and drawing took
    nine tenths of the time.
    """
    known = [s for s in samples if s is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    if low == high:
        low, high = low - 1, high + 1
    return curve_path(samples, low, high, SPARK)


def curve_path(samples: Samples, low: float, high: float, box: tuple[int, int, int]) -> str:
    """The curve over `box`, oldest left; `low` lies at the bottom and `high` at the top."""
    width, height, margin = box
    step = width / max(1, len(samples) - 1)
    tall = (height - 2 * margin) / (high - low)
    parts, pen = [], "M"
    for i, sample in enumerate(samples):
        if sample is None:
            pen = "M"
            continue
        y = height - margin - (sample - low) * tall
        parts.append(f"{pen}{i * step:.4g} {y:.4g}")
        pen = "L"
    return "".join(parts)


def axis_scale(samples: Samples) -> AxisScale:
    """An axis of round figures that contains every sample."""
    known = [s for s in samples if s is not None] or [0.0]
    low, high = min(known), max(known)
    if low == high:
        low, high = low - abs(low) / 10 - 0.5, high + abs(high) / 10 + 0.5
    step = _step(low, high)
    base = math.floor(low / step) * step
    digits = max(0, -math.floor(math.log10(step) + 1e-9) + (1 if _is_quarter(step) else 0))
    marks = [base + step * i for i in range(INTERVALS, -1, -1)]
    return AxisScale(base, marks[0], tuple(f"{mark + 0.0:,.{digits}f}" for mark in marks))


def _step(low: float, high: float) -> float:
    """The smallest round step whose intervals reach from below `low` to above `high`."""
    power = 10.0 ** math.floor(math.log10((high - low) / INTERVALS))
    for factor in (*NICE, 20):
        step = factor * power
        if math.floor(low / step) * step + INTERVALS * step >= high:
            return step
    return 50 * power


def _is_quarter(step: float) -> bool:
    return math.isclose(step / 10 ** math.floor(math.log10(step) + 1e-9), 2.5)
