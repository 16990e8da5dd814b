"""Quantities as people write them (`0.05 m3/h`), in the unit of the point. Pure."""

import re

from gateway.errors import UsageError

_WRITTEN = re.compile(r"\s*(?P<number>[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)\s*(?P<unit>\S.*?)?\s*")

# UCUM units that differ by a factor only, with what they measure.
_FACTORS: dict[str, tuple[str, float]] = {
    "W": ("power", 1.0),
    "kW": ("power", 1e3),
    "MW": ("power", 1e6),
    "W.h": ("energy", 1.0),
    "kW.h": ("energy", 1e3),
    "MW.h": ("energy", 1e6),
    "V.A": ("apparent power", 1.0),
    "kV.A": ("apparent power", 1e3),
    "MV.A": ("apparent power", 1e6),
    "V": ("voltage", 1.0),
    "kV": ("voltage", 1e3),
    "mV": ("voltage", 1e-3),
    "A": ("current", 1.0),
    "mA": ("current", 1e-3),
    "m3": ("volume", 1.0),
    "L": ("volume", 1e-3),
    "m3/h": ("flow", 1.0),
    "L/h": ("flow", 1e-3),
    "L/min": ("flow", 0.06),
    "L/s": ("flow", 3.6),
    "g/L": ("density", 1.0),
    "mg/L": ("density", 1e-3),
    "[ppm]": ("share", 1e-6),
    "%": ("share", 1e-2),
}

# Differences of temperatures are in kelvin, whatever the scale of the readings.
_DIFFERENCE = {"Cel": "K"}

# A counter's unit divided by hours.
PER_HOUR = {"m3": "m3/h", "L": "L/h", "W.h": "W", "kW.h": "kW", "MW.h": "MW"}


def split_quantity(written: str | float) -> tuple[float, str | None]:
    """Number and unit of a quantity; unit None for a bare number. UsageError if it is neither."""
    if isinstance(written, int | float):
        return float(written), None
    match = _WRITTEN.fullmatch(written)
    if match is None:
        raise UsageError("rules.no-quantity", written=written)
    return float(match["number"]), match["unit"]


def parse_amount(written: str | float, unit: str) -> float:
    """The quantity in that unit, which a bare number has already; UsageError if impossible."""
    number, own = split_quantity(written)
    if own is None or own == unit:
        return number
    here, there = _FACTORS.get(own), _FACTORS.get(unit)
    if here is None or there is None or here[0] != there[0]:
        raise UsageError("rules.wrong-unit", written=written, unit=unit)
    return number * here[1] / there[1]


def parse_difference(written: str | float, unit: str) -> float:
    """Like `parse_amount`, for a difference of two values in that unit."""
    return parse_amount(written, _DIFFERENCE.get(unit, unit))


def parse_share_or_difference(written: str | float, of: float, unit: str) -> float:
    """A difference, or with `%` that share of `of` (unless the unit is a percentage itself)."""
    number, own = split_quantity(written)
    if own == "%" and unit != "%":
        return abs(of) * number / 100
    return parse_difference(written, unit)


def is_hourly_rate(written: str | float, unit: str) -> bool:
    """Whether the quantity is a flow, per hour, of what a counter in that unit counts."""
    own = split_quantity(written)[1]
    flow = PER_HOUR.get(unit)
    if own is None or flow is None or own not in _FACTORS:
        return False
    return own != unit and _FACTORS[own][0] == _FACTORS[flow][0]
