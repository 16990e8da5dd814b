"""The question for the time, if the station does not know it or its sources disagree. Pure.

The proposal is the system clock's time, if it can be true, or station time. A person who says yes
vouches for the minute that they were shown; a person's answer cannot be more precise.
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
    """Whether to ask; `at` is the proposed minute (ISO, local), "" if there is none.

    `why` is the text code of the reason.
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
    """What to ask now."""
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
    """The middle of the minute that a person entered (ns since 1970); UsageError if invalid."""
    try:
        local = datetime.datetime.strptime(text[:16], _FORM).replace(
            tzinfo=zoneinfo.ZoneInfo(timezone)
        )
    except ValueError:
        raise UsageError("desk.bad-time") from None
    return int(local.timestamp()) * SECOND_NS + HALF_MINUTE_NS
