"""Reads acts back, newest first, a page at a time.

The service lane holds more than acts, so a page looks at a bounded stretch of it; where that held
too few, the page says where to go on.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from gateway.audit.events import Act
from gateway.event import Entry, Lane
from gateway.journal.chain import TYPE

SLICE = 200
SLICES_MAX = 25
"""A page looks at 5,000 entries at most."""


class Lanes(Protocol):
    """What reading needs of the journal."""

    def heads(self) -> Mapping[Lane, int]:
        """The last number of each lane."""
        ...

    async def read(self, lane: Lane, after: int, limit: int = ...) -> list[Entry]:
        """A slice of one lane."""
        ...


class _Tail(msgspec.Struct, frozen=True):
    type: str
    timequality: str
    bootid: str
    uptimems: str
    data: Act
    time: str | None = None


class Past(msgspec.Struct, frozen=True):
    """An act as it was written, with its number in the lane and its instant."""

    seq: int
    act: Act
    time: str | None
    trust: str
    boot: str
    at_ms: int


class Page(msgspec.Struct, frozen=True):
    """Acts, newest first; `before` leads to the older ones, 0 if there are none."""

    acts: tuple[Past, ...]
    before: int


async def page(
    lanes: Lanes, before: int, limit: int, wanted: Callable[[Past], bool] = lambda _: True
) -> Page:
    """At most `limit` acts with numbers below `before` (0: from the end) that are wanted."""
    end = before or lanes.heads()[Lane.SERVICE] + 1
    found: list[Past] = []
    for _ in range(SLICES_MAX):
        first = max(1, end - SLICE)
        if end <= 1 or len(found) >= limit:
            break
        entries = await lanes.read(Lane.SERVICE, first - 1, end - first)
        acts = [past for entry in reversed(entries) if (past := _past(entry, end)) is not None]
        found += filter(wanted, acts)
        end = first
    kept = tuple(found[:limit])
    if len(found) > limit:
        return Page(kept, kept[-1].seq)
    return Page(kept, end if end > 1 else 0)


def _past(entry: Entry, end: int) -> Past | None:
    """The act in an entry, if it is one."""
    if entry.gap_from is not None or entry.seq >= end or TYPE.encode() not in entry.body:
        return None
    try:
        tail = msgspec.json.decode(b"{" + entry.body, type=_Tail)
    except msgspec.DecodeError:
        return None  # not an act, or not one that we wrote: `yizhan journal verify` names it
    return Past(entry.seq, tail.data, tail.time, tail.timequality, tail.bootid, int(tail.uptimems))
