"""Single events that a platform rejects.

Such an event stays in the station's history. This platform gets a gap in its place, so that the
lane continues without a hole, and a `feed.rejected` event names it with the reason.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from gateway.clock import Clock
from gateway.errors import JournalFull
from gateway.event import Event, JournalEntry, Lane, event_id
from gateway.journal.ports import ReadAppender
from gateway.upstream.feed.events import (
    FEED_REJECTED,
    ROOM,
    RejectedEvent,
    RejectionsEventData,
    replace_with_gap,
)
from gateway.upstream.uplinks.contract import Rejection

REJECTED = "upstream.rejected"
# A platform that rejects this many in a row rejects the station, not single events.
IN_A_ROW_MAX = 8

_log = logging.getLogger(__name__)
_REMEMBERED_MAX = 512
_OWN_TYPE = f'"type":"{FEED_REJECTED.type}"'.encode()


class PoisonEvents:
    """The events that one platform rejected and whose gaps are not receipted yet."""

    def __init__(self, uplink: str, journal: ReadAppender, clock: Clock, station: str) -> None:
        self._uplink = uplink
        self._journal = journal
        self._clock = clock
        self._station = station
        self._refused: set[tuple[Lane, int]] = set()
        self._recorded: OrderedDict[str, None] = OrderedDict()
        self._in_a_row = 0

    def mask_entries(self, entries: Iterable[JournalEntry]) -> tuple[JournalEntry, ...]:
        """The entries, with a gap in place of each rejected one."""
        if not self._refused:
            return tuple(entries)
        return tuple(
            replace_with_gap(entry, REJECTED, self._station, self._clock.stamp())
            if (entry.lane, entry.seq) in self._refused
            else entry
            for entry in entries
        )

    def may_give_up(self, entry: JournalEntry) -> bool:
        """Whether a gap may replace this rejected entry; a rejected gap is never replaced."""
        return (
            entry.gap_from is None
            and (entry.lane, entry.seq) not in self._refused
            and self._in_a_row < IN_A_ROW_MAX
        )

    async def give_up_entry(self, entry: JournalEntry, code: str) -> None:
        """Record that the platform rejected this event, and send a gap in its place from now on."""
        await self._record([(entry, code)])
        self._refused.add((entry.lane, entry.seq))
        self._in_a_row += 1

    async def record_rejections(
        self, entries: Sequence[JournalEntry], rejections: Sequence[Rejection]
    ) -> None:
        """Record the rejections in a receipt for these entries."""
        if not rejections:
            return
        sent = {event_id(self._station, e.epoch, e.lane, e.seq): e for e in entries}
        await self._record([(sent[no.id], no.code) for no in rejections if no.id in sent])

    def on_settled(self, entries: Iterable[JournalEntry], upto: Mapping[Lane, int]) -> None:
        """The platform accepted these entries and receipted up to `upto`."""
        if any((entry.lane, entry.seq) not in self._refused for entry in entries):
            self._in_a_row = 0
        self._refused = {(lane, seq) for lane, seq in self._refused if seq > upto.get(lane, 0)}

    async def _record(self, refusals: list[tuple[JournalEntry, str]]) -> None:
        new = {
            event_id(self._station, entry.epoch, entry.lane, entry.seq): code
            for entry, code in refusals
            # A rejected `feed.rejected` is not reported again: that would never end.
            if _OWN_TYPE not in entry.body
        }
        new = {name: code for name, code in new.items() if name not in self._recorded}
        if not new:
            return
        try:
            await self._journal.append([self._event(new)])
        except JournalFull:
            _log.warning("no room to record what %s would not take: %s", self._uplink, new)
            return
        self._recorded.update(dict.fromkeys(new))
        while len(self._recorded) > _REMEMBERED_MAX:
            self._recorded.popitem(last=False)

    def _event(self, refusals: Mapping[str, str]) -> Event:
        return Event(
            kind=FEED_REJECTED,
            source=ROOM,
            stamps=self._clock.stamp(),
            data=RejectionsEventData(
                self._uplink, tuple(RejectedEvent(name, code) for name, code in refusals.items())
            ),
        )
