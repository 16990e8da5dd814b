"""`./dev simulate`: stations' lives under seeds, judged from outside."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.sim.simulation import Report, Simulation
from tests.sim.world import PROFILES

MEMORY = Path("/dev/shm")


def simulate(seed: int, profile: str, days: float) -> Report:
    """One life."""
    place = MEMORY if MEMORY.is_dir() else None
    before = Path.cwd()
    with tempfile.TemporaryDirectory(dir=place, prefix="yizhan-simulation-") as folder:
        os.chdir(folder)  # nothing that leaves the station shows where it was simulated
        try:
            return Simulation(seed, profile, Path("world")).live(days)
        finally:
            os.chdir(before)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev simulate", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="so many, from --seed on")
    parser.add_argument("--days", type=float, default=0.05)
    parser.add_argument("--profile", choices=PROFILES, default="lively")
    parser.add_argument("--timeline", action="store_true")
    parser.add_argument("--digest", action="store_true", help="print nothing else")
    asked = parser.parse_args()
    failed = 0
    for seed in range(asked.seed, asked.seed + asked.seeds):
        began_s = time.process_time()
        report = simulate(seed, asked.profile, asked.days)
        took_s = time.process_time() - began_s
        if asked.digest:
            print(report.digest)
            continue
        print(
            f"seed {seed} {asked.profile}: {report.events} events, {report.values} values, "
            f"{report.lives} processes, {report.boots} boots, {len(report.violations)} violations, "
            f"{took_s:.1f} s of CPU, {report.digest[:16]}",
            flush=True,
        )
        if asked.timeline or report.violations:
            print("\n".join(report.timeline[-40:]))
        for violation in report.violations:
            print(f"  VIOLATION {violation}")
        failed += bool(report.violations)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
