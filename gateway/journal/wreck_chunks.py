"""What a wreck still holds, in chunks: entries with their former identity, and gaps."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.clock import Clock
from gateway.event import Lane, event_id
from gateway.journal import events, lane_rows, number_spans
from gateway.journal.lane_rows import LaneRow
from gateway.journal.number_spans import NumberSpan, NumberSpans
from gateway.journal.salvage import Wreck
from gateway.journal.wrecks import WreckProgress

CHUNK_BYTES = 128 * 1024
CHUNK_NS = 20_000_000
# Work of one step, and so the longest wait of an emergency behind it.
SCAN_SHEETS = 512


class WreckChunk(NamedTuple):
    """Bodies of one lane that settle its numbers up to `upto`; `through`: the lane is finished.

    `last` is the last number that was found in it. `again_upto`: the end of what it settles of
    the numbers to be read again. `within`, by epoch: numbers of other wrecks that should have
    been found up to here and were not.
    """

    lane: Lane
    bodies: tuple[bytes, ...]
    upto: int
    salvaged: int
    last: int
    through: bool
    again_upto: int
    within: Mapping[str, NumberSpans]

    def after(self, before: WreckProgress, epoch: str, head: int) -> WreckProgress:
        """The progress once this chunk is stored behind `head` of that epoch."""
        lane = self.lane.wire
        same = before.into in ("", epoch)
        ends, came = (before.ends, before.came) if same else ({}, {})
        again = before.again.get(lane, ())
        if self.bodies:
            ends = ends | {lane: head + len(self.bodies)}
            told = number_spans.truncate_spans(again, self.again_upto)
            if (upto := before.upto.get(lane, 0)) < self.upto:
                told = (*told, NumberSpan(upto + 1, self.upto))
            stored = came.get(lane, ())
            for span in told:
                stored = number_spans.append_span(stored, span.first, span.last, head)
            came = came | {lane: stored}
        again = () if self.through else number_spans.remove_numbers(again, 1, self.again_upto)
        end = max(before.end.get(lane, 0), self.last)
        left = tuple(each for each in before.left if each != lane or not self.through)
        return msgspec.structs.replace(
            before,
            left=left,
            upto=before.upto | {lane: self.upto},
            end=before.end | {lane: end} if end else before.end,
            ends=ends,
            into=epoch,
            salvaged=before.salvaged + self.salvaged,
            came=came,
            within=self._within(before.within),
            again=_with(before.again, lane, again),
        )

    def _within(
        self, before: dict[str, dict[str, NumberSpans]]
    ) -> dict[str, dict[str, NumberSpans]]:
        lane = self.lane.wire
        found = {
            epoch: _with(lanes, lane, () if self.through else self.within.get(epoch, ()))
            for epoch, lanes in before.items()
        }
        return {epoch: lanes for epoch, lanes in found.items() if lanes}


def _with(
    lanes: dict[str, NumberSpans], lane: str, spans_of_it: NumberSpans
) -> dict[str, NumberSpans]:
    """The lanes with that one added, if it holds anything."""
    others = {each: found for each, found in lanes.items() if each != lane}
    return others | {lane: spans_of_it} if spans_of_it else others


class _Told(NamedTuple):
    """A body, the number up to which it settles the lane, and whether it is an entry.

    `again`: it was imported before. `found`: the numbers of another wreck that it stands for.
    """

    upto: int
    body: bytes
    entry: bool
    again: bool = False
    found: tuple[str, int, int] | None = None


class WreckChunks:
    """The chunks of some lanes of a wreck, lane after lane."""

    def __init__(
        self,
        path: Path,
        progress: WreckProgress,
        lanes: tuple[Lane, ...],
        station: str,
        clock: Clock,
    ) -> None:
        """Open the wreck; `lanes` are read together, which saves scans."""
        self._progress = progress
        self._lanes = list(lanes)
        self._station = station
        self._clock = clock
        self._told: Iterator[_Told | None] | None = None
        self._chunk: WreckChunk | None = None
        self._start(lanes[0])
        self._wreck = Wreck(path, progress.former, lanes)
        self._wreck.skip({lane: self._first(lane) for lane in lanes})

    def close(self) -> None:
        """Close the wreck."""
        self._wreck.close()

    def next(self) -> WreckChunk | None:
        """The next chunk, the same one until `stored` is called; None if it takes another step."""
        if self._chunk is None:
            if self._wreck.scan(SCAN_SHEETS):
                return None
            self._chunk = self._gathered(self._lanes[0])
        return self._chunk

    def stored(self) -> bool:
        """The last chunk is in the journal; False if there are no more."""
        chunk, self._chunk = self._chunk, None
        assert chunk is not None
        if chunk.through:
            self._lanes.remove(chunk.lane)
            if self._lanes:
                self._start(self._lanes[0])
                self._wreck.scan_lane(self._lanes[0], self._first(self._lanes[0]))
        return bool(self._lanes)

    def _start(self, lane: Lane) -> None:
        """Begin with that lane."""
        self._told = None
        self._upto = self._progress.upto.get(lane.wire, 0)
        self._again_upto = self._looked_upto = 0
        within = self._progress.within.items()
        self._within = {epoch: lanes[lane.wire] for epoch, lanes in within if lane.wire in lanes}

    def _first(self, lane: Lane) -> int:
        """The number up to which nothing will be asked for."""
        progress, wire = self._progress, lane.wire
        if lane is not self._lanes[0]:
            again, upto, looked_upto = progress.again.get(wire, ()), progress.upto.get(wire, 0), 0
            within = [lanes[wire] for lanes in progress.within.values() if wire in lanes]
        else:
            again = number_spans.remove_numbers(progress.again.get(wire, ()), 1, self._again_upto)
            upto, looked_upto, within = self._upto, self._looked_upto, list(self._within.values())
        behind = [max(span.behind, looked_upto) for each in within for span in each]
        return min([upto, *behind, *(span.first - 1 for span in again)])

    def _gathered(self, lane: Lane) -> WreckChunk | None:
        """As much of the lane as a step may take; None if nothing was found yet."""
        if self._told is None:
            self._told = self._rest_of(lane)
        until_ns = self._clock.now_ns() + CHUNK_NS
        bodies: list[bytes] = []
        size = entries = 0
        through = True
        for told in self._told:
            if told is not None:
                self._take(told)
                bodies.append(told.body)
                size += len(told.body)
                entries += told.entry and not told.again
            if size >= CHUNK_BYTES or self._clock.now_ns() > until_ns:
                through = False
                break
        else:
            if not self._wreck.complete(lane):
                through = False
                self._wreck.scan_lane(lane, self._first(lane))
                self._told = self._rest_of(lane)
        if not through and not bodies:
            return None
        return WreckChunk(
            lane, tuple(bodies), self._upto, entries, self._wreck.last(lane), through,
            self._again_upto, dict(self._within),
        )  # fmt: skip

    def _take(self, told: _Told) -> None:
        if told.again:
            self._again_upto = told.upto
        else:
            self._upto = told.upto
        self._find(told.found)

    def _find(self, found: tuple[str, int, int] | None) -> None:
        """Mark these numbers of another wreck as found."""
        if found is not None and found[0] in self._within:
            epoch, first, last = found
            self._within[epoch] = number_spans.remove_numbers(self._within[epoch], first, last)

    def _rest_of(self, lane: Lane) -> Iterator[_Told | None]:
        """What is to be read again, then the lane behind `upto`; None for a skipped entry."""
        again = self._progress.again.get(lane.wire, ())
        for span in number_spans.remove_numbers(again, 1, self._again_upto):
            for told in self._between(lane, span.first - 1, span.last):
                yield told._replace(again=True)
        yield from self._looked_back(lane)
        yield from self._between(lane, self._upto)

    def _looked_back(self, lane: Lane) -> Iterator[None]:
        """Look for other wrecks' entries among the numbers that were already receipted."""
        behind = [span.behind for each in self._within.values() for span in each]
        first = max(min(behind, default=self._upto), self._looked_upto)
        if first >= self._upto:
            return
        for row in self._wreck.indexed(lane, first):
            if row.first > self._upto:
                break
            for body in [] if row.form == lane_rows.GAP else _bodies(row):
                self._find(events.former_numbers(body))
            self._looked_upto = row.seq
            yield None
        if self._wreck.complete(lane):
            self._looked_upto = self._upto

    def _between(self, lane: Lane, upto: int, last: int | None = None) -> Iterator[_Told]:
        """The lane's entries behind `upto` up to `last`, with a gap for each hole."""
        known, most = False, 2**62 if last is None else last
        for row in self._wreck.indexed(lane, upto):
            if known := row.first > most:
                break
            told = [each for each in self._row(lane, row, upto) if each.upto <= most]
            if not told:
                continue
            if row.first > upto + 1:
                yield self._gap(lane, upto + 1, row.first - 1, events.DAMAGED)
            yield from told
            upto = told[-1].upto
        end = last or max(self._progress.end.get(lane.wire, 0), self._wreck.last(lane))
        if (known or self._wreck.complete(lane)) and end > upto:
            yield self._gap(lane, upto + 1, end, events.DAMAGED)

    def _row(self, lane: Lane, row: LaneRow, upto: int) -> Iterator[_Told]:
        if row.form == lane_rows.GAP:
            why = events.gap_reason(row.body)
            yield self._gap(lane, max(row.first, upto + 1), row.seq, why)
            return
        for seq, body in enumerate(_bodies(row), row.first):
            if seq > upto:
                identity = event_id(self._station, self._progress.former, lane, seq)
                found = events.former_numbers(body) if self._within else None
                yield _Told(seq, events.renumber_event(body, identity), entry=True, found=found)

    def _gap(self, lane: Lane, first: int, last: int, why: str) -> _Told:
        gap = events.Gap(lane.wire, first, last, why, self._progress.former)
        body = events.encode_gap(self._station, self._clock.stamp(), gap)
        return _Told(last, body, entry=False)


def _bodies(row: LaneRow) -> list[bytes]:
    """The row's bodies; none if it cannot be unpacked, even though its checksum holds."""
    if row.form == lane_rows.ONE:
        return [row.body]
    try:
        found = lane_rows.unpack_bodies(row.body)
    except ValueError:
        return []
    return found if len(found) == row.span else []
