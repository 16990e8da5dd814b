"""Alarms, escalations and what linkages did, read back from the journal, newest first.

They stand in three lanes, each with its own numbers; a page takes from all of them in the order of
their times and says where to go on in each. It looks at a bounded stretch of each lane.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from gateway.audit.history import Lanes
from gateway.event import Entry, Lane
from gateway.rules.events import Did, Said, Told, Waiting

LANES = (Lane.EMERGENCY, Lane.ALARM, Lane.SERVICE)
SLICE = 200
SLICES_MAX = 25
TYPE = b'"type":"cn.yizhan.alarm.'
SHAPES: dict[str, type[msgspec.Struct]] = {
    "action": Did,
    "message": Said,
    "paused": Waiting,
    "running": Waiting,
}
UNTIMED = "~"
"""Stands for the time of what was written while nobody knew it: it keeps its lane's order."""


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


class Page(msgspec.Struct, frozen=True):
    """Turns, newest first; `before` leads to the older ones, empty if there are none."""

    turns: tuple[Turn, ...]
    before: Mapping[Lane, int]


Wanted = Callable[[Turn], bool]


async def page(lanes: Lanes, before: Mapping[Lane, int], limit: int, wanted: Wanted) -> Page:
    """At most `limit` turns that are wanted, below `before` in each lane (empty: from the end)."""
    found: dict[Lane, list[Turn]] = {}
    ends: dict[Lane, int] = {}
    for lane in LANES:
        end = before.get(lane, lanes.heads()[lane] + 1)
        found[lane], ends[lane] = await _back(lanes, lane, end, limit, wanted)
    turns: list[Turn] = []
    while len(turns) < limit and (heads := [rest[0] for rest in found.values() if rest]):
        newest = max(heads, key=lambda turn: turn.time or UNTIMED)
        found[newest.lane].pop(0)
        turns.append(newest)
    for lane, rest in found.items():
        if rest:  # not shown yet: the next page begins with it
            ends[lane] = rest[0].seq + 1
    more = any(end > 1 for end in ends.values())
    return Page(tuple(turns), ends if more else {})


async def _back(
    lanes: Lanes, lane: Lane, end: int, limit: int, wanted: Wanted
) -> tuple[list[Turn], int]:
    """Up to `limit` wanted turns below `end`, and below which number nothing was looked at."""
    found: list[Turn] = []
    for _ in range(SLICES_MAX):
        if end <= 1 or len(found) >= limit:
            break
        first = max(1, end - SLICE)
        entries = await lanes.read(lane, first - 1, end - first)
        turns = (turn for entry in reversed(entries) if (turn := turn_of(entry, end)) is not None)
        found += filter(wanted, turns)
        end = first
    if len(found) > limit:
        return found[:limit], found[limit].seq + 1
    return found, end


def turn_of(entry: Entry, end: int) -> Turn | None:
    """The turn in an entry, if it is one and lies below `end`."""
    if entry.gap_from is not None or entry.seq >= end or TYPE not in entry.body:
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
    """Whatever belongs to that alarm."""
    return lambda turn: turn.alarm == alarm_id


def of_filter(rule: str, whats: Collection[str]) -> Wanted:
    """Of that rule, and of those kinds; empty is everything."""

    def wanted(turn: Turn) -> bool:
        return rule in ("", turn.rule) and (not whats or turn.what in whats)

    return wanted
