"""Somebody else fills the disk to the last byte while the platform is away."""

from pathlib import Path
from typing import NamedTuple

from gateway.errors import JournalFull
from gateway.event import Lane
from gateway.journal import JournalOptions
from gateway.journal.core import JournalCore
from tests.proof import small_disk
from tests.sim.journal import one, open_core, read_all, several

FOLLOWER = "district"
OPTIONS = JournalOptions(quota_mb=64, reserve_mb=4)


class Full(NamedTuple):
    """What was offered on a full disk, what of it was taken, and how every number is accounted."""

    emergencies: int
    refused_emergencies: int
    refused_others: int
    issued: int
    stored: int
    in_gaps: int
    receipted: int


def quiet(core: JournalCore) -> None:
    """Let the journal do what it does when nothing else happens."""
    while core.chore(idle=True):
        pass


def fill_up(directory: Path, kind: str, *, before: int, offered: int) -> Full:
    """`before` readings while there is room; then on the full disk so many, emergencies between."""
    with small_disk.small_disk(directory, kind, 32) as disk:
        path = disk / "journal.db"
        core = open_core(path, options=OPTIONS, retaining=(FOLLOWER,))
        quiet(core)
        for _ in range(before // 100):
            core.commit([several(Lane.SERVICE, 100, 400)])
            core.chore(idle=False)
        core.positions.advance({FOLLOWER: {Lane.SERVICE: before // 4}})
        neighbour = small_disk.fill(disk)
        refused = dict.fromkeys(Lane, 0)
        for number in range(offered):
            for lane in (Lane.TELEMETRY, Lane.SERVICE, Lane.EMERGENCY):
                append = one(lane, number, 2_000 if lane is Lane.EMERGENCY else 500)
                refused[lane] += isinstance(core.commit([append])[0], JournalFull)
            core.chore(idle=number % 10 == 0)
            if number == offered // 2:  # a restart does not help, and must not hurt
                core.close()
                core = open_core(path, options=OPTIONS, retaining=(FOLLOWER,))
        stored, in_gaps, receipted = _account(core)
        issued = sum(core.heads().values())
        neighbour.unlink()
        core.close()
        core = open_core(path, options=OPTIONS, retaining=(FOLLOWER,))
        quiet(core)
        (kept,) = core._db.run("SELECT count(*) FROM reserve").fetchone()
        assert kept == OPTIONS.reserve_mb  # there is room again, and it is kept back again
        core.close()
    emergencies = refused.pop(Lane.EMERGENCY)
    return Full(offered, emergencies, sum(refused.values()), issued, stored, in_gaps, receipted)


def _account(core: JournalCore) -> tuple[int, int, int]:
    """Numbers that are there, in a gap without a receipt, or gone after their receipt."""
    stored = in_gaps = receipted = 0
    for lane in Lane:
        floor = core.positions.floor(lane, core.heads()[lane])
        for entry in read_all(core, lane):
            if entry.gap_from is None:
                stored += 1
                assert entry.body.startswith(f'"lane":"{lane.wire}","n":'.encode())
            else:
                gone = range(entry.gap_from, entry.seq + 1)
                receipted += sum(seq <= floor for seq in gone)
                in_gaps += sum(seq > floor for seq in gone)
    assert in_gaps == core.measure().lost
    return stored, in_gaps, receipted
