"""Compares the station's value with what a person reads off the meter's display. Pure.

A display rounds, and a load moves between two looks; a wrong ratio, word order or scale is off by
far more. So a small difference is allowed, and for a larger one the factor hints at the cause.
"""

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from gateway.errors import UsageError
from gateway.health import PointVitals

# The share by which a load may change between two looks.
FORGIVEN = 0.05

# Units of counters: they hardly move, so only the display's last digits are allowed for.
COUNTED = frozenset({"kW.h", "W.h", "m3", "L", "GJ", "var.h"})

COUNTED_FORGIVEN = 0.001

FACTORS = (0.001, 0.01, 0.1, 10.0, 100.0, 1000.0)
CHARACTERS_MAX = 20

# Enough values of a meter to tell a wrong model, ratio or word order from the right one.
COMPARED = 3


class MeterComparison(NamedTuple):
    """The verdict; `factor` is by how much the station's value is too large, if clear."""

    verdict: Literal["agrees", "differs"]
    factor: float | None = None


def parse_display(text: str) -> tuple[float, float]:
    """The number entered and half of its last digit; UsageError if it is not a number."""
    plain = text.strip().replace(",", "").replace("，", "").replace("。", ".")
    try:
        value = float(plain)
    except ValueError:
        raise UsageError("setup.no-number", text=text[:CHARACTERS_MAX]) from None
    if len(plain) > CHARACTERS_MAX or value in (float("inf"), float("-inf")) or value != value:  # noqa: PLR0124  # NaN
        raise UsageError("setup.no-number", text=text[:CHARACTERS_MAX])
    _, _, decimals = plain.partition(".")
    return value, 0.5 * 10.0 ** -len(decimals)


def compare_display(ours: float, shown: float, half_digit: float, unit: str) -> MeterComparison:
    """Compare the station's value with the display's."""
    if _near(ours, shown, half_digit, unit):
        return MeterComparison("agrees")
    for factor in FACTORS:
        if shown and _near(ours / factor, shown, half_digit, unit):
            return MeterComparison("differs", factor)
    return MeterComparison("differs")


def first_compared(
    points: Sequence[PointVitals], recorded: Collection[str]
) -> tuple[list[PointVitals], list[PointVitals]]:
    """The points of a device to compare first, and the others.

    First its main value, a counter and a third one; what is wired to an input or was compared
    before stays visible. `recorded` are ids.
    """
    numbers = [each for each in points if not each.kind and not isinstance(each.value, bool | str)]
    counted = [each.id for each in numbers[1:] if each.unit in COUNTED]
    ids = [each.id for each in numbers]
    chosen = list(dict.fromkeys([*ids[:1], *counted[:1], *ids]))[:COMPARED]
    shown = [each for each in points if each.kind or each.id in chosen or each.id in recorded]
    if not numbers:
        return list(points), []
    return shown, [each for each in points if each not in shown]


def _near(ours: float, shown: float, half_digit: float, unit: str) -> bool:
    share = COUNTED_FORGIVEN if unit in COUNTED else FORGIVEN
    return abs(ours - shown) <= max(2 * half_digit, share * abs(shown))
