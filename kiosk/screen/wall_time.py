"""The hour and the day as a screen shows them."""

import datetime
import zoneinfo

from gateway.clock import Clock
from gateway.event import Trust
from gateway.web.i18n import CATALOGUES
from kiosk.requests.request import S


def describe_wall_time(clock: Clock, timezone: str, language: str) -> tuple[str, str, int]:
    """The hour, the day in words, the weekday (-1: nobody knows what time it is)."""
    words = CATALOGUES[language]
    wall_ns = clock.stamp().wall_ns
    if clock.status().trust is Trust.NONE or wall_ns is None:
        return "--:--", words("kiosk.no-clock"), -1
    moment = datetime.datetime.fromtimestamp(wall_ns // S, tz=zoneinfo.ZoneInfo(timezone))
    weekday = moment.weekday()
    day = words(f"kiosk.day-{weekday}")
    date = words("kiosk.date", month=moment.month, day=moment.day, weekday=day)
    return moment.strftime("%H:%M"), date, weekday
