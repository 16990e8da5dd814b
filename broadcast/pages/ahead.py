"""What comes: schedules and when they sound next, as the calendar has it."""

import datetime
import zoneinfo
from typing import NamedTuple

from broadcast.pages.deck import Deck
from broadcast.quiet import S
from broadcast.schedule import Schedule, schedulable
from gateway.web.words import Words

TIMES = 3


class Coming(NamedTuple):
    """One schedule with its next times, spoken; `at_ns` is the first of them."""

    id: str
    schedule: Schedule
    title: str
    at_ns: int | None
    times: tuple[str, ...]
    skipped: bool


def coming(deck: Deck, timezone: str, words: Words) -> list[Coming]:
    """The soonest first; those without a time last."""
    found = [_one(key, deck, timezone, words) for key in deck.schedules.all()]
    return sorted(found, key=lambda each: (each.at_ns is None, each.at_ns or 0))


class Missed(NamedTuple):
    """What did not sound, how often, and when that was found out."""

    title: str
    times: int
    when: str


def missed(deck: Deck, timezone: str, words: Words) -> list[Missed]:
    """Of the last day; longer ago it is history."""
    now_ns = deck.moment().wall_ns
    if now_ns is None:
        return []
    return [
        Missed(each.name, each.times, spoken(each.wall_ns, now_ns, timezone, words))
        for each in deck.schedules.missed
        if now_ns - each.wall_ns < 86_400 * S
    ]


def _one(key: str, deck: Deck, timezone: str, words: Words) -> Coming:
    schedule, wall_ns = deck.schedules.all()[key], deck.moment().wall_ns
    preset = deck.presets.all().get(schedule.preset)
    at: list[int] = []
    sounds = schedule.on and (preset is None or schedulable(preset))
    if sounds and wall_ns is not None:
        at = deck.schedules.next_instants(schedule, wall_ns, TIMES)
    return Coming(
        key,
        schedule,
        schedule.name if preset is None else preset.name,
        at[0] if at else None,
        tuple(spoken(at_ns, wall_ns or 0, timezone, words) for at_ns in at),
        bool(at) and at[0] == deck.schedules.skipped(key),
    )


def spoken(at_ns: int, now_ns: int, timezone: str, words: Words) -> str:
    """An instant as people say it: today's by its hour, others with their day."""
    zone = zoneinfo.ZoneInfo(timezone)
    at = datetime.datetime.fromtimestamp(at_ns // S, tz=zone)
    days = (at.date() - datetime.datetime.fromtimestamp(now_ns // S, tz=zone).date()).days
    if days == 0:
        return at.strftime("%H:%M")
    if days in {1, -1}:
        return words("cast.tomorrow" if days == 1 else "cast.yesterday", at=at.strftime("%H:%M"))
    return at.strftime("%m-%d %H:%M")
