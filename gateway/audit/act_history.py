"""Reads acts back, newest first, a page at a time.

The service lane contains more than acts, so a page follows the `back` numbers where there are any,
reads a bounded number of slices, and returns where to continue.
"""

from collections.abc import Callable

import msgspec

from gateway.audit.events import ActEventData
from gateway.event import JournalEntry, Lane
from gateway.journal.chain import TYPE
from gateway.journal.ports import Reader

SLICE = 200
# A page reads at most 5,000 entries, not counting those skipped between two acts.
SLICES_MAX = 25


class _Tail(msgspec.Struct, frozen=True):
    type: str
    timequality: str
    bootid: str
    uptimems: str
    data: ActEventData
    time: str | None = None
    formerid: str | None = None


class PastAct(msgspec.Struct, frozen=True):
    """An act as it was written, with its number in the lane and its instant."""

    seq: int
    act: ActEventData
    time: str | None
    trust: str
    boot: str
    at_ms: int
    back: int = 0

    @property
    def older(self) -> int:
        """The number below which all older acts stand."""
        return self.back + 1 if 0 < self.back < self.seq else self.seq


class ActPage(msgspec.Struct, frozen=True):
    """Acts, newest first; `before` leads to the older ones, 0 if there are none."""

    acts: tuple[PastAct, ...]
    before: int


async def read_act_page(
    lanes: Reader,
    before: int,
    limit: int,
    wanted: Callable[[PastAct], bool] = lambda _: True,
    *,
    newest: int = 0,
) -> ActPage:
    """At most `limit` wanted acts with numbers below `before` (0: from the end).

    `newest` is the number of the last act, if known.
    """
    head = lanes.heads()[Lane.SERVICE]
    # The known end of a former journal may lie beyond this one's.
    end = before or min(newest or head, head) + 1
    found: list[PastAct] = []
    for _ in range(SLICES_MAX):
        first = max(1, end - SLICE)
        if end <= 1 or len(found) >= limit:
            break
        entries = await lanes.read(Lane.SERVICE, first - 1, end - first)
        acts = [past for entry in reversed(entries) if (past := _past(entry, end)) is not None]
        found += filter(wanted, acts)
        end = min(first, acts[-1].older) if acts else first
    if len(found) > limit:
        return ActPage(tuple(found[:limit]), found[limit - 1].older)
    return ActPage(tuple(found), end if end > 1 else 0)


def _past(entry: JournalEntry, end: int) -> PastAct | None:
    """The act in an entry; None if there is none."""
    if entry.gap_from is not None or entry.seq >= end or TYPE.encode() not in entry.body:
        return None
    try:
        tail = msgspec.json.decode(b"{" + entry.body, type=_Tail)
    except msgspec.DecodeError:
        return None  # not an act, or not written by us: `yizhan journal verify` names it
    back = tail.data.back if tail.formerid is None else 0  # salvaged: a former lane's
    at_ms = int(tail.uptimems)
    return PastAct(entry.seq, tail.data, tail.time, tail.timequality, tail.bootid, at_ms, back)
