"""The kinds of event that the feed makes.

feed.gap           numbers that a platform will never get, in their own lane
feed.rejected      events that a platform rejected (service)

Each has its golden JSON in `tests/golden/feed/`.
"""

import msgspec

from gateway.event import Audience, EventKind, JournalEntry, Lane, Timestamps
from gateway.journal.events import Gap, encode_gap

ROOM = "upstream"


class RejectedEvent(msgspec.Struct, frozen=True):
    """The id of a rejected event and the platform's reason."""

    id: str
    code: str


class RejectionsEventData(msgspec.Struct, frozen=True):
    """Events that the platform of `uplink` rejected; they stay in the history."""

    uplink: str
    events: tuple[RejectedEvent, ...]


FEED_REJECTED = EventKind("feed", "rejected", Lane.SERVICE, RejectionsEventData, Audience.STAFF)
KINDS = (FEED_REJECTED,)


def replace_with_gap(
    entry: JournalEntry, why: str, station: str, stamps: Timestamps
) -> JournalEntry:
    """The gap that is sent in place of a rejected entry."""
    first = entry.seq if entry.gap_from is None else entry.gap_from
    gap = Gap(entry.lane.wire, first, entry.seq, why)
    body = encode_gap(station, stamps, gap)
    return JournalEntry(entry.epoch, entry.lane, entry.seq, body, gap_from=first)
