"""A station under one seed: what it promises holds, and the judge notices when it does not."""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from tests.sim.mutants import MUTANTS, mutated
from tests.sim.simulate import simulate

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("YIZHAN_SEED", "20261201"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
MUTANT_SEEDS = 20


# The second station has two lines, which start in one order whatever the hash seed.
LIVES = (
    ("--seed", "3", "--days", "0.012"),
    ("--seed", "5001", "--days", "0.012", "--profile", "hostile"),
)


def digest(life: tuple[str, ...], hash_seed: str, python: str = sys.executable) -> str:
    ran = subprocess.run(
        (python, "-m", "tests.sim.simulate", "--digest", *life),
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


def test_a_hostile_while_breaks_no_promise() -> None:
    report = simulate(7, "hostile", 0.015)
    assert report.violations == ()
    assert report.lives > 1
    assert report.values > 100


@pytest.mark.proof
@pytest.mark.parametrize("life", LIVES, ids=["one line", "two lines"])
def test_two_runs_of_one_seed_are_the_same_to_the_byte(life: tuple[str, ...]) -> None:
    assert len({digest(life, hash_seed) for hash_seed in "125"}) == 1
    if other := os.environ.get("YIZHAN_OTHER_PYTHON"):
        assert digest(life, "1", other) == digest(life, "1")


@pytest.mark.proof
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    ("profile", "days", "seeds"), [("hostile", 0.015, 2_000), ("lively", 0.5, 60)]
)
def test_no_seed_breaks_a_promise(profile: str, days: float, seeds: int) -> None:
    broken, events = {}, 0
    count = max(1, round(seeds * SHARE))
    for seed in range(SEED, SEED + count):
        report = simulate(seed, profile, days)
        events += report.events
        if report.violations:
            broken[seed] = report.violations
    print(
        f"\nsimulation: {count} {profile} seeds from {SEED} on, {count * days:.1f} days, "
        f"{events} events; {len(broken)} with a violation"
    )
    assert broken == {}


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_is_noticed(name: str) -> None:
    taken = []
    for seed in range(SEED, SEED + MUTANT_SEEDS):
        with mutated(name) as kinds:
            report = simulate(seed, "hostile", 0.02)
        told = [each for each in report.violations if any(f" {kind}: " in each for kind in kinds)]
        if told:
            taken.append(float(told[0].split()[0]) / 86_400)
        if len(taken) == 3:
            break
    print(f"\nmutant {name}: noticed in {len(taken)} seeds, after {median(taken):.4f} days")
    assert len(taken) == 3
