"""The station's calendar: time of day, working days with China's holidays, seasons. Pure.

Callers pass the wall time; nothing here reads a clock. A year without holiday data has plain
weekends, and `covers` says so.
"""

import datetime
import re
import tomllib
import zoneinfo
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

DAY_S = 86_400
# Offsets of time zones change only at full quarters of an hour.
_QUARTER_NS = 900 * 1_000_000_000

_SPAN = re.compile(r"(?P<from>\d\d:\d\d)-(?P<to>\d\d:\d\d)")
_SEASON = re.compile(r"(?P<from>\d\d-\d\d)\.\.(?P<to>\d\d-\d\d)")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Days = Literal["all", "workdays", "restdays", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class LocalTime(NamedTuple):
    """Local wall time: the date and the second of the day."""

    date: datetime.date
    second: int


class HolidayYear(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One year's decree: free days, and weekend days worked in exchange (`01-28..02-04`).

    Written as month and day.
    """

    off: tuple[str, ...]
    on: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True):
    schema: int
    year: dict[str, HolidayYear]


class Calendar:
    """Time of day and working days in one time zone."""

    def __init__(self, timezone: str, years: Mapping[int, HolidayYear]) -> None:
        """`years` as decreed by the government."""
        self._zone = zoneinfo.ZoneInfo(timezone)
        self._off = frozenset(day for y, year in years.items() for day in _dates(y, year.off))
        self._on = frozenset(day for y, year in years.items() for day in _dates(y, year.on))
        self._years = frozenset(years)
        self._quarter = lru_cache(maxsize=256)(self._start_of_quarter)

    @classmethod
    def load(cls, timezone: str, *files: Path) -> "Calendar":
        """The calendar with the holidays of those files; the last file wins for a year."""
        return cls.of_texts(timezone, *(file.read_text("utf-8") for file in files))

    @classmethod
    def of_texts(cls, timezone: str, *texts: str) -> "Calendar":
        """Like `load`, from the files' texts; ValueError for an invalid one."""
        years: dict[int, HolidayYear] = {}
        for text in texts:
            decoded = msgspec.convert(tomllib.loads(text), _File)
            years.update((int(year), days) for year, days in decoded.year.items())
        return cls(timezone, years)

    def covers(self, date: datetime.date) -> bool:
        """Whether the holidays of that year are known."""
        return date.year in self._years

    @property
    def last_year(self) -> int:
        """The last year whose holidays are known; 0 if there is none."""
        return max(self._years, default=0)

    def local(self, wall_ns: int) -> LocalTime:
        """That instant in local time."""
        quarter, rest_ns = divmod(wall_ns, _QUARTER_NS)
        date, second = self._quarter(quarter)
        return LocalTime(date, second + rest_ns // 1_000_000_000)

    def _start_of_quarter(self, quarter: int) -> LocalTime:
        moment = datetime.datetime.fromtimestamp(quarter * 900, tz=self._zone)
        return LocalTime(moment.date(), moment.hour * 3600 + moment.minute * 60 + moment.second)

    def is_workday(self, date: datetime.date) -> bool:
        """Whether it is a working day; decrees override weekends."""
        if date in self._on:
            return True
        return date not in self._off and date.weekday() < _WEEKDAYS.index("sat")


def _dates(year: int, written: tuple[str, ...]) -> Iterator[datetime.date]:
    for span in written:
        first, _, last = span.partition("..")
        day = datetime.date.fromisoformat(f"{year}-{first}")
        end = datetime.date.fromisoformat(f"{year}-{last or first}")
        while day <= end:
            yield day
            day += datetime.timedelta(days=1)


class TimeWindow(msgspec.Struct, frozen=True):
    """When something holds: hours of the day, kinds of day, a season; None means always.

    `hours` are seconds of the day and may cross midnight; the part after midnight belongs to
    the day on which they began.
    """

    hours: tuple[int, int] | None = None
    days: str = "all"
    season: tuple[tuple[int, int], tuple[int, int]] | None = None

    @classmethod
    def parse(
        cls, between: str | None = None, days: str = "all", season: str | None = None
    ) -> "TimeWindow":
        """Parse `02:00-04:00`, `workdays`, `11-15..03-15`; ValueError names the invalid one."""
        hours = None if between is None else _hours(between)
        return cls(hours, days, None if season is None else _season(season))

    @property
    def always(self) -> bool:
        """Whether it holds at any time, even an unknown one."""
        return self == TimeWindow()

    def holds(self, calendar: Calendar, wall_ns: int) -> bool:
        """Whether that instant lies in it."""
        date, second = calendar.local(wall_ns)
        if self.hours is not None:
            start, end = self.hours
            if start < end:
                if not start <= second < end:
                    return False
            elif second < end:
                date -= datetime.timedelta(days=1)
            elif second < start:
                return False
        return self._day(calendar, date) and self._in_season(date)

    def _day(self, calendar: Calendar, date: datetime.date) -> bool:
        if self.days in _WEEKDAYS:
            return _WEEKDAYS[date.weekday()] == self.days
        return self.days == "all" or (self.days == "workdays") == calendar.is_workday(date)

    def _in_season(self, date: datetime.date) -> bool:
        if self.season is None:
            return True
        first, last = self.season
        day = (date.month, date.day)
        return first <= day <= last if first <= last else day >= first or day <= last


def _hours(between: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(between)
    if match is None:
        raise ValueError("rules.bad-hours")
    start, end = _second(match["from"]), _second(match["to"])
    if not (0 <= start < DAY_S and 0 <= end <= DAY_S) or start == end:
        raise ValueError("rules.bad-hours")
    return start, end


def _second(clock: str) -> int:
    hour, minute = map(int, clock.split(":"))
    return hour * 3600 + minute * 60 if minute < 60 else -1  # noqa: PLR2004 - minutes of an hour


def _season(season: str) -> Any:
    match = _SEASON.fullmatch(season)
    if match is None:
        raise ValueError("rules.bad-season")
    try:  # in a leap year, so that February 29 is valid
        first, last = (datetime.date.fromisoformat(f"2024-{match[end]}") for end in ("from", "to"))
    except ValueError:
        raise ValueError("rules.bad-season") from None
    return (first.month, first.day), (last.month, last.day)
