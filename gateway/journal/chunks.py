"""What a wreck still has to tell, in chunks: entries with their former identity, and gaps."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.clock import Clock
from gateway.event import Lane, event_id
from gateway.journal import events, rows
from gateway.journal.rows import Row
from gateway.journal.salvage import Wreck
from gateway.journal.wrecks import Progress

CHUNK_BYTES = 128 * 1024
CHUNK_NS = 20_000_000
SCAN_SHEETS = 512
"""How much is done in one step: an emergency waits at most for this."""


class Chunk(NamedTuple):
    """Bodies of one lane, which settle its numbers up to `upto`; `through`: the lane has no more.

    `last` is the last number that was found of it.
    """

    lane: Lane
    bodies: tuple[bytes, ...]
    upto: int
    salvaged: int
    last: int
    through: bool

    def after(self, before: Progress, epoch: str, head: int) -> Progress:
        """The progress once this is stored behind `head` of that epoch."""
        lane = self.lane.wire
        ends = before.ends | {lane: head + len(self.bodies)} if self.bodies else before.ends
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
        )


class _Told(NamedTuple):
    """A body, the number up to which it settles the lane, and whether it is an entry."""

    upto: int
    body: bytes
    entry: bool


class Chunks:
    """The chunks of some lanes of a wreck, one lane after the other."""

    def __init__(
        self, path: Path, progress: Progress, lanes: tuple[Lane, ...], station: str, clock: Clock
    ) -> None:
        """Open the wreck; `lanes` are the ones to read together, which saves scans."""
        self._progress = progress
        self._lanes = list(lanes)
        self._station = station
        self._clock = clock
        self._wreck = Wreck(path, progress.former, lanes)
        self._wreck.skip({lane: progress.upto.get(lane.wire, 0) for lane in lanes})
        self._told: Iterator[_Told] | None = None
        self._upto = 0
        self._chunk: Chunk | None = None

    def close(self) -> None:
        """Let the wreck go."""
        self._wreck.close()

    def next(self) -> Chunk | None:
        """The next chunk, the same one until it was `stored`; None: it takes another step."""
        if self._chunk is None:
            if self._wreck.scan(SCAN_SHEETS):
                return None
            self._chunk = self._gathered(self._lanes[0])
        return self._chunk

    def stored(self) -> bool:
        """The last chunk is in the journal; False if it was the last one of all."""
        chunk, self._chunk = self._chunk, None
        assert chunk is not None
        if chunk.through:
            self._lanes.remove(chunk.lane)
            self._told = None
            if self._lanes:
                lane = self._lanes[0]
                self._wreck.look_over(lane, self._progress.upto.get(lane.wire, 0))
        return bool(self._lanes)

    def _gathered(self, lane: Lane) -> Chunk:
        """As much of the lane as a step may take."""
        if self._told is None:
            self._upto = self._progress.upto.get(lane.wire, 0)
            self._told = self._rest_of(lane, self._upto)
        until_ns = self._clock.now_ns() + CHUNK_NS
        bodies: list[bytes] = []
        size = entries = 0
        through = True
        for told in self._told:
            self._upto = told.upto
            bodies.append(told.body)
            size += len(told.body)
            entries += told.entry
            if size >= CHUNK_BYTES or self._clock.now_ns() > until_ns:
                through = False
                break
        if through and not self._wreck.complete(lane):
            through = False
            self._wreck.look_over(lane, self._upto)
            self._told = self._rest_of(lane, self._upto)
        return Chunk(lane, tuple(bodies), self._upto, entries, self._wreck.last(lane), through)

    def _rest_of(self, lane: Lane, upto: int) -> Iterator[_Told]:
        """The lane's entries behind `upto`, a gap for each hole."""
        for row in self._wreck.indexed(lane, upto):
            told = list(self._row(lane, row, upto))
            if not told:
                continue
            if row.first > upto + 1:
                yield self._gap(lane, upto + 1, row.first - 1, events.DAMAGED)
            yield from told
            upto = row.seq
        end = max(self._progress.end.get(lane.wire, 0), self._wreck.last(lane))
        if self._wreck.complete(lane) and end > upto:
            yield self._gap(lane, upto + 1, end, events.DAMAGED)

    def _row(self, lane: Lane, row: Row, upto: int) -> Iterator[_Told]:
        if row.form == rows.GAP:
            yield self._gap(lane, max(row.first, upto + 1), row.seq, events.QUOTA)
            return
        for seq, body in enumerate(_bodies(row), row.first):
            if seq > upto:
                identity = event_id(self._station, self._progress.former, lane, seq)
                yield _Told(seq, events.former(body, identity), entry=True)

    def _gap(self, lane: Lane, first: int, last: int, why: str) -> _Told:
        gap = events.Gap(lane.wire, first, last, why, self._progress.former)
        body = events.gap_tail(self._station, self._clock.stamp(), gap)
        return _Told(last, body, entry=False)


def _bodies(row: Row) -> list[bytes]:
    """The row's bodies; none if it cannot be unpacked, whatever its checksum says."""
    if row.form == rows.ONE:
        return [row.body]
    try:
        found = rows.unpack(row.body)
    except ValueError:
        return []
    return found if len(found) == row.span else []
