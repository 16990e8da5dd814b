"""From a wreck into a new journal: all state, and every entry that somebody has not receipted.

An entry comes over under a new number and says which identity it had (`formerid`), so that a
platform which has it already knows it again. Numbers that are not there any more are told as gaps
of the former epoch. What everybody had receipted stays in the wreck, as history.
"""

from collections.abc import Collection, Iterator

from gateway.event import Lane, Stamps, event_id
from gateway.journal import events, rows
from gateway.journal.core import Append, Core
from gateway.journal.options import StateChange
from gateway.journal.positions import ROOM, Positions
from gateway.journal.rows import Row
from gateway.journal.salvage import Wreck

_AT_ONCE_BYTES = 512 * 1024


class Transfer:
    """One salvage into `core`."""

    def __init__(
        self,
        wreck: Wreck,
        core: Core,
        station: str,
        stamps: Stamps,
        required: Collection[str] | None,
    ) -> None:
        self._wreck = wreck
        self._core = core
        self._station = station
        self._stamps = stamps
        kept = {key: body for (room, key), body in wreck.states.items() if room == ROOM}
        self._positions = Positions(kept, required)
        self._salvaged = 0

    def run(self) -> None:
        """Bring everything over; the word about it comes last, so that it can tell how much."""
        self._core.commit([Append((), self._states())])
        for lane in Lane:
            self._bring(lane)
        new = events.NewEpoch(self._wreck.epoch, events.SALVAGED, self._wreck.last, self._salvaged)
        body = events.epoch_tail(self._station, self._stamps, new)
        self._core.commit([Append(((events.NEW_EPOCH.lane, body),))])

    def _states(self) -> tuple[StateChange, ...]:
        return tuple(
            StateChange(room, key, body)
            for (room, key), body in self._wreck.states.items()
            if room != ROOM
        )

    def _bring(self, lane: Lane) -> None:
        bodies: list[tuple[Lane, bytes]] = []
        size = 0
        for body in self._bodies(lane):
            bodies.append((lane, body))
            size += len(body)
            if size >= _AT_ONCE_BYTES:
                self._core.commit([Append(tuple(bodies))])
                bodies, size = [], 0
        if bodies:
            self._core.commit([Append(tuple(bodies))])

    def _bodies(self, lane: Lane) -> Iterator[bytes]:
        """The lane's entries behind what everybody has, a gap for each hole between."""
        found = self._wreck.lanes[lane]
        last = found[-1].seq if found else 0
        due = min(self._positions.floor(lane, last), last) + 1
        for row in self._wreck.rows(lane, after=due - 1):
            if row.first > due:
                yield self._gap(lane, due, row.first - 1, events.DAMAGED)
            yield from self._row(lane, row, max(due, row.first))
            due = row.seq + 1

    def _row(self, lane: Lane, row: Row, first: int) -> Iterator[bytes]:
        if row.form == rows.GAP:
            yield self._gap(lane, first, row.seq, events.QUOTA)
            return
        bodies = rows.unpack(row.body) if row.form == rows.PACK else [row.body]
        for seq, body in enumerate(bodies, row.first):
            if seq >= first:
                self._salvaged += 1
                yield events.former(body, event_id(self._station, self._epoch, lane, seq))

    @property
    def _epoch(self) -> str:
        assert self._wreck.epoch is not None  # without an epoch no row was believed
        return self._wreck.epoch

    def _gap(self, lane: Lane, first: int, last: int, why: str) -> bytes:
        gap = events.Gap(lane.wire, first, last, why, self._epoch)
        return events.gap_tail(self._station, self._stamps, gap)
