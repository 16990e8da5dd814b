"""The kinds of event that the feed makes.

feed.gap           numbers that a platform will never get, in the lane that they stood in
feed.rejected      events that a platform would not take (service)

Each has its golden JSON in `tests/golden/feed/`.
"""

import msgspec

from gateway.event import Audience, EventKind, JournalEntry, Lane, Timestamps
from gateway.journal.events import Gap, encode_gap

ROOM = "upstream"


class RejectedEvent(msgspec.Struct, frozen=True):
    """One event's id and the reason that the platform gave."""

    id: str
    code: str


class RejectionsEventData(msgspec.Struct, frozen=True):
    """What the platform behind `uplink` would not take; the events stay in the history."""

    uplink: str
    events: tuple[RejectedEvent, ...]


FEED_REJECTED = EventKind("feed", "rejected", Lane.SERVICE, RejectionsEventData, Audience.STAFF)
KINDS = (FEED_REJECTED,)


def replace_with_gap(
    entry: JournalEntry, why: str, station: str, stamps: Timestamps
) -> JournalEntry:
    """The gap that takes the place of an entry which the platform will not have."""
    first = entry.seq if entry.gap_from is None else entry.gap_from
    gap = Gap(entry.lane.wire, first, entry.seq, why)
    body = encode_gap(station, stamps, gap)
    return JournalEntry(entry.epoch, entry.lane, entry.seq, body, gap_from=first)
