"""How an emulated meter's values move: a daily load curve, growing counters, seeded noise.

A motion is a function of the time and of the last value. It is evaluated when the meter is read, so
a meter that nobody reads costs nothing.
"""

import dataclasses
import math
import random

from drivers.contract import Point, Value

DAY_S = 86_400.0
_HOUR_S = 3600.0

# The usual value of a point with this unit, for one phase of a flat or small shop.
_NORMAL = {
    "V": 230.0, "A": 5.0, "W": 1100.0, "kW": 1.1, "var": 230.0, "kvar": 0.23, "V.A": 1125.0,
    "kV.A": 1.125, "Hz": 50.0, "deg": 12.0, "Cel": 22.0, "%": 45.0, "m3/h": 0.35, "L/h": 350.0,
    "m/s": 0.4, "m": 1.2, "cm": 80.0, "mm": 800.0, "kPa": 300.0, "bar": 3.0, "GJ": 12.0,
    "1": 0.97,
}  # fmt: skip

# The range of values that do not follow the load; all others follow it.
_STEADY_SHARE = {"V": 0.01, "Hz": 0.0004, "1": 0.01, "%": 0.02, "Cel": 0.02}

# How fast a counter with this unit grows at normal load.
_PER_HOUR = {"kW.h": 1.1, "kvar.h": 0.23, "kV.A.h": 1.125, "W.h": 1100.0, "m3": 0.35, "L": 350.0,
             "GJ": 0.004, "MW.h": 0.0011}  # fmt: skip

_PHASES = 3
_NOISE_SHARE = 0.03


@dataclasses.dataclass(slots=True)
class ValueMotion:
    """One point: `normal` is its usual value, `start` a counter's first one.

    `times`: a counter's pace, as a multiple of the usual one.
    """

    point: Point
    normal: float
    start: float
    seed: int
    pinned: Value = None
    times: float = 1.0
    _count: float = 0.0

    def at(self, now_s: float, load: float, passed_s: float) -> Value:
        """The value now; `load` is 1 at a normal hour, `passed_s` the time since the last call."""
        if self.pinned is not None:
            return self.pinned
        point = self.point
        if point.type in {"bool", "bits"}:
            return 0
        if point.type == "string":
            return "EMULATED"
        if point.counter:
            per_hour = _PER_HOUR.get(point.unit, 0.0) * self.normal * self.times
            self._count += per_hour * load * passed_s / _HOUR_S
            return self.start + self._count
        share = _STEADY_SHARE.get(point.unit)
        if share is not None:
            return self._within(self.normal * (1 + share * self._noise(now_s)))
        return self._within(self.normal * load * (1 + _NOISE_SHARE * self._noise(now_s)))

    def _noise(self, now_s: float) -> float:
        """Between -1 and 1, new every 10 s, reproducible for the same seed."""
        return random.Random(f"{self.seed}{self.point.id}{now_s // 10}").uniform(-1, 1)  # noqa: S311

    def _within(self, value: float) -> float:
        low = -math.inf if self.point.min is None else self.point.min
        high = math.inf if self.point.max is None else self.point.max
        return min(max(value, low), high)


def load_at(time_of_day_s: float) -> float:
    """The load of a residential building: low at night, peaks at breakfast and after work."""
    hour = time_of_day_s % DAY_S / _HOUR_S
    return 0.35 + 0.55 * _peak(hour, 7.5, 1.5) + 0.35 * _peak(hour, 12.5, 2) + _peak(hour, 19.5, 2)


def _peak(hour: float, at: float, width: float) -> float:
    return math.exp(-(((hour - at) / width) ** 2))


def motion_of(point: Point, points: tuple[Point, ...], seed: int) -> ValueMotion:
    """The motion of this point, from its unit and the points beside it."""
    chance = random.Random(f"{seed}{point.id}start")  # noqa: S311 - numbers for show
    share = _share_of_phases(point, points)
    if point.counter:
        return ValueMotion(point, share, round(chance.uniform(100, 90_000), 1) * point.scale, seed)
    return ValueMotion(point, _NORMAL.get(point.unit, 1.0) * share, 0.0, seed)


def _share_of_phases(point: Point, points: tuple[Point, ...]) -> float:
    """3 for the total of three phases beside it (`power-w` beside `power-a-w`)."""
    if point.unit in _STEADY_SHARE or _phase_of(point.id):
        return 1.0
    has_phases = any(other.unit == point.unit and _phase_of(other.id) for other in points)
    return float(_PHASES) if has_phases or (point.counter and _three_phase(points)) else 1.0


def _three_phase(points: tuple[Point, ...]) -> bool:
    return any(_phase_of(point.id) == "c" for point in points)


def _phase_of(point_id: str) -> str | None:
    return next((part for part in point_id.split("-") if part in {"a", "b", "c"}), None)
