"""Meters that show the time are witnesses, as inaccurate as their crystals.

Either in one point, `meter-clock`, or in two of one poll, `meter-date` and `meter-time` (as DL/T
645 has them).
"""

import asyncio
import datetime
import zoneinfo
from collections.abc import Callable, Sequence

from drivers.contract import Quality, Reading
from gateway.clock import Clock, ClockStep
from gateway.event import Trust

POINT = "meter-clock"
DATE, TIME = "meter-date", "meter-time"
_POINTS = frozenset({POINT, DATE, TIME})

# Date and time are read one after the other: a pair read in these minutes may straddle midnight.
MIDNIGHT = ("23:59", "00:00")

FORM = "%Y-%m-%d %H:%M:%S"

# A meter's clock drifts by minutes a year and nobody sets it. Five minutes lets meters that are
# roughly right agree; one that is further off agrees with none.
ERROR_NS = 300_000_000_000


class MeterClocks:
    """Learns from meters that show the station's local time."""

    def __init__(
        self, clock: Clock, timezone: str, moved: Callable[[ClockStep | None], None]
    ) -> None:
        """`moved` is called with each step of station time."""
        self._clock = clock
        self._zone = zoneinfo.ZoneInfo(timezone)
        self._moved = moved

    def handle_readings(self, device: str, readings: Sequence[Reading]) -> None:
        """Handle one poll of one device; never raises."""
        shown = {
            each.point: each
            for each in readings
            if each.point in _POINTS and each.quality is Quality.GOOD
        }
        if not shown:  # nearly always
            return
        if POINT in shown:
            self._learn(device, shown[POINT].value, shown[POINT].at_ns)
        elif DATE in shown and TIME in shown:
            date, time = shown[DATE], shown[TIME]
            if not str(time.value).startswith(MIDNIGHT):
                self._learn(device, f"{date.value} {time.value}", time.at_ns)

    def _learn(self, device: str, shown: object, at_ns: int) -> None:
        wall_ns = _wall_ns(shown, self._zone)
        if wall_ns is not None:
            since_ns = max(0, round(asyncio.get_running_loop().time() * 1e9) - at_ns)
            self._moved(self._clock.learn(Trust.METER, wall_ns + since_ns, ERROR_NS, device))


def _wall_ns(shown: object, zone: zoneinfo.ZoneInfo) -> int | None:
    """UTC of what a meter shows; None if it is no time."""
    try:
        local = datetime.datetime.strptime(str(shown), FORM).replace(tzinfo=zone)
        return round(local.timestamp()) * 1_000_000_000
    except (ValueError, OverflowError):
        return None
