"""What is asked about a ride, and what is answered (docs/dispatch.md).

A route touches no queue: it asks now or never. Three questions: `ride.request`, `ride.status`,
`ride.cancel`. Whoever answers a status with `none` has thereby refused that ride for ever, so a
question that is still on its way can do no harm.
"""

from typing import Literal

import msgspec

from gateway.clock import Deadline
from gateway.upstream.uplinks.contract import QueryRefused, QueryReply, QueryUnanswered
from kiosk.requests.outside import OutsideAnswer
from kiosk.requests.repository import QueryEffect
from kiosk.requests.request import Car, Contact

PLATFORM, DISPATCHER = "platform", "dispatcher"

# The road was not asked at all: the deadline had passed before.
EXPIRED = "requests.too-late"

# The settings name no such road any more.
NO_ROAD = "requests.no-road"

# The road was not asked, since the press could not be recorded before.
UNSTORED = "requests.unstored"

# Refusals by which nobody has said no.
UNREACHABLE = frozenset(
    {
        *("upstream.unreachable", "upstream.tls", "upstream.unopened"),
        *("upstream.credential-missing", "upstream.credential-open"),
        *("upstream.credential-unusable", "upstream.credential-unreadable"),
        *("upstream.too-many-asks", "upstream.ask-expired"),
        *(EXPIRED, NO_ROAD, UNSTORED),
    }
)


class DispatchQuestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked. `ttl_s`: of no use so long after the press; `press_age_ms`: it is so old now.

    Both are relative, so that no two clocks need agree: whoever receives it refuses what is older
    than its time to live.
    """

    kind: Literal["ride.request", "ride.status", "ride.cancel"]
    id: str
    station: str
    ttl_s: float = 0
    press_age_ms: int = 0
    place: str = ""
    place_name: str = ""
    phone: str = ""
    contact: Contact | None = None


class RideStatus(msgspec.Struct, frozen=True):
    """How a ride stands at the dispatcher's; `was` in the answer to a cancel: before that."""

    state: Literal[
        "none", "searching", "assigned", "arrived", "boarded", "driver-cancelled", "cancelled"
    ]
    car: Car | None = None
    was: str = ""


# A car is coming, or may be.
TAKEN = frozenset({"searching", "assigned", "arrived"})

_status = msgspec.json.Decoder(RideStatus)


class DispatchQuery(QueryEffect, frozen=True):
    """A route is to be asked of a ride, `holder` alone: `request`, `status` or `cancel`."""

    road: str
    kind: str
    ride: str
    began_ns: int
    deadline: Deadline
    holder: str = ""


def read_answer(answer: OutsideAnswer) -> RideStatus | QueryRefused | QueryUnanswered:
    """What an answer says; one that cannot be read leaves everything open."""
    if not isinstance(answer, QueryReply):
        return answer
    try:
        return _status.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return QueryUnanswered("requests.bad-answer")
