"""A power cut takes nothing that was acknowledged (25,000 disk states; a share in CI)."""

import os
import random
import shutil
from collections import Counter

import pytest

from tests.proof.journal_power import cut_power

SEED = int(os.environ.get("YIZHAN_SEED", "0"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))


@pytest.mark.proof
def test_no_power_cut_loses_what_was_acknowledged(memory_path):
    wanted = int(25_000 * SHARE)
    outcomes: Counter = Counter()
    seeds = random.Random(SEED)
    while outcomes.total() < wanted:
        home = memory_path / f"{outcomes.total()}"
        outcomes += cut_power(home, states=min(wanted, 6_000), seed=seeds.randrange(2**31))
        shutil.rmtree(home)
    print(f"power cut, FULL: {dict(outcomes)}")
    assert set(outcomes) == {"ok"}


@pytest.mark.proof
def test_the_proof_has_teeth(memory_path):
    outcomes = cut_power(
        memory_path, states=int(3_000 * SHARE) + 300, seed=SEED, synchronous="NORMAL"
    )
    print(f"power cut, NORMAL (must lose): {dict(outcomes)}")
    assert outcomes["lost"] > 0.1 * outcomes.total()
