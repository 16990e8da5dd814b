"""Schedules of hostile and disagreeing times over the real clock: the promises hold in each."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.sim.loop import run
from tests.sim.witnesses import Found, World

SEED = int(os.environ.get("YIZHAN_SEED", "20261201"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
SCHEDULES, PARTS = 10_000, 10
# Where the system has one: the schedules restart often.
MEMORY = Path("/dev/shm")


def lived(seeds: Iterable[int], memory: Path) -> list[Found]:
    found = []
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=memory) as folder:

            async def live(seed: int = seed, folder: str = folder) -> Found:
                return await World(seed, Path(folder)).live()

            found.append(run(live()))
    return found


def failures(found: Iterable[Found]) -> dict[int, list[str]]:
    return {each.seed: each.wrong for each in found if each.wrong}


def test_a_few_schedules(tmp_path: Path) -> None:
    found = lived(range(6), tmp_path)
    assert failures(found) == {}
    assert sum(each.orders for each in found) > 50
    assert sum(each.steps for each in found) > 5


@pytest.mark.proof
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_schedules(tmp_path: Path, part: int) -> None:
    memory_path = MEMORY if MEMORY.is_dir() else tmp_path
    count = max(1, round(SCHEDULES // PARTS * SHARE))
    first = SEED * SCHEDULES + part * (SCHEDULES // PARTS)
    found = lived(range(first, first + count), memory_path)
    wrong = failures(found)
    colluded = sum(each.colluded for each in found)
    print(
        f"clock: seed {SEED}, part {part}, {count} schedules ({colluded} with liars who agree), "
        f"{sum(each.receipts for each in found)} receipts, "
        f"{sum(each.orders for each in found)} orders, "
        f"{sum(each.judged for each in found)} handshakes, "
        f"{sum(each.steps for each in found)} step events; {len(wrong)} with a fault"
    )
    assert not wrong, dict(list(wrong.items())[:5])
