"""Disks that are full, that fail, that die, and that give back something else; in large counts."""

import os
import random
import shutil

import pytest

from gateway.event import Lane
from gateway.journal.salvage import Wreck
from tests.proof.journal_dead_disk import die
from tests.proof.journal_errors import sweep
from tests.proof.journal_full_disk import fill_up
from tests.proof.small_disk import KINDS, may_mount
from tests.sim.journal import open_core, several

SEED = int(os.environ.get("YIZHAN_SEED", "0"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))

needs_root = pytest.mark.skipif(not may_mount(), reason="mounting a small disk needs root")


@needs_root
@pytest.mark.proof
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", [0, 16_000])
def test_a_full_disk_refuses_no_emergency(tmp_path, kind, before):
    full = fill_up(tmp_path, kind, before=before, offered=max(300, int(5_000 * SHARE)))
    print(f"full disk, {kind}: {full}")
    assert full.refused_emergencies == 0
    assert full.issued == full.stored + full.in_gaps + full.receipted


@pytest.mark.proof
def test_no_error_of_the_disk_loses_what_was_acknowledged(tmp_path):
    outcomes = sweep(tmp_path, points=max(12, int(144 * SHARE)), seed=SEED)
    print(f"I/O errors: {dict(outcomes)}")
    assert {outcome.partition(": ")[2] for outcome in outcomes} <= {"refused", "went on"}


@pytest.mark.proof
@pytest.mark.parametrize("call", ["sync", "write"])
def test_a_dead_disk_is_answered_from_memory(tmp_path, call):
    rng = random.Random(SEED)
    for run in range(max(1, int(10 * SHARE))):
        outcome = die(
            tmp_path / f"{run}", call, rng.randrange(20, {"sync": 150, "write": 3_000}[call])
        )
        print(f"dead disk at {call}: {outcome}")
        assert outcome.processes <= 3
        assert (outcome.said_saved, outcome.lost) == (0, 0)


@pytest.mark.proof
def test_of_damaged_files_999_rows_in_1000_are_saved(memory_path):
    core = open_core(memory_path / "journal.db")
    for _ in range(120):
        core.commit([several(Lane.SERVICE, 500, 60), several(Lane.TELEMETRY, 60)])
        core.chore(idle=True)
    epoch, rows = core.epoch, sum(1 for lane in Lane for _ in core.tables[lane].rows(0))
    core.close()
    rng = random.Random(SEED)
    shares = []
    for _ in range(max(3, int(50 * SHARE))):
        copy = memory_path / "copy.db"
        shutil.copy(memory_path / "journal.db", copy)
        length = rng.choice((1, 64, 512, 4_096))
        with copy.open("r+b") as file:
            file.seek(rng.randrange(copy.stat().st_size - length))
            file.write(rng.randbytes(length))
        wreck = Wreck(copy, epoch)
        shares.append(sum(1 for lane in Lane for _ in wreck.rows(lane)) / rows)
        wreck.close()
    print(f"salvage of {rows} rows: min {min(shares):.4%}, mean {sum(shares) / len(shares):.4%}")
    assert min(shares) >= 0.999
