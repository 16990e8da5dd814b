"""Meters that show the time (point `meter-clock`) are witnesses, as vague as their crystals."""

import asyncio
import datetime
import zoneinfo
from collections.abc import Callable, Sequence

from drivers.contract import Quality, Reading
from gateway.clock import Clock, ClockStep
from gateway.event import Trust

POINT = "meter-clock"
FORM = "%Y-%m-%d %H:%M:%S"
ERROR_NS = 300_000_000_000
"""A meter's clock drifts by minutes a year, and nobody sets it; one that is further off agrees with
nobody, and seconds nobody."""


class MeterClocks:
    """Intake's listener; the meters show the station's local time."""

    def __init__(
        self, clock: Clock, timezone: str, moved: Callable[[ClockStep | None], None]
    ) -> None:
        """`moved` hears how station time moved by it, if it did."""
        self._clock = clock
        self._zone = zoneinfo.ZoneInfo(timezone)
        self._moved = moved

    def heard(self, device: str, readings: Sequence[Reading]) -> None:
        """One poll of one device; never raises."""
        for reading in readings:
            if reading.point == POINT and reading.quality is Quality.GOOD:
                self._learn(device, reading)

    def _learn(self, device: str, reading: Reading) -> None:
        wall_ns = _wall_ns(reading.value, self._zone)
        if wall_ns is not None:
            since_ns = max(0, round(asyncio.get_running_loop().time() * 1e9) - reading.at_ns)
            self._moved(self._clock.learn(Trust.METER, wall_ns + since_ns, ERROR_NS, device))


def _wall_ns(shown: object, zone: zoneinfo.ZoneInfo) -> int | None:
    """UTC of what a meter shows; None for what is no time."""
    try:
        local = datetime.datetime.strptime(str(shown), FORM).replace(tzinfo=zone)
        return round(local.timestamp()) * 1_000_000_000
    except (ValueError, OverflowError):
        return None
