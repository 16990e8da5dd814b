"""The newest entries of each lane, in memory: live followers never touch the disk."""

import itertools
from collections import deque
from collections.abc import Iterable

from gateway.event import JournalEntry, Lane

ENTRIES_MAX = 1_024
# For each lane.
BYTES_MAX = 512 * 1024


class RecentEntries:
    """Committed entries, contiguous in each lane."""

    def __init__(self) -> None:
        self._entries: dict[Lane, deque[JournalEntry]] = {lane: deque() for lane in Lane}
        self._bytes = dict.fromkeys(Lane, 0)

    def add(self, entries: Iterable[JournalEntry]) -> None:
        """Add committed entries, in order."""
        for entry in entries:
            newest = self._entries[entry.lane]
            newest.append(entry)
            self._bytes[entry.lane] += len(entry.body)
            while len(newest) > ENTRIES_MAX or self._bytes[entry.lane] > BYTES_MAX:
                self._bytes[entry.lane] -= len(newest.popleft().body)

    def read(self, lane: Lane, after: int, limit: int) -> list[JournalEntry] | None:
        """At most `limit` entries behind `after`; None if memory does not reach back so far."""
        newest = self._entries[lane]
        if not newest or after + 1 < newest[0].seq:
            return None
        start = after + 1 - newest[0].seq
        return list(itertools.islice(newest, start, start + limit))
