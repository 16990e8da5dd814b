"""The question about the time, for a station that does not know it, or that is told two. Pure.

What is proposed is what the system clock shows, if it can be true, or what the station believes.
Whoever says yes vouches for the minute that they were shown; that is as sharp as a person's answer
can be.
"""

import datetime
import zoneinfo

import msgspec

from gateway.clock import ClockStatus
from gateway.errors import UsageError
from gateway.event import Trust

SECOND_NS = 1_000_000_000
ANSWER_ERROR_NS = 90 * SECOND_NS
HALF_MINUTE_NS = 30 * SECOND_NS
_FORM = "%Y-%m-%dT%H:%M"


class ClockQuestion(msgspec.Struct, frozen=True):
    """Whether to ask; what to propose: `at` is the minute (ISO, local), "" if nothing can be.

    `why` is the text that says why.
    """

    asked: bool
    at: str = ""
    clock: str = ""
    day: datetime.date | None = None
    hour_deg: float = 0
    minute_deg: float = 0
    why: str = ""


_WHY = {"floor": "desk.ask-behind", "sources": "desk.ask-disputed", "order": "desk.ask-order"}


def clock_question(status: ClockStatus, timezone: str) -> ClockQuestion:
    """What to ask at this instant."""
    if status.trust is not Trust.NONE and not status.doubt:
        return ClockQuestion(False)
    why = _WHY.get(status.doubt, "desk.ask-why")
    shown_ns = status.plausible_ns if status.trust is Trust.NONE else status.wall_ns
    if shown_ns is None:
        return ClockQuestion(True, why=why)
    seconds = shown_ns // SECOND_NS
    local = datetime.datetime.fromtimestamp(seconds, tz=zoneinfo.ZoneInfo(timezone))
    return ClockQuestion(
        True,
        local.strftime(_FORM),
        local.strftime("%H:%M"),
        local.date(),
        local.hour % 12 * 30 + local.minute / 2,
        local.minute * 6,
        why,
    )


def parse_answer(text: str, timezone: str) -> int:
    """The middle of the minute that somebody named (ns since 1970); UsageError if it is none."""
    try:
        local = datetime.datetime.strptime(text[:16], _FORM).replace(
            tzinfo=zoneinfo.ZoneInfo(timezone)
        )
    except ValueError:
        raise UsageError("desk.bad-time") from None
    return int(local.timestamp()) * SECOND_NS + HALF_MINUTE_NS
