"""Schedules and when they sound next, as the calendar has it."""

import datetime
import zoneinfo
from typing import NamedTuple

from broadcast.orders.schedules import Schedule, is_schedulable
from broadcast.pages.context import BroadcastPageContext
from broadcast.policy.quiet_hours import S
from gateway.web.i18n import Translator

TIMES = 3


class UpcomingSchedule(NamedTuple):
    """One schedule with its next times as texts; `at_ns` is the first of them."""

    id: str
    schedule: Schedule
    title: str
    at_ns: int | None
    times: tuple[str, ...]
    skipped: bool


def upcoming_schedules(
    context: BroadcastPageContext, timezone: str, words: Translator
) -> list[UpcomingSchedule]:
    """The soonest first; those without a time last."""
    found = [_one(key, context, timezone, words) for key in context.schedules.all()]
    return sorted(found, key=lambda each: (each.at_ns is None, each.at_ns or 0))


class MissedRow(NamedTuple):
    """What did not sound, how often, and when that was noticed."""

    title: str
    times: int
    when: str


def missed_rows(context: BroadcastPageContext, timezone: str, words: Translator) -> list[MissedRow]:
    """What was missed during the last day; older ones are history."""
    now_ns = context.moment().wall_ns
    if now_ns is None:
        return []
    return [
        MissedRow(each.name, each.times, spoken_time(each.wall_ns, now_ns, timezone, words))
        for each in context.schedules.missed
        if now_ns - each.wall_ns < 86_400 * S
    ]


def _one(
    key: str, context: BroadcastPageContext, timezone: str, words: Translator
) -> UpcomingSchedule:
    schedule, wall_ns = context.schedules.all()[key], context.moment().wall_ns
    preset = context.presets.all().get(schedule.preset)
    at: list[int] = []
    sounds = schedule.on and (preset is None or is_schedulable(preset))
    if sounds and wall_ns is not None:
        at = context.schedules.next_instants(schedule, wall_ns, TIMES)
    return UpcomingSchedule(
        key,
        schedule,
        schedule.name if preset is None else preset.name,
        at[0] if at else None,
        tuple(spoken_time(at_ns, wall_ns or 0, timezone, words) for at_ns in at),
        bool(at) and at[0] == context.schedules.skipped(key),
    )


def spoken_time(at_ns: int, now_ns: int, timezone: str, words: Translator) -> str:
    """An instant as people say it: today's by its hour, others with their day."""
    zone = zoneinfo.ZoneInfo(timezone)
    at = datetime.datetime.fromtimestamp(at_ns // S, tz=zone)
    days = (at.date() - datetime.datetime.fromtimestamp(now_ns // S, tz=zone).date()).days
    if days == 0:
        return at.strftime("%H:%M")
    if days in {1, -1}:
        return words("cast.tomorrow" if days == 1 else "cast.yesterday", at=at.strftime("%H:%M"))
    return at.strftime("%m-%d %H:%M")
