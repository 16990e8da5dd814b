"""Schedules by cron and calendar, and missed hours."""

import asyncio
import datetime
import zoneinfo
from itertools import islice

import msgspec
import pytest

from broadcast.options import PresetOptions
from broadcast.orders.schedules import Schedule, Schedules, check_schedulable, occurrences
from broadcast.policy.quiet_hours import S
from drivers.data_files import config_path
from gateway.audit.events import Actor
from gateway.calendar import Calendar
from gateway.errors import UsageError
from gateway.event import Lane, Trust
from tests.sim.journal import loop_clock, simulated_journal
from tests.sim.loop import simulated

ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
CALENDAR = Calendar.load("Asia/Shanghai", config_path("holidays", "cn.toml"))
STAFF = Actor("staff", "0217")


def at(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * S


def made(cron="30 8 * * *", **changed):
    return Schedule(name="早操", cron=cron, preset="visitors", zones=("all",), **changed)


def days(schedule, first, last):
    found = occurrences(schedule, at(first), at(last), ZONE, CALENDAR)
    return [datetime.datetime.fromtimestamp(ns // S, tz=ZONE).day for ns in found]


def test_working_days_know_holidays_and_swaps():
    # 2026: the 1st to the 3rd of January are free, Sunday the 4th is worked in exchange.
    span = ("2026-01-01 00:00", "2026-01-08 00:00")
    assert days(made(), *span) == [1, 2, 3, 4, 5, 6, 7]
    assert days(made(days="workdays"), *span) == [4, 5, 6, 7]
    assert days(made(days="restdays"), *span) == [1, 2, 3]


def test_what_is_no_cron_is_refused():
    with pytest.raises(ValueError, match="Bad"):
        made("61 * * * *")


def test_hours_of_a_few_days_are_found_beyond_a_thousand_others():
    first, last = at("2026-01-04 00:00"), at("2027-01-04 00:00")
    every_minute = made("* * * * *", days="restdays")
    found = list(islice(occurrences(every_minute, first, last, ZONE, CALENDAR), 3))
    assert found == [at(f"2026-01-10 00:0{minute}") for minute in range(3)]
    assert list(occurrences(made("0 0 29 2 *"), first, last, ZONE, CALENDAR)) == []


@simulated
async def test_what_is_due_now_is_due_however_much_was_missed():
    """A schedule every five minutes after ten days off, and one every minute after a year."""
    for cron, days_off in (("*/5 * * * *", 10), ("* * * * *", 400)):
        journal, clock = simulated_journal(), loop_clock()
        schedules = Schedules(journal, clock, "Asia/Shanghai", CALENDAR)
        await schedules.load()
        clock.learn(Trust.PLATFORM, at("2026-09-22 08:00"), S)
        assert await schedules.due() == []
        await schedules.put("often", made(cron), STAFF)
        off_s = days_off * 86_400 + 10
        await asyncio.sleep(off_s)
        clock.learn(Trust.NTP, at("2026-09-22 08:00") + off_s * S, S)
        (due,) = await schedules.due()
        assert (due.now, due.missed) == (True, 1_000)
        assert await schedules.due() == []
        await journal.close()


@simulated
async def test_no_missed_hour_is_counted_twice_or_forgotten():
    """Around the minute in which an hour still means what it meant."""
    for late_s, now, missed in ((0, True, 0), (59, True, 0), (60, False, 1), (119, False, 1)):
        journal, clock = simulated_journal(), loop_clock()
        schedules = Schedules(journal, clock, "Asia/Shanghai", CALENDAR)
        await schedules.load()
        clock.learn(Trust.NTP, at("2026-09-22 08:29"), S)
        await schedules.due()
        await schedules.put("morning", made(), STAFF)
        await asyncio.sleep(60 + late_s)
        found = await schedules.due()
        assert [(each.now, each.missed) for each in found] == ([(True, 0)] if now else [])
        assert [each.times for each in schedules.missed] == ([missed] if missed else [])
        await journal.close()


@pytest.mark.parametrize("cls", ["emergency", "fire", "urgent", "service"])
def test_what_startles_people_is_not_scheduled(cls):
    with pytest.raises(UsageError, match="by-the-clock"):
        check_schedulable(PresetOptions(name="疏散", text="走", cls=cls))
    for fine in ("notice", "background"):
        check_schedulable(PresetOptions(name="操", text="早", cls=fine))


@simulated
async def test_an_hour_sounds_once_and_a_missed_one_never():
    journal, clock = simulated_journal(), loop_clock()
    schedules = Schedules(journal, clock, "Asia/Shanghai", CALENDAR)
    await schedules.load()
    await schedules.put("morning", made(), STAFF)
    assert await schedules.due() == []  # nobody knows the time
    clock.learn(Trust.PLATFORM, at("2026-09-22 08:29"), S)
    assert await schedules.due() == []
    await asyncio.sleep(65)
    (due,) = await schedules.due()
    assert (due.id, due.missed) == ("morning", 0)
    assert await schedules.due() == []
    again = Schedules(journal, clock, "Asia/Shanghai", CALENDAR)
    await again.load()
    assert await again.due() == []
    await asyncio.sleep(3 * 86_400 + 600)  # the station was off
    assert await again.due() == []
    told = [msgspec.json.decode(b"{" + e.body) for e in await journal.read(Lane.SERVICE, 0)]
    assert [(one["data"]["schedule"], one["data"]["times"]) for one in told] == [("morning", 3)]
    assert [(one.name, one.times) for one in again.missed] == [("早操", 3)]
    reborn = Schedules(journal, clock, "Asia/Shanghai", CALENDAR)
    await reborn.load()
    assert reborn.missed == again.missed
    await again.undo("morning")
    assert again.all() == {}
    await journal.close()


@simulated
async def test_an_hour_before_anybody_planned_it_was_not_missed():
    journal, clock = simulated_journal(), loop_clock()
    schedules = Schedules(journal, clock, "Asia/Shanghai", CALENDAR)
    await schedules.load()
    clock.learn(Trust.PLATFORM, at("2026-09-22 09:00"), S)
    assert await schedules.due() == []
    await asyncio.sleep(3 * 86_400)
    await schedules.put("morning", made(), STAFF)
    again = Schedules(journal, clock, "Asia/Shanghai", CALENDAR)  # the station starts anew
    await again.load()
    await asyncio.sleep(60)
    assert await again.due() == []
    assert again.missed == ()
    await journal.close()


@simulated
@pytest.mark.parametrize("ahead_s", [20 * 3600, 400 * 86_400])
async def test_a_wrong_time_that_was_believed_silences_no_hour_of_the_right_one(ahead_s):
    """What was seen, and what was planned, by a clock that was ahead: neither holds back."""
    journal, clock = simulated_journal(), loop_clock()
    schedules = Schedules(journal, clock, "Asia/Shanghai", CALENDAR)
    await schedules.load()
    clock.learn(Trust.PLATFORM, at("2026-09-22 08:00") + ahead_s * S, S)
    assert await schedules.due() == []
    await schedules.put("morning", made(), STAFF)
    clock.learn(Trust.NTP, at("2026-09-22 08:29"), S)
    assert await schedules.due() == []
    await asyncio.sleep(65)
    (due,) = await schedules.due()
    assert due.id == "morning"
    await journal.close()


@simulated
async def test_a_clock_that_is_set_back_by_minutes_sounds_no_hour_twice():
    journal, clock = simulated_journal(), loop_clock()
    schedules = Schedules(journal, clock, "Asia/Shanghai", CALENDAR)
    await schedules.load()
    await schedules.put("morning", made(), STAFF)
    clock.learn(Trust.PLATFORM, at("2026-09-22 08:29"), S)
    assert await schedules.due() == []
    await asyncio.sleep(65)
    assert len(await schedules.due()) == 1
    clock.learn(Trust.NTP, at("2026-09-22 08:20"), S)
    for _ in range(40):
        await asyncio.sleep(30)
        assert await schedules.due() == []
    await journal.close()
