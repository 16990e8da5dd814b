"""Schedules by cron and calendar, missed hours; public warnings, sound and hostile."""

import asyncio
import datetime
import zoneinfo

import msgspec
import pytest

from broadcast.cap import parse
from broadcast.order import Class
from broadcast.quiet import S
from broadcast.schedule import Schedule, Schedules, hours
from drivers.shelf import shared
from gateway.audit.events import Who
from gateway.calendar import Calendar
from gateway.errors import UsageError
from gateway.event import Lane, Trust
from tests.sim.journal import loop_clock, simulated_journal
from tests.sim.loop import simulated

ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
CALENDAR = Calendar.load("Asia/Shanghai", shared("holidays", "cn.toml"))
STAFF = Who("staff", "0217")


def at(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * S


def made(cron="30 8 * * *", **changed):
    return Schedule(name="早操", cron=cron, preset="visitors", zones=("all",), **changed)


def days(schedule, first, last):
    found = hours(schedule, at(first), at(last), ZONE, CALENDAR)
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
    await again.undo("morning")
    assert again.all() == {}
    await journal.close()


def warning(status="Actual", kind="Alert", urgency="Immediate", severity="Extreme", more=""):
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>n-1</identifier>'
        f"<sender>bj@example.cn</sender><sent>2026-09-22T08:00:00+08:00</sent>"
        f"<status>{status}</status><msgType>{kind}</msgType><scope>Public</scope>{more}"
        "<info><language>en-US</language><headline>Storm</headline></info>"
        f"<info><language>zh-CN</language><event>暴雨</event><urgency>{urgency}</urgency>"
        f"<severity>{severity}</severity><certainty>Observed</certainty>"
        "<headline>暴雨红色预警</headline><instruction>请不要外出。</instruction></info></alert>"
    ).encode()


def test_a_warning_becomes_an_order_of_its_class():
    found = parse(warning())
    assert (found.id, found.sounds, found.cls) == (
        "cap-bj@example.cn-n-1",
        True,
        Class.EMERGENCY,
    )
    assert found.text == "暴雨红色预警 请不要外出。"
    assert found.language == "zh"
    assert parse(warning(severity="Moderate")).cls is Class.URGENT
    assert parse(warning(urgency="Future")).cls is Class.NOTICE


@pytest.mark.parametrize("status", ["Test", "Exercise", "System", "Draft"])
def test_what_is_no_actual_alarm_neither_sounds_nor_ends_anything(status):
    refers = "<references>bj@example.cn,n-0,2026-09-22T07:00:00+08:00</references>"
    for kind in ("Alert", "Update", "Cancel"):
        found = parse(warning(status, kind, more=refers))
        assert not found.sounds
        assert found.ends == ()


def test_update_and_cancel_end_what_they_refer_to():
    refers = "<references>bj@example.cn,n-0,2026-09-22T07:00:00+08:00 a@b,c,d</references>"
    update, cancel = (parse(warning(kind=kind, more=refers)) for kind in ("Update", "Cancel"))
    assert update.ends == cancel.ends == ("cap-bj@example.cn-n-0", "cap-a@b-c")
    assert (update.sounds, cancel.sounds) == (True, False)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<alert>",
        b"<alert/>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><alert>&x;</alert>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><alert/>',
        b"<a>" * 20 + b"</a>" * 20,
        b"<alert>" + b"<x/>" * 3_000 + b"</alert>",
        warning(kind="Ack"),
        warning() + b"x" * 200_000,
    ],
)
def test_hostile_warnings_are_refused(raw):
    with pytest.raises(UsageError):
        parse(raw)
