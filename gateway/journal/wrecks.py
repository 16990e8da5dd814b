"""The wrecks beside a journal: files whose entries are still to come over, and how far they have.

    journal.db                    the journal
    journal.wreck-<epoch>.db      a damaged one, or what was in memory while the disk was away
    journal.damaged.db            one of which not even the epoch can be read: for a person to see

How far a wreck has come over is state of the journal, written with each chunk of its entries, so
that a kill at any instant neither repeats nor forgets one.
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
# So many that have not come over mean a card that damages faster than it is repaired.
WRECKS_MAX = 8

ROOM = "journal"
KEY = "wreck/"


class WreckProgress(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a wreck has come over. Lanes by name.

    `upto` is the last number of each lane that is settled here: it came over, is in a gap, or had
    been receipted before. `end` is the last one that can have been issued, as far as that is known.
    `left` are the lanes that are not through. `ends` are the last numbers, of epoch `into`, that
    its entries got: the wreck is kept until these are receipted. `came` are the numbers that were
    told in epoch `into`.

    Should that journal be damaged in its turn, then the progress of its own wreck says `within`
    what of other wrecks, by epoch and lane, is to be found in it and was not yet. What was not is
    in the end to be told `again` from the other wreck.
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
        """How many numbers are still to come, as far as that is known; 0 when all are through."""
        known = sum(max(0, self.end.get(lane, 0) - self.upto.get(lane, 0)) for lane in self.left)
        known += sum(span.last - span.first + 1 for each in self.again.values() for span in each)
        return max(known, len(self.left))

    def once_more(self, lane: str, lost: NumberSpans) -> "WreckProgress":
        """The same, and these are to be told again."""
        again = number_spans.sort_spans((*self.again.get(lane, ()), *lost))
        left = tuple(each.wire for each in Lane if each.wire in (*self.left, lane))
        return msgspec.structs.replace(self, left=left, again=self.again | {lane: again})


_decoder = msgspec.json.Decoder(WreckProgress)
_encode = msgspec.json.Encoder().encode


def wreck_path(directory: Path, epoch: str | None) -> Path:
    """The wreck of that epoch."""
    return directory / (UNREADABLE if epoch is None else f"{PREFIX}{epoch}{SUFFIX}")


def find_wrecks(directory: Path) -> dict[str, Path]:
    """The wrecks by epoch, the oldest first."""
    files = sorted(directory.glob(f"{PREFIX}*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
    return {path.name.removeprefix(PREFIX).removesuffix(SUFFIX): path for path in files}


def delete_wreck(path: Path) -> None:
    """The file and its log."""
    wal_path(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def decode_progress(states: Mapping[str, bytes]) -> dict[str, WreckProgress]:
    """By epoch, what the room's state says; what does not decode is as if it had not begun."""
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
    """Nothing has come over yet; what everybody had receipted need not.

    `others` are the wrecks of which this one may hold entries.
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
    """What of that wreck came over into this epoch and may not be receipted."""
    if other.into != epoch:
        return {}
    lanes = floors.keys() & other.came.keys()
    found = {
        lane: number_spans.unreceipted_spans(other.came[lane], floors[lane])
        for lane in sorted(lanes)
    }
    return {lane: each for lane, each in found.items() if each}


def progress_change(epoch: str, progress: WreckProgress | None) -> StateChange:
    """The state that says it; None: nothing is to be said of it any more."""
    return StateChange(ROOM, KEY + epoch, None if progress is None else _encode(progress))
