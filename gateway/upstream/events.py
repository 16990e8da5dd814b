"""The kinds of event that the upstream makes.

feed.gap           numbers that a platform will never get, in the lane that they stood in
feed.rejected      events that a platform would not take (service)
command.receipt    what became of a platform's command (service)

Each has its golden JSON in `tests/golden/feed/`.
"""

from typing import Any

import msgspec

from gateway.event import Entry, Event, Kind, Lane, Stamps, tail

ROOM = "upstream"


class Gap(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """Numbers `first` to `last` of `lane` will not come; `why` is a text code."""

    lane: str
    first: int
    last: int
    why: str


class RejectedEvent(msgspec.Struct, frozen=True):
    """One event's id and the reason that the platform gave."""

    id: str
    code: str


class Rejections(msgspec.Struct, frozen=True):
    """What the platform behind `uplink` would not take; the events stay in the history."""

    uplink: str
    events: tuple[RejectedEvent, ...]


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a command, an order or a request: `of` is its id, `reason_code` says why."""

    of: str
    state: str
    reason_code: str | None = None
    at: str | None = None
    detail: Any = None


FEED_GAP = Kind("feed", "gap", Lane.SERVICE, Gap)
FEED_REJECTED = Kind("feed", "rejected", Lane.SERVICE, Rejections)
COMMAND_RECEIPT = Kind("command", "receipt", Lane.SERVICE, Receipt)
KINDS = (FEED_GAP, FEED_REJECTED, COMMAND_RECEIPT)


def gap_instead(entry: Entry, why: str, station: str, stamps: Stamps) -> Entry:
    """The gap that takes the place of an entry which the platform will not have."""
    first = entry.seq if entry.gap_from is None else entry.gap_from
    event = Event(
        kind=FEED_GAP,
        source=ROOM,
        stamps=stamps,
        lane=entry.lane,
        data=Gap(entry.lane.wire, first, entry.seq, why),
    )
    return Entry(entry.epoch, entry.lane, entry.seq, tail(event, station), gap_from=first)
