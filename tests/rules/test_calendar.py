"""The calendar: hours over midnight, decreed holidays, worked weekends, seasons over New Year."""

import datetime
import zoneinfo

import pytest

from gateway.calendar import TimeWindow
from tests.rules.player import calendar

ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")


def at(written: str) -> int:
    moment = datetime.datetime.fromisoformat(written).replace(tzinfo=ZONE)
    return int(moment.timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("date", "works"),
    [
        ("2026-02-13", True),
        ("2026-02-14", True),  # a Saturday, worked for the Spring Festival
        ("2026-02-17", False),  # a Tuesday of the festival
        ("2026-02-24", True),
        ("2026-10-10", True),
        ("2026-10-11", False),
        ("2025-10-08", False),
        ("2031-03-01", False),  # a Saturday of a year that nobody has decreed
    ],
)
def test_a_day_is_worked_or_not_as_the_state_council_says(date, works):
    assert calendar().is_workday(datetime.date.fromisoformat(date)) is works


def test_the_calendar_knows_how_far_it_goes():
    assert calendar().covers(datetime.date(2026, 12, 31))
    assert not calendar().covers(datetime.date(2031, 1, 1))


@pytest.mark.parametrize(
    ("window", "moment", "holds"),
    [
        (TimeWindow.parse("02:00-04:00"), "2026-03-02T01:59:59", False),
        (TimeWindow.parse("02:00-04:00"), "2026-03-02T02:00:00", True),
        (TimeWindow.parse("02:00-04:00"), "2026-03-02T04:00:00", False),
        (TimeWindow.parse("22:00-06:00"), "2026-03-02T23:00:00", True),
        (TimeWindow.parse("22:00-06:00"), "2026-03-02T05:59:00", True),
        (TimeWindow.parse("22:00-06:00"), "2026-03-02T12:00:00", False),
        (TimeWindow.parse("22:00-06:00", "fri"), "2026-03-07T01:00:00", True),
        (TimeWindow.parse("22:00-06:00", "fri"), "2026-03-06T01:00:00", False),
        (TimeWindow.parse("00:00-24:00", "workdays"), "2026-10-05T12:00:00", False),
        (TimeWindow.parse(season="11-15..03-15"), "2026-12-31T12:00:00", True),
        (TimeWindow.parse(season="11-15..03-15"), "2026-03-16T12:00:00", False),
        (TimeWindow.parse(season="06-01..08-31"), "2026-07-01T12:00:00", True),
    ],
)
def test_a_window_holds_from_its_first_second_until_its_last(window, moment, holds):
    assert window.holds(calendar(), at(moment)) is holds


@pytest.mark.parametrize("between", ["2-4", "25:00-26:00", "02:00", "02:00-02:00", "02:70-03:00"])
def test_hours_that_are_none_are_refused(between):
    with pytest.raises(ValueError, match=r"rules\.bad-hours"):
        TimeWindow.parse(between)


@pytest.mark.parametrize("season", ["winter", "13-01..02-01", "11-15-03-15", "02-30..03-01"])
def test_seasons_that_are_none_are_refused(season):
    with pytest.raises(ValueError, match=r"rules\.bad-season"):
        TimeWindow.parse(season=season)
