"""Single events that a platform will not take.

Such an event stays in the station's history; to this platform its number is reported as a gap, so
that the lane goes on without a hole. A `feed.rejected` event says which and why.
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
# A platform that refuses so many in a row refuses us, not our events: stop giving them up.
IN_A_ROW_MAX = 8

_log = logging.getLogger(__name__)
_REMEMBERED_MAX = 512
_OWN_TYPE = f'"type":"{FEED_REJECTED.type}"'.encode()


class PoisonEvents:
    """What one platform would not take, as far as it is not settled yet."""

    def __init__(self, uplink: str, journal: ReadAppender, clock: Clock, station: str) -> None:
        self._uplink = uplink
        self._journal = journal
        self._clock = clock
        self._station = station
        self._refused: set[tuple[Lane, int]] = set()
        self._recorded: OrderedDict[str, None] = OrderedDict()
        self._in_a_row = 0

    def mask_entries(self, entries: Iterable[JournalEntry]) -> tuple[JournalEntry, ...]:
        """The entries with a gap in place of each refused one."""
        if not self._refused:
            return tuple(entries)
        return tuple(
            replace_with_gap(entry, REJECTED, self._station, self._clock.stamp())
            if (entry.lane, entry.seq) in self._refused
            else entry
            for entry in entries
        )

    def may_give_up(self, entry: JournalEntry) -> bool:
        """Whether this refused event may become a gap; a refused gap never may."""
        return (
            entry.gap_from is None
            and (entry.lane, entry.seq) not in self._refused
            and self._in_a_row < IN_A_ROW_MAX
        )

    async def give_up_entry(self, entry: JournalEntry, code: str) -> None:
        """Record that the platform refused this event, and report it as a gap from now on."""
        await self._record([(entry, code)])
        self._refused.add((entry.lane, entry.seq))
        self._in_a_row += 1

    async def record_rejections(
        self, entries: Sequence[JournalEntry], rejections: Sequence[Rejection]
    ) -> None:
        """Record what a receipt rejects of the batch that it answers."""
        if not rejections:
            return
        sent = {event_id(self._station, e.epoch, e.lane, e.seq): e for e in entries}
        await self._record([(sent[no.id], no.code) for no in rejections if no.id in sent])

    def on_settled(self, entries: Iterable[JournalEntry], upto: Mapping[Lane, int]) -> None:
        """The platform took a batch and receipted up to there."""
        if any((entry.lane, entry.seq) not in self._refused for entry in entries):
            self._in_a_row = 0
        self._refused = {(lane, seq) for lane, seq in self._refused if seq > upto.get(lane, 0)}

    async def _record(self, refusals: list[tuple[JournalEntry, str]]) -> None:
        new = {
            event_id(self._station, entry.epoch, entry.lane, entry.seq): code
            for entry, code in refusals
            # A refused report of a refusal is not reported: that would never end.
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
