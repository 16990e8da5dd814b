"""The kinds of event that the upstream makes.

feed.gap           numbers that a platform will never get, in the lane that they stood in
feed.rejected      events that a platform would not take (service)
command.receipt    what became of a platform's command (service)

Each has its golden JSON in `tests/golden/feed/`.
"""

from typing import Any

import msgspec

from gateway.event import Audience, Entry, Kind, Lane, Stamps
from gateway.journal.events import Gap, gap_tail

ROOM = "upstream"


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


FEED_REJECTED = Kind("feed", "rejected", Lane.SERVICE, Rejections, Audience.STAFF)
COMMAND_RECEIPT = Kind("command", "receipt", Lane.SERVICE, Receipt, Audience.STAFF)
KINDS = (FEED_REJECTED, COMMAND_RECEIPT)


def gap_instead(entry: Entry, why: str, station: str, stamps: Stamps) -> Entry:
    """The gap that takes the place of an entry which the platform will not have."""
    first = entry.seq if entry.gap_from is None else entry.gap_from
    gap = Gap(entry.lane.wire, first, entry.seq, why)
    body = gap_tail(station, stamps, gap)
    return Entry(entry.epoch, entry.lane, entry.seq, body, gap_from=first)
