"""Salvages a damaged journal: finds every row whose checksum holds.

SQLite's own tree is not needed: all leaf pages are read, and a row is trusted if its CRC matches
its epoch, lane and number. An index of the leaves (eight bytes each) keeps the lanes in order, so a
wreck may be larger than memory. State is read by its tree if that is intact; otherwise it is
searched for as well, and its newest version is used.
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
# The table with the epoch is among the first pages.
_META_PAGES = 64

_INT, _TEXT = rb"[\x01-\x06\x08\x09]", rb"(?:[\x0d-\x7f]|[\x81-\xff][\x00-\x7f])"
# The column types of a state record, as they stand before it; few other leaves match.
_STATE_HEAD = re.compile(rb"\x00" + _INT + 2 * _TEXT + _INT, re.DOTALL)

# Names as bytes: damaged ones may not be text.
_STATES = "SELECT NULL, change, CAST(room AS BLOB), CAST(key AS BLOB), crc, body FROM state"

# No name of ours is longer: a row with a longer one is not a state.
_NAME_MAX = 512

# A leaf's key is its lowest number, then its sheet: 64 GiB of pages, and numbers up to 2^35.
_SHEET_BITS = 28

_RUN_KEYS = 65_536
# Leaves indexed at once (8 MB), enough for half a GiB; a larger wreck is scanned again.
KEYS_MAX = 1_000_000


class Wreck:
    """A damaged file, opened read-only."""

    def __init__(
        self,
        path: Path,
        epoch: str | None,
        lanes: Collection[Lane] = tuple(Lane),
        *,
        keep_torn: bool = False,
    ) -> None:
        """Open it; `epoch` is used if the file does not tell its own."""
        self._path = path
        self._pages = SqlitePages(path, keep_torn=keep_torn)
        self.epoch = self._pages.search(_META, _META_PAGES) or epoch
        self._index = {lane: _Index() for lane in lanes}
        self._gaps: dict[Lane, int] = dict.fromkeys(Lane, 0)
        self._last: dict[Lane, int] = dict.fromkeys(Lane, 0)
        self._after: dict[Lane, int] = dict.fromkeys(Lane, 0)
        self._lane = Lane.TELEMETRY  # the last leaf's lane, often the next one's as well
        self._next = 1

    def close(self) -> None:
        self._pages.close()

    @property
    def broken_log(self) -> bool:
        """Whether the log itself is damaged, so that its last content may be lost."""
        return self._pages.log.broken

    # State

    @property
    def states(self) -> dict[tuple[str, str], bytes]:
        """The state, by room and key."""
        return self._state.whole

    @property
    def spoilt(self) -> dict[tuple[str, str], bytes]:
        """The damaged states that still have a readable name."""
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

    # Lanes

    def scan(self, sheets: int) -> bool:
        """Scan so many more pages; False when all are in the index."""
        if self.epoch is None or self._next > self._pages.sheets:
            return False
        first, self._next = self._next, self._next + sheets
        for number, leaf in self._pages.leaves(first, self._next - 1):
            self._note(self.epoch, number, leaf)
        return self._next <= self._pages.sheets

    def _note(self, epoch: str, number: int, leaf: bytes) -> None:
        """Add a leaf to the index, under the lowest number that is intact in it."""
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
        """The intact rows of a leaf if it belongs to a lane, which `_lane` then is."""
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
        """The last number of each lane in the log behind its last intact commit."""
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
        """Before the scan: numbers up to these will not be asked for."""
        self._after |= after

    def rows(self, lane: Lane, after: int = 0) -> Iterator[LaneRow]:
        """The lane's rows that reach beyond `after`, in order; scans as far as necessary."""
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
        """Scan for this lane, from behind `after`, unless the index is complete for it."""
        if lane in self._index and self.complete(lane):
            return
        self._after[lane] = max(self._after[lane], after)
        self._index = {lane: _Index()}
        self._next = 1

    def complete(self, lane: Lane) -> bool:
        """Whether a complete scan leaves nothing of the lane out of the index."""
        return self._index[lane].ceiling is None

    def indexed(self, lane: Lane, after: int) -> Iterator[LaneRow]:
        """The rows behind `after` found so far, in order, each number once.

        Rows that an eviction has replaced by a gap are left out, though their pages may
        still exist.
        """
        return self._merged(lane, max(after, self._gaps[lane] - 1), self._index[lane].keys())

    def _merged(self, lane: Lane, after: int, keys: Iterator[int]) -> Iterator[LaneRow]:
        """Rows of leaves that may overlap: older versions of a page contain the same rows."""
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
                elif row.form == lane_rows.GAP:  # it took the entry's place
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
    """Record the last numbers in the torn end of the log, whose commit is damaged.

    Call it before SQLite opens the file and overwrites that end. The lock file must have the
    numbers first: a start that is interrupted behind its first commit has no other evidence of
    them.
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
    """Rows of state: the newest intact one of each name, and the damaged ones with a name."""

    def __init__(self, epoch: str) -> None:
        self.whole: dict[tuple[str, str], bytes] = {}
        self.spoilt: dict[tuple[str, str], bytes] = {}
        self._epoch = epoch
        self._changes: Counter[tuple[str, str]] = Counter()

    def add(self, values: Sequence[object]) -> None:
        """Add one row of unknown content."""
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
    """The text of the column, if it has one."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
