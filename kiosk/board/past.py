"""What became of requests, read back from the journal, newest first."""

from collections.abc import Callable, Mapping

import msgspec

from gateway.audit import several
from gateway.audit.several import Page
from gateway.event import Entry, Lane
from gateway.journal.ports import Reader
from kiosk.events import Told

LANES = (Lane.EMERGENCY, Lane.ALARM, Lane.SERVICE)
TYPE = b'"type":"cn.yizhan.request.'


class _Tail(msgspec.Struct, frozen=True):
    timequality: str
    uptimems: str
    data: Told
    time: str | None = None
    place: str = ""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a request."""

    lane: Lane
    seq: int
    time: str | None
    trust: str
    at_ms: int
    place: str
    told: Told


Wanted = Callable[[Told], bool]


async def page(lanes: Reader, before: Mapping[Lane, int], limit: int, wanted: Wanted) -> Page[Turn]:
    """At most `limit` turns that are wanted, below `before` in each lane (empty: from the end)."""

    def read(entry: Entry) -> Turn | None:
        turn = turn_of(entry)
        return turn if turn is not None and wanted(turn.told) else None

    return await several.page(lanes, LANES, before, limit, read)


def turn_of(entry: Entry) -> Turn | None:
    """The turn in an entry, if it is one."""
    if TYPE not in entry.body:
        return None
    try:
        tail = msgspec.json.decode(b"{" + entry.body, type=_Tail)
    except msgspec.DecodeError:
        return None  # of another version: the platform has it, this page cannot tell it
    return Turn(
        lane=entry.lane,
        seq=entry.seq,
        time=tail.time,
        trust=tail.timequality,
        at_ms=int(tail.uptimems),
        place=tail.place,
        told=tail.data,
    )


def of_request(request_id: str) -> Wanted:
    """Whatever belongs to that request."""
    return lambda told: told.request == request_id


def of_filter(family: str, number: str) -> Wanted:
    """Of that family, with that number; empty is everything."""

    def wanted(told: Told) -> bool:
        return family in ("", told.family) and number in ("", told.number)

    return wanted
