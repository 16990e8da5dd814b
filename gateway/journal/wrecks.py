"""The wrecks beside a journal: files whose entries are still to be imported, and how far they are.

    journal.db                    the journal
    journal.wreck-<epoch>.db      a damaged one, or what was in memory while the disk was away
    journal.damaged.db            one whose epoch is unreadable: kept for a person to see

The progress of a wreck is state of the journal, written with each chunk of its entries, so that a
kill at any instant neither repeats nor loses one.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from gateway.event import Lane
from gateway.journal import number_spans
from gateway.journal.number_spans import NumberSpans
from gateway.journal.options import StateChange
from gateway.journal.positions import FollowerPositions
from gateway.journal.preallocation import wal_path

PREFIX = "journal.wreck-"
SUFFIX = ".db"
UNREADABLE = "journal.damaged.db"
# More unimported wrecks mean a card that is damaged faster than it is repaired.
WRECKS_MAX = 8

ROOM = "journal"
KEY = "wreck/"


class WreckProgress(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a wreck is imported. Lanes by name.

    `upto`: the last settled number of each lane: imported, in a gap, or receipted before.
    `end`: the last number that can have been issued, as far as that is known. `left`: the lanes
    that are not finished. `ends`: the last numbers, of epoch `into`, that its entries got: the
    wreck is kept until they are receipted. `came`: the numbers that were imported in epoch
    `into`.

    If that journal is damaged itself, the progress of its own wreck says in `within`, by epoch
    and lane, which numbers of other wrecks should be found in it and were not yet. Those that
    are not found are in the end read `again` from the other wreck.
    """

    former: str
    why: str
    left: tuple[str, ...]
    upto: dict[str, int] = {}
    end: dict[str, int] = {}
    ends: dict[str, int] = {}
    into: str = ""
    salvaged: int = 0
    came: dict[str, NumberSpans] = {}
    within: dict[str, dict[str, NumberSpans]] = {}
    again: dict[str, NumberSpans] = {}

    @property
    def waiting(self) -> int:
        """How many numbers are still to come, as far as known; 0 when all lanes are finished."""
        known = sum(max(0, self.end.get(lane, 0) - self.upto.get(lane, 0)) for lane in self.left)
        known += sum(span.last - span.first + 1 for each in self.again.values() for span in each)
        return max(known, len(self.left))

    def once_more(self, lane: str, lost: NumberSpans) -> "WreckProgress":
        """With these numbers to be read again."""
        again = number_spans.sort_spans((*self.again.get(lane, ()), *lost))
        left = tuple(each.wire for each in Lane if each.wire in (*self.left, lane))
        return msgspec.structs.replace(self, left=left, again=self.again | {lane: again})


_decoder = msgspec.json.Decoder(WreckProgress)
_encode = msgspec.json.Encoder().encode


def wreck_path(directory: Path, epoch: str | None) -> Path:
    return directory / (UNREADABLE if epoch is None else f"{PREFIX}{epoch}{SUFFIX}")


def find_wrecks(directory: Path) -> dict[str, Path]:
    """The wrecks by epoch, the oldest first."""
    files = sorted(directory.glob(f"{PREFIX}*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
    return {path.name.removeprefix(PREFIX).removesuffix(SUFFIX): path for path in files}


def delete_wreck(path: Path) -> None:
    """Delete the file and its log."""
    wal_path(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def decode_progress(states: Mapping[str, bytes]) -> dict[str, WreckProgress]:
    """The progress by epoch; a row that cannot be decoded counts as not begun."""
    found = {}
    for key, body in states.items():
        if key.startswith(KEY):
            try:
                found[key.removeprefix(KEY)] = _decoder.decode(body)
            except msgspec.MsgspecError:
                continue
    return found


def initial_progress(
    epoch: str,
    why: str,
    positions: FollowerPositions,
    end: Mapping[Lane, int] | None = None,
    others: Iterable[WreckProgress] = (),
) -> WreckProgress:
    """The initial progress; what everybody had receipted is not imported.

    `others` are the wrecks whose entries this one may contain.
    """
    known = end or {}
    upto = {lane: positions.floor(lane, 2**62) for lane in Lane}
    left = {lane.wire: seq for lane, seq in upto.items() if seq < 2**62}
    return WreckProgress(
        former=epoch,
        why=why,
        left=tuple(left),
        upto={lane.wire: seq for lane, seq in upto.items()},
        end={lane.wire: seq for lane, seq in known.items()},
        within={other.former: found for other in others if (found := _within(other, epoch, left))},
    )


def _within(other: WreckProgress, epoch: str, floors: Mapping[str, int]) -> dict[str, NumberSpans]:
    """What of that wreck was imported into this epoch and may not be receipted."""
    if other.into != epoch:
        return {}
    lanes = floors.keys() & other.came.keys()
    found = {
        lane: number_spans.unreceipted_spans(other.came[lane], floors[lane])
        for lane in sorted(lanes)
    }
    return {lane: each for lane, each in found.items() if each}


def progress_change(epoch: str, progress: WreckProgress | None) -> StateChange:
    """The state change that stores it; with None it is deleted."""
    return StateChange(ROOM, KEY + epoch, None if progress is None else _encode(progress))
