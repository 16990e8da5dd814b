"""The day as a chart: when something played, in which zone, and when it must be quiet."""

import datetime
import zoneinfo
from typing import NamedTuple

from broadcast.orders.repository import OrderRecord
from broadcast.pages import order_history
from broadcast.pages.context import BroadcastPageContext
from broadcast.policy.quiet_hours import S
from gateway.calendar import DAY_S

# The height of a zone's line, and the least width of a sound: ten minutes of a day's 100.
ROW, LEAST = 12, 0.7

HOURS = (0, 6, 12, 18, 24)


class ChartBar(NamedTuple):
    """One sound in one zone: from `x` for `width` of 100, on the line at `y`."""

    x: float
    width: float
    y: float
    urgent: bool


class DayChart(NamedTuple):
    """`zones` are the lines from above; `edges` are where quiet hours begin and end, if any."""

    zones: tuple[str, ...]
    stretches: tuple[ChartBar, ...]
    edges: tuple[float, ...]
    now: float
    times: int

    @property
    def height(self) -> int:
        """The height of the chart."""
        return max(1, ROW * (len(self.zones) - 1))


def draw_day(context: BroadcastPageContext, timezone: str) -> DayChart | None:
    """Today as far as it has come; None while the date is unknown."""
    wall_ns = context.moment().wall_ns
    if wall_ns is None:
        return None
    zone = zoneinfo.ZoneInfo(timezone)
    moment = datetime.datetime.fromtimestamp(wall_ns // S, tz=zone)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    starts_ns = int(midnight.timestamp()) * S
    zones = [each for each in context.room.house.zones.values() if each.speakers]
    heard = [
        (kept, at_ns)
        for kept in context.room.orders()
        if kept.reached
        and (at_ns := order_history.asked_wall_ns(kept, context))
        and at_ns >= starts_ns
    ]
    stretches = tuple(
        _stretch(kept, at_ns - starts_ns, row)
        for kept, at_ns in heard
        for row, each in enumerate(zones)
        if context.room.house.speakers(kept.order.zones) & each.speakers
    )
    hours = context.room.house.quiet.hours
    return DayChart(
        zones=tuple(each.name for each in zones),
        stretches=stretches,
        edges=() if hours is None else tuple(100 * second / DAY_S for second in hours),
        now=100 * (wall_ns - starts_ns) / (DAY_S * S),
        times=len(heard),
    )


def _stretch(kept: OrderRecord, since_ns: int, row: int) -> ChartBar:
    x = 100 * since_ns / (DAY_S * S)
    width = max(LEAST, 100 * kept.lasts_s / DAY_S)
    return ChartBar(round(x, 2), round(width, 2), float(ROW * row), kept.order.class_.urgent)
