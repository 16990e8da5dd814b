"""What a damaged journal still holds: every row whose checksum says that it is whole.

SQLite's own tree is not needed: all leaf pages are looked at, and a row is believed when its CRC
fits its epoch, its lane and its number. An index of the leaves (eight bytes for each) keeps the
lanes in order, so that a wreck may be larger than the memory. State is read by its own tree if
that is whole, else it is looked for, too, and comes in its newest version.
"""

import contextlib
import heapq
import re
import sqlite3
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from gateway.event import Lane
from gateway.journal import events, lane_rows
from gateway.journal.database import translate_disk_errors
from gateway.journal.lane_rows import LaneRow
from gateway.journal.lock import JournalLock
from gateway.journal.sqlite_pages import SqlitePages, TableRecord

_META = re.compile(rb"epoch([0-9a-f]{16})")
# The table of the epoch is one of the first.
_META_PAGES = 64

_INT, _TEXT = rb"[\x01-\x06\x08\x09]", rb"(?:[\x0d-\x7f]|[\x81-\xff][\x00-\x7f])"
# The types of a state's columns, as they stand before its record: few other leaves have that.
_STATE_HEAD = re.compile(rb"\x00" + _INT + 2 * _TEXT + _INT, re.DOTALL)

# Names as bytes: those that are damaged may be no text.
_STATES = "SELECT NULL, change, CAST(room AS BLOB), CAST(key AS BLOB), crc, body FROM state"

# So long is no name of ours: a row that bears such a one is not even that.
_NAME_MAX = 512

# A leaf's key is its lowest number, then its sheet: 64 GiB of pages, and numbers up to 2^35.
_SHEET_BITS = 28

_RUN_KEYS = 65_536
# Leaves indexed at once (8 MB), more than half a GiB has; a larger wreck is looked over again.
KEYS_MAX = 1_000_000


class Wreck:
    """A damaged file. Nothing is written to it."""

    def __init__(
        self,
        path: Path,
        epoch: str | None,
        lanes: Collection[Lane] = tuple(Lane),
        *,
        keep_torn: bool = False,
    ) -> None:
        """Open it; `epoch` is believed where the file does not say its own."""
        self._path = path
        self._pages = SqlitePages(path, keep_torn=keep_torn)
        self.epoch = self._pages.search(_META, _META_PAGES) or epoch
        self._index = {lane: _Index() for lane in lanes}
        self._gaps: dict[Lane, int] = dict.fromkeys(Lane, 0)
        self._last: dict[Lane, int] = dict.fromkeys(Lane, 0)
        self._after: dict[Lane, int] = dict.fromkeys(Lane, 0)
        self._lane = Lane.TELEMETRY  # that the last leaf belonged to: the next one often does, too
        self._next = 1

    def close(self) -> None:
        """Let the files go."""
        self._pages.close()

    @property
    def broken_log(self) -> bool:
        """Whether the log itself is damaged: what it held last may be gone."""
        return self._pages.log.broken

    # The state.

    @property
    def states(self) -> dict[tuple[str, str], bytes]:
        """The state, by room and key."""
        return self._state.whole

    @property
    def spoilt(self) -> dict[tuple[str, str], bytes]:
        """The states that are not as they were written, as far as they still have a name."""
        return {name: body for name, body in self._state.spoilt.items() if name not in self.states}

    @cached_property
    def _state(self) -> "_States":
        if self.epoch is None:
            return _States("")
        found = None if self.broken_log else self._states_by_tree(self.epoch)
        return self._states_by_scan(self.epoch) if found is None else found

    def _states_by_tree(self, epoch: str) -> "_States | None":
        """By SQLite's own tree; None if that is damaged."""
        uri = f"file:{quote(str(self._path))}?mode=ro"
        shared = self._path.with_name(self._path.name + "-shm")
        try:
            with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=0)) as connection:
                checked = connection.execute("PRAGMA integrity_check('state')").fetchall()
                if checked != [("ok",)]:
                    return None
                found = _States(epoch)
                for row in connection.execute(_STATES):
                    found.add([*row[:2], *map(_text, row[2:4]), *row[4:]])
                return found
        except sqlite3.Error:
            return None
        finally:
            with contextlib.suppress(OSError):
                shared.unlink(missing_ok=True)

    def _states_by_scan(self, epoch: str) -> "_States":
        found = _States(epoch)
        for leaf in self._pages.newest_leaves(_STATE_HEAD):
            for record in self._pages.records(leaf):
                if _row(record) is not None:
                    break  # a leaf of a lane
                found.add(record.values)
        return found

    # The lanes.

    def scan(self, sheets: int) -> bool:
        """Look over so many pages more; False when all are in the index."""
        if self.epoch is None or self._next > self._pages.sheets:
            return False
        first, self._next = self._next, self._next + sheets
        for number, leaf in self._pages.leaves(first, self._next - 1):
            self._note(self.epoch, number, leaf)
        return self._next <= self._pages.sheets

    def _note(self, epoch: str, number: int, leaf: bytes) -> None:
        """Put a leaf into the index, by the lowest number that is whole in it."""
        found = list(self._rows(epoch, leaf))
        if not found:
            return
        lane, last = self._lane, max(row.seq for row in found)
        self._last[lane] = max(self._last[lane], last)
        if lane not in self._index or last <= self._after[lane]:
            return
        for row in found:
            if row.form == lane_rows.GAP and events.gap_reason(row.body) == events.QUOTA:
                self._gaps[lane] = max(self._gaps[lane], row.seq)
        self._index[lane].add(min(row.seq for row in found) << _SHEET_BITS | number)
        if sum(map(len, self._index.values())) > KEYS_MAX:
            max(self._index.values(), key=len).halve()

    def _rows(self, epoch: str, leaf: bytes) -> Iterator[LaneRow]:
        """The whole rows of a leaf, if it is one of a lane, which is then `_lane`."""
        for record in self._pages.records(leaf):
            if (row := _row(record)) is None:
                continue
            if not row.holds(epoch, self._lane):
                lanes = [lane for lane in Lane if row.holds(epoch, lane)]
                if not lanes:
                    continue
                self._lane = lanes[0]
            yield row

    def numbers_torn(self) -> dict[Lane, int]:
        """The last number of each lane that the log has behind its last commit that holds."""
        found: dict[Lane, int] = {}
        first = self._pages.count + self._pages.log.sound + 1
        if self.epoch is not None:
            for _, leaf in self._pages.leaves(first, self._pages.sheets):
                for row in self._rows(self.epoch, leaf):
                    found[self._lane] = max(row.seq, found.get(self._lane, 0))
        return found

    def last(self, lane: Lane) -> int:
        """The last number found so far; 0 if there is none."""
        return self._last[lane]

    def skip(self, after: Mapping[Lane, int]) -> None:
        """Before the scan: nobody will ask for numbers up to these."""
        self._after |= after

    def rows(self, lane: Lane, after: int = 0) -> Iterator[LaneRow]:
        """The lane's rows that reach beyond `after`, in order; scans as much as it needs."""
        self.scan_lane(lane, after)
        while True:
            while self.scan(_RUN_KEYS):
                pass
            for row in self.indexed(lane, after):
                after = row.seq
                yield row
            if self.complete(lane):
                return
            self.scan_lane(lane, after)

    def scan_lane(self, lane: Lane, after: int) -> None:
        """Scan for this lane, from behind `after`, unless all of it is in the index."""
        if lane in self._index and self.complete(lane):
            return
        self._after[lane] = max(self._after[lane], after)
        self._index = {lane: _Index()}
        self._next = 1

    def complete(self, lane: Lane) -> bool:
        """Whether a whole scan leaves nothing of the lane out of the index."""
        return self._index[lane].ceiling is None

    def indexed(self, lane: Lane, after: int) -> Iterator[LaneRow]:
        """The rows behind `after` that the scan has found, in order, each number once.

        What an eviction has put a gap in the place of is not there, though its pages may still be.
        """
        return self._merged(lane, max(after, self._gaps[lane] - 1), self._index[lane].keys())

    def _merged(self, lane: Lane, after: int, keys: Iterator[int]) -> Iterator[LaneRow]:
        """Rows of leaves that may overlap: older versions of a page hold the same rows again."""
        if self.epoch is None:
            return
        waiting: list[int] = []
        held: dict[int, LaneRow] = {}
        for key in keys:
            lowest, number = key >> _SHEET_BITS, key & (1 << _SHEET_BITS) - 1
            while waiting and waiting[0] < lowest:
                row = held.pop(heapq.heappop(waiting))
                if row.seq > after:
                    after = row.seq
                    yield row
            for row in self._rows(self.epoch, self._pages.sheet(number)):
                if row.seq <= after or self._lane is not lane:
                    continue
                if row.seq not in held:
                    heapq.heappush(waiting, row.seq)
                    held[row.seq] = row
                elif row.form == lane_rows.GAP:  # took the place of the entry
                    held[row.seq] = row
        while waiting:
            yield held.pop(heapq.heappop(waiting))


class _Index:
    """Keys in sorted runs. Those from `ceiling` on were left out."""

    def __init__(self) -> None:
        self.ceiling: int | None = None
        self._runs: list[array[int]] = []
        self._new = array("q")

    def __len__(self) -> int:
        return sum(map(len, self._runs)) + len(self._new)

    def add(self, key: int) -> None:
        if self.ceiling is not None and key >= self.ceiling:
            return
        self._new.append(key)
        if len(self._new) >= _RUN_KEYS:
            self._sort()

    def _sort(self) -> None:
        self._runs.append(array("q", sorted(self._new)))
        self._new = array("q")

    def halve(self) -> None:
        """Keep the lower half."""
        self._sort()
        medians = sorted(run[len(run) // 2] for run in self._runs if run)
        self.ceiling = medians[len(medians) // 2]
        self._runs = [run[: bisect_left(run, self.ceiling)] for run in self._runs]

    def keys(self) -> Iterator[int]:
        self._sort()
        return heapq.merge(*self._runs)


def record_torn_numbers(path: Path, lock: JournalLock) -> dict[Lane, int]:
    """The last number of each lane that the torn end of a log shows: its commit does not hold.

    To be asked before SQLite opens the file, which writes over that. The lock's file has them
    first: a start that is cut off behind its first commit has no other witness of them.
    """
    wreck = Wreck(path, lock.epoch, keep_torn=True)
    try:
        epoch, torn = wreck.epoch, wreck.numbers_torn()
    finally:
        wreck.close()
    known = lock.numbers
    if known is not None and known.epoch == epoch and known.at_least(torn) != known:
        with translate_disk_errors():
            lock.record_numbers(known.at_least(torn))
    return torn


def _row(record: TableRecord) -> LaneRow | None:
    match record.values:
        case [None, int(span), int(form), int(total), int(crc), bytes(body)] if (
            form in lane_rows.FORMS and 0 < span <= record.rowid
        ):
            return LaneRow(record.rowid, span, form, total, crc, body)
    return None


class _States:
    """Rows of state: the newest whole one of each name, and what else bears one."""

    def __init__(self, epoch: str) -> None:
        self.whole: dict[tuple[str, str], bytes] = {}
        self.spoilt: dict[tuple[str, str], bytes] = {}
        self._epoch = epoch
        self._changes: Counter[tuple[str, str]] = Counter()

    def add(self, values: Sequence[object]) -> None:
        """One row, whatever it is."""
        match values:
            case [None, int(change), str(room), str(key), int(crc), bytes(body)]:
                name = room, key
            case _:
                return
        if crc != lane_rows.state_checksum(self._epoch, room, key, change, body):
            if all(0 < len(each) <= _NAME_MAX and each.isprintable() for each in name):
                self.spoilt[name] = body
        elif change > self._changes[name]:
            self._changes[name] = change
            self.whole[name] = body


def _text(value: object) -> object:
    """What the column says, if it says anything."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
