"""A journal of any size, as years leave it, built quickly: rows as commits would write them."""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.event import Lane
from gateway.journal import JournalOptions, StateChange, rows
from gateway.journal.core import Append, Core
from gateway.journal.rows import Row
from tests.sim.journal import body, open_core

FOLLOWER = "district"
AT_ONCE_BYTES = 4 << 20
STATES = {("room", f"k{n}"): b"%d" % n * 40 for n in range(200)}


def build(path: Path, counts: Mapping[Lane, int], *, size: int, options: JournalOptions) -> str:
    """So many rows of one entry each in every lane, none receipted; closed. The epoch."""
    core = open_core(path, options=options, retaining=(FOLLOWER,))
    core.commit([Append((), tuple(StateChange(*name, kept) for name, kept in STATES.items()))])
    core.chore(idle=True)
    padding = "".join(random.Random(1).choices("0123456789abcdefghijklmnop", k=size))
    for lane, count in counts.items():
        told = body(lane, 0)[:-2] + padding.encode() + b'"}'
        form, kept = (rows.PACK, rows.pack([told])) if lane is Lane.TELEMETRY else (rows.ONE, told)
        _write(core, lane, count, form, kept)
    core.close({FOLLOWER: dict.fromkeys(Lane, 0)})
    return core.epoch


def _write(core: Core, lane: Lane, count: int, form: int, kept: bytes) -> None:
    table = core.tables[lane]
    each = rows.ROW_BYTES + len(kept)
    at_once = max(1, AT_ONCE_BYTES // (each + 8))
    statement = f"INSERT INTO {lane.wire} (seq, span, form, total, crc, body) VALUES (?,?,?,?,?,?)"

    def signed(first: int, last: int) -> Iterator[Row]:
        for seq in range(first, last + 1):
            row = Row(seq, 1, form, table.total + (seq - first + 1) * each, 0, kept)
            yield rows.signed(core.epoch, lane, row)

    for first in range(1, count + 1, at_once):
        last = min(count, first + at_once - 1)
        with core._db.transaction():
            core._db.run_many(statement, signed(first, last))
        table.head, table.total = last, table.total + (last - first + 1) * each
        core._checkpoint()
