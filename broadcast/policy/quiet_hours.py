"""Quiet hours: whether it may be night now, and for how long. Pure.

Station time has an error bound, and drifts while it is not corrected. It counts as quiet as soon as
it *may* be, and until it surely is not: nobody is woken by a clock that was three minutes off.
"""

import math
from typing import NamedTuple

from gateway.calendar import DAY_S, Calendar, TimeWindow
from gateway.clock import Clock
from gateway.event import Trust

S = 1_000_000_000

# A time that may be an hour wrong cannot tell whether it is night.
ERROR_S_MAX = 3600.0


class ClockReading(NamedTuple):
    """The current boot time, and wall time with its error bound as far as it is known."""

    at_ns: int
    wall_ns: int | None = None
    error_s: float = 0.0
    trust: Trust = Trust.NONE

    @classmethod
    def now(cls, clock: Clock) -> "ClockReading":
        """Read that clock."""
        status = clock.status()
        known = status.trust is not Trust.NONE and status.error_s <= ERROR_S_MAX
        return cls(
            clock.now_ns(),
            status.wall_ns if known else None,
            status.error_s if known else 0.0,
            status.trust if known else Trust.NONE,
        )


class QuietState(NamedTuple):
    """Quiet-hours state, and the seconds for which it is certain to hold, allowing for clock error.

    `quiet` is None if the time is unknown.
    """

    quiet: bool | None
    left_s: float = 0.0


class QuietHours:
    """The quiet hours of one station; without any it is never quiet."""

    def __init__(self, between: str | None, calendar: Calendar) -> None:
        """`between` as in the settings: `21:30-07:00`; ValueError if it is malformed.

        A whole day (`00:00-24:00`) is always quiet, and needs no clock.
        """
        self._hours = None if between is None else TimeWindow.parse(between).hours
        self._calendar = calendar

    @property
    def hours(self) -> tuple[int, int] | None:
        """The seconds of the day at which they begin and end."""
        return self._hours

    def state_at(self, moment: ClockReading) -> QuietState:
        """The state at that moment."""
        if self._hours is None:
            return QuietState(False, float(DAY_S))
        start, end = self._hours
        if end - start == DAY_S:
            return QuietState(True, math.inf)
        if moment.wall_ns is None:
            return QuietState(None)
        margin_ns = round(moment.error_s * S)
        latest = self._second(moment.wall_ns + margin_ns)
        earliest = self._second(moment.wall_ns - margin_ns)
        night_s = (end - start) % DAY_S
        since_s = (latest - start) % DAY_S  # how long ago it may have begun
        if since_s < night_s + 2 * moment.error_s:
            return QuietState(True, float((end - earliest) % DAY_S))
        return QuietState(False, float(DAY_S - since_s))

    def _second(self, wall_ns: int) -> int:
        return self._calendar.local(wall_ns).second
