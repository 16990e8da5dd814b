"""Reads events of several lanes back, newest first, a page at a time.

Each lane has its own numbers; a page merges them by time and returns where to continue in each. It
reads a bounded part of each lane.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from gateway.audit.act_history import SLICE, SLICES_MAX
from gateway.event import JournalEntry, Lane
from gateway.journal.ports import Reader

# Stands for an unknown time, so that the event keeps its lane's order.
UNTIMED = "~"


DataT = TypeVar("DataT")


class HistoryItem(Protocol):
    """One event that was read back."""

    @property
    def seq(self) -> int:
        """Its number in its lane."""

    @property
    def time(self) -> str | None:
        """Its time, if that was known."""


class HistoryEntry(msgspec.Struct, Generic[DataT], frozen=True, kw_only=True):
    """One event as it was written; `kind` is the last word of its type, such as `raised`."""

    lane: Lane
    seq: int
    kind: str
    time: str | None
    trust: str
    at_ms: int
    place: str
    correlation: str
    data: DataT


class _Tail(msgspec.Struct, frozen=True):
    type: str
    timequality: str
    uptimems: str
    data: msgspec.Raw
    time: str | None = None
    place: str = ""
    correlationid: str = ""


def decode_entry(
    entry: JournalEntry, domain: str, shape_of: Callable[[str], type[DataT]]
) -> HistoryEntry[DataT] | None:
    """The event in an entry, its data as the shape of its kind; None if it is of another domain.

    None also for one of another version: the platform has it, and this page cannot show it.
    """
    if f'"type":"cn.yizhan.{domain}.'.encode() not in entry.body:
        return None
    try:
        tail = msgspec.json.decode(b"{" + entry.body, type=_Tail)
        kind = tail.type.split(".")[-2]
        data = msgspec.json.decode(tail.data, type=shape_of(kind))
    except (msgspec.DecodeError, IndexError):
        return None
    return HistoryEntry(
        lane=entry.lane,
        seq=entry.seq,
        kind=kind,
        time=tail.time,
        trust=tail.timequality,
        at_ms=int(tail.uptimems),
        place=tail.place,
        correlation=tail.correlationid,
        data=data,
    )


T = TypeVar("T", bound=HistoryItem)
# Decodes an entry; None if it is not wanted.
ReadEntry = Callable[[JournalEntry], T | None]


class HistoryPage(NamedTuple, Generic[T]):
    """Newest first; `before` leads to the older ones, empty if there are none."""

    turns: tuple[T, ...]
    before: Mapping[Lane, int]


async def read_history(
    lanes: Reader, which: Sequence[Lane], before: Mapping[Lane, int], limit: int, read: ReadEntry[T]
) -> HistoryPage[T]:
    """At most `limit` wanted entries below `before` in each lane (empty: from the end)."""
    found: dict[Lane, list[T]] = {}
    ends: dict[Lane, int] = {}
    for lane in which:
        end = before.get(lane, lanes.heads()[lane] + 1)
        found[lane], ends[lane] = await _back(lanes, lane, end, limit, read)
    turns: list[T] = []
    while len(turns) < limit and any(found.values()):
        newest = max(
            (lane for lane in which if found[lane]), key=lambda one: found[one][0].time or UNTIMED
        )
        turns.append(found[newest].pop(0))
    for lane, rest in found.items():
        if rest:  # not shown yet: the next page begins with it
            ends[lane] = rest[0].seq + 1
    more = any(end > 1 for end in ends.values())
    return HistoryPage(tuple(turns), ends if more else {})


async def _back(
    lanes: Reader, lane: Lane, end: int, limit: int, read: ReadEntry[T]
) -> tuple[list[T], int]:
    """Up to `limit` wanted ones below `end`, and the number below which nothing was read."""
    found: list[T] = []
    for _ in range(SLICES_MAX):
        if end <= 1 or len(found) >= limit:
            break
        first = max(1, end - SLICE)
        for entry in reversed(await lanes.read(lane, first - 1, end - first)):
            below = entry.gap_from is None and entry.seq < end
            if below and (one := read(entry)) is not None:
                found.append(one)
        end = first
    if len(found) > limit:
        return found[:limit], found[limit].seq + 1
    return found, end
