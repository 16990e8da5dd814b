"""A journal of any size, as years leave it, built quickly: rows as commits would write them."""

import functools
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from gateway.clock import Clock
from gateway.event import Lane
from gateway.journal import JournalOptions, StateChange, core_factory, lane_rows
from gateway.journal.append_request import AppendRequest
from gateway.journal.core import JournalCore
from gateway.journal.lane_rows import LaneRow
from tests.sim.journal import STATION, body

FOLLOWER = "district"
OPTIONS = JournalOptions(quota_mb=512, reserve_mb=4)
AT_ONCE_BYTES = 4 << 20
STATES = {("room", f"k{n}"): b"%d" % n * 40 for n in range(200)}

Kept = Callable[[int], bytes]


def open_ledger(directory: Path, runtime: Path) -> JournalCore:
    """As the station opens it."""
    clock = Clock.open(runtime)
    return core_factory.open_core(
        directory, station=STATION, options=OPTIONS, clock=clock, retaining=(FOLLOWER,)
    )


def build(
    directory: Path,
    counts: Mapping[Lane, int],
    *,
    size: int,
    receipted: Mapping[Lane, int] | None = None,
    alike: bool = False,
) -> str:
    """So many rows of one entry each in every lane; closed. The epoch.

    `alike` rows differ by their number alone, which is quicker.
    """
    core = open_ledger(directory, directory / "run")
    core.commit(
        [AppendRequest((), tuple(StateChange(*name, kept) for name, kept in STATES.items()))]
    )
    core.chore(idle=True)
    for lane, count in counts.items():
        kept = functools.partial(kept_as, lane, size=size)
        _write(core, lane, count, _alike(kept(0)) if alike else kept)
    core.close({FOLLOWER: receipted or dict.fromkeys(Lane, 0)})
    return core.epoch


def kept_as(lane: Lane, seq: int, *, size: int) -> bytes:
    """What stands in the row of that number."""
    told = body(lane, seq)[:-2] + noise(seq, size) + b'"}'
    return lane_rows.pack_bodies([told]) if lane is Lane.TELEMETRY else told


def _alike(body: bytes) -> Kept:
    return lambda _: body


@functools.lru_cache(maxsize=8)
def _pool(size: int) -> bytes:
    letters = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return bytes(random.Random(1).choices(letters, k=size + 4_096))


def noise(seq: int, size: int) -> bytes:
    """Text that packs badly."""
    start = seq * 61 % 4_096
    return _pool(size)[start : start + size]


def _write(core: JournalCore, lane: Lane, count: int, kept: Kept) -> None:
    table = core.tables[lane]
    at_once = max(1, AT_ONCE_BYTES // (lane_rows.ROW_BYTES + 8 + len(kept(1))))
    statement = f"INSERT INTO {lane.wire} (seq, span, form, total, crc, body) VALUES (?,?,?,?,?,?)"
    form = lane_rows.PACK if lane is Lane.TELEMETRY else lane_rows.ONE

    def signed(first: int, last: int) -> Iterator[LaneRow]:
        for seq in range(first, last + 1):
            found = kept(seq)
            table.total += lane_rows.ROW_BYTES + len(found)
            yield lane_rows.with_checksum(
                core.epoch, lane, LaneRow(seq, 1, form, table.total, 0, found)
            )

    for first in range(1, count + 1, at_once):
        last = min(count, first + at_once - 1)
        with core._db.transaction():
            core._db.run_many(statement, signed(first, last))
        table.head = last
        core._checkpoint()
