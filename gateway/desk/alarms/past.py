"""Alarms, escalations and what linkages did, read back from the journal, newest first."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from gateway.audit import several
from gateway.audit.several import Page
from gateway.event import Entry, Lane
from gateway.journal.ports import Reader
from gateway.rules.events import Did, Said, Told, Waiting

LANES = (Lane.EMERGENCY, Lane.ALARM, Lane.SERVICE)
TYPE = b'"type":"cn.yizhan.alarm.'
SHAPES: dict[str, type[msgspec.Struct]] = {
    "action": Did,
    "message": Said,
    "paused": Waiting,
    "running": Waiting,
}


class _Tail(msgspec.Struct, frozen=True):
    type: str
    timequality: str
    uptimems: str
    data: msgspec.Raw
    time: str | None = None
    place: str = ""
    correlationid: str | None = None


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an alarm, or because of one."""

    lane: Lane
    seq: int
    what: str
    time: str | None
    trust: str
    at_ms: int
    place: str
    alarm: str
    data: Told | Did | Said | Waiting

    @property
    def rule(self) -> str:
        """Whose alarm it is about; "" where it is about all."""
        return "" if isinstance(self.data, Waiting) else self.data.rule


Wanted = Callable[[Turn], bool]


async def page(lanes: Reader, before: Mapping[Lane, int], limit: int, wanted: Wanted) -> Page[Turn]:
    """At most `limit` turns that are wanted, below `before` in each lane (empty: from the end)."""

    def read(entry: Entry) -> Turn | None:
        turn = turn_of(entry)
        return turn if turn is not None and wanted(turn) else None

    return await several.page(lanes, LANES, before, limit, read)


def turn_of(entry: Entry) -> Turn | None:
    """The turn in an entry, if it is one."""
    if TYPE not in entry.body:
        return None
    try:
        tail = msgspec.json.decode(b"{" + entry.body, type=_Tail)
        what = tail.type.split(".")[-2]
        data: Any = msgspec.json.decode(tail.data, type=SHAPES.get(what, Told))
    except (msgspec.DecodeError, IndexError):
        return None  # of another version: the platform has it, this page cannot tell it
    return Turn(
        lane=entry.lane,
        seq=entry.seq,
        what=what,
        time=tail.time,
        trust=tail.timequality,
        at_ms=int(tail.uptimems),
        place=tail.place,
        alarm=tail.correlationid or "",
        data=data,
    )


def of_alarm(alarm_id: str) -> Wanted:
    """Whatever belongs to that alarm; the record of a message says it already."""
    return lambda turn: turn.alarm == alarm_id and turn.what != "message"


def of_filter(rule: str, whats: Collection[str]) -> Wanted:
    """Of that rule, and of those kinds; empty is everything."""

    def wanted(turn: Turn) -> bool:
        return rule in ("", turn.rule) and (not whats or turn.what in whats)

    return wanted
