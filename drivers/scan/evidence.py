"""Whether values fit what a model says they are. Pure.

Registers have no names: the same two hold a voltage in one meter and a serial number in another.
Evidence for a model is a value that is unlikely to be there by chance, such as 50.02 Hz.
"""

from collections.abc import Iterable

from drivers.contract import Point, Quality, Sample

# One such value excludes the model.
IMPOSSIBLE = -100.0

# No measured value is smaller; integers read as floats often are.
_TINY = 1e-6

# For each unit the lowest and highest plausible value, and the weight of such a value.
_BANDS: dict[str, tuple[float, float, float]] = {
    "Hz": (45, 65, 4),
    "V": (60, 480, 3),
    "Cel": (-60, 180, 1.5),
    "%": (0, 100, 1),
    "A": (-10_000, 10_000, 1),
    "W": (-5e6, 5e6, 1),
    "kW": (-5e4, 5e4, 1),
    "V.A": (-5e6, 5e6, 1),
    "var": (-5e6, 5e6, 1),
    "kW.h": (0, 1e9, 1),
    "m3/h": (-1e5, 1e5, 1),
    "L/h": (-1e7, 1e7, 1),
    "m3": (-1e9, 1e9, 1),
    "GJ": (0, 1e8, 1),
}

# A plausible floating-point value is seldom a coincidence.
_MEASURED_FLOAT = 1.0

_COUNTED = 0.5
_SWITCH = 0.1
_NOTHING_WHERE_MUCH_WAS_SAID = -0.5


def weight(sample: Sample) -> float:
    """The weight of one value as evidence for its model; `IMPOSSIBLE` against it."""
    point, value = sample.point, sample.value
    if sample.quality is Quality.OUT_OF_RANGE:
        return IMPOSSIBLE
    if value is None or sample.quality is not Quality.GOOD:
        return _NOTHING_WHERE_MUCH_WAS_SAID
    if isinstance(value, bool):
        return _SWITCH
    if isinstance(value, str):
        return _COUNTED if value.isprintable() and value else 0.0
    return _of_number(point, float(value), sample.count)


def _of_number(point: Point, value: float, count: float | None) -> float:
    floating = point.type in {"f32", "f64"}
    if floating and count is not None and 0 < abs(count) < _TINY:
        return IMPOSSIBLE
    low, high, speaks = _BANDS.get(point.unit, (-1e12, 1e12, _COUNTED))
    if value == 0:
        return _NOTHING_WHERE_MUCH_WAS_SAID if point.unit in {"V", "Hz"} else 0.0
    if not low <= value <= high:
        return IMPOSSIBLE
    return speaks + (_MEASURED_FLOAT if floating else 0.0)


def score(samples: Iterable[Sample]) -> float:
    """The weight of all values together."""
    return sum(map(weight, samples))
