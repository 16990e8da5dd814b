"""What became of requests, read back from the journal, newest first."""

from collections.abc import Callable, Mapping

import msgspec

from gateway.audit import event_history
from gateway.audit.event_history import HistoryPage
from gateway.event import JournalEntry, Lane
from gateway.journal.ports import Reader
from kiosk.requests.events import RequestEventData

LANES = (Lane.EMERGENCY, Lane.ALARM, Lane.SERVICE)
TYPE = b'"type":"cn.yizhan.request.'


class _Tail(msgspec.Struct, frozen=True):
    timequality: str
    uptimems: str
    data: RequestEventData
    time: str | None = None
    place: str = ""


class RequestHistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a request."""

    lane: Lane
    seq: int
    time: str | None
    trust: str
    at_ms: int
    place: str
    told: RequestEventData


HistoryFilter = Callable[[RequestEventData], bool]


async def read_history(
    lanes: Reader, before: Mapping[Lane, int], limit: int, wanted: HistoryFilter
) -> HistoryPage[RequestHistoryEntry]:
    """At most `limit` turns that are wanted, below `before` in each lane (empty: from the end)."""

    def read(entry: JournalEntry) -> RequestHistoryEntry | None:
        turn = decode_history_entry(entry)
        return turn if turn is not None and wanted(turn.told) else None

    return await event_history.read_history(lanes, LANES, before, limit, read)


def decode_history_entry(entry: JournalEntry) -> RequestHistoryEntry | None:
    """The turn in an entry, if it is one."""
    if TYPE not in entry.body:
        return None
    try:
        tail = msgspec.json.decode(b"{" + entry.body, type=_Tail)
    except msgspec.DecodeError:
        return None  # of another version: the platform has it, this page cannot tell it
    return RequestHistoryEntry(
        lane=entry.lane,
        seq=entry.seq,
        time=tail.time,
        trust=tail.timequality,
        at_ms=int(tail.uptimems),
        place=tail.place,
        told=tail.data,
    )


def filter_by_request(request_id: str) -> HistoryFilter:
    """Whatever belongs to that request."""
    return lambda told: told.request == request_id


def filter_by_family(family: str, number: str) -> HistoryFilter:
    """Of that family, with that number; empty is everything."""

    def wanted(told: RequestEventData) -> bool:
        return family in ("", told.family) and number in ("", told.number)

    return wanted
