"""What a damaged journal still holds: every row whose checksum says that it is whole.

SQLite's own tree is not needed: all leaf pages are scanned, and a row is believed when its CRC
fits its epoch, its lane and its number. State comes in its newest version.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.event import Lane
from gateway.journal import rows
from gateway.journal.pages import Garbage, Pages, Place, Record
from gateway.journal.rows import Row

_META = re.compile(rb"epoch([0-9a-f]{16})")
_META_PAGES = 64
"""The table of the epoch is one of the first."""


class Found(NamedTuple):
    """A row of a lane, and where it lies: a wreck may be larger than the memory."""

    seq: int
    place: Place


class Wreck:
    """A damaged file, scanned once."""

    def __init__(self, path: Path, epoch: str | None) -> None:
        """Scan it; `epoch` is what the lock file says, believed where the file says nothing."""
        self._pages = Pages(path)
        self.epoch = self._pages.search(_META, _META_PAGES) or epoch
        self.lanes: dict[Lane, list[Found]] = {lane: [] for lane in Lane}
        self.states: dict[tuple[str, str], bytes] = {}
        self._changes: Counter[tuple[str, str]] = Counter()
        if self.epoch is not None:
            self._scan(self.epoch)

    def close(self) -> None:
        """Let the files go."""
        self._pages.close()

    def _scan(self, epoch: str) -> None:
        for place in self._pages.places():
            try:
                record = self._pages.record(place)
            except Garbage:
                continue
            if (row := _row(record)) is not None:
                self._note_row(epoch, row, place)
            else:
                self._note_state(epoch, record)
        for found in self.lanes.values():
            found.sort()

    def _note_row(self, epoch: str, row: Row, place: Place) -> None:
        for lane in Lane:
            if row.holds(epoch, lane):
                self.lanes[lane].append(Found(row.seq, place))
                return

    def _note_state(self, epoch: str, record: Record) -> None:
        match record.values:
            case [None, int(change), str(room), str(key), int(crc), bytes(body)]:
                name = (room, key)
                whole = crc == rows.state_checksum(epoch, room, key, change, body)
                if whole and change > self._changes[name]:
                    self._changes[name] = change
                    self.states[name] = body

    @property
    def last(self) -> dict[str, int]:
        """The last number found in each lane, by the lane's name."""
        return {lane.wire: found[-1].seq for lane, found in self.lanes.items() if found}

    def rows(self, lane: Lane, after: int = 0) -> Iterator[Row]:
        """The lane's rows that reach beyond `after`, in order, each number once."""
        for found in self.lanes[lane]:
            if found.seq <= after:
                continue
            row = _row(self._pages.record(found.place))
            assert row is not None  # it was one when the wreck was scanned
            after = row.seq
            yield row


def _row(record: Record) -> Row | None:
    match record.values:
        case [None, int(span), int(form), int(total), int(crc), bytes(body)] if (
            form in rows.FORMS and 0 < span <= record.rowid
        ):
            return Row(record.rowid, span, form, total, crc, body)
    return None
