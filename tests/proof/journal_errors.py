"""Let the n-th call of a kind fail in a real writer, and look what it then says and leaves."""

import errno
import json
from collections import Counter
from pathlib import Path

from gateway.event import Lane
from gateway.journal import core_factory
from tests.proof import shim
from tests.proof.journal_writes import FOLLOWER, OPTIONS
from tests.sim.clock import SimulatedClock
from tests.sim.journal import STATION, body, read_all

FAULTS = (
    ("write", errno.EIO),
    ("write", errno.ENOSPC),
    ("sync", errno.EIO),
    ("truncate", errno.EIO),
    ("allocate", errno.ENOSPC),
    ("open", errno.EIO),
)
COMMITS = 60


def fail_at(directory: Path, fault: tuple[str, int], number: int, seed: int) -> str:
    """What became of one fault: `refused`, `went on`, or what was wrong."""
    home, log = directory / "journal", directory / "log"
    home.mkdir(parents=True)
    call, code = fault
    env = shim.environment(home, log=log, fail=f"{call}:{number}:{code}")
    with shim.start("journal_writes", home, seed, COMMITS, "FULL", env=env) as writer:
        _, errors = writer.communicate()
    told = [json.loads(each.data) for each in shim.calls(log) if each.letter == "M"]
    if writer.returncode and "gateway.errors.Journal" not in errors:
        return f"died otherwise: {errors.splitlines()[-1] if errors else writer.returncode}"
    return _wrong(home, told) or ("refused" if writer.returncode else "went on")


def _wrong(home: Path, told: list) -> str:
    """Compare what was acknowledged with what a healthy disk then shows; empty if all is there."""
    acknowledged = max((each[1] for each in told if each[0] == "ack"), default=0)
    tried = {each[1]: each[2] for each in told if each[0] == "try"}
    core = core_factory.open_core(
        home, station=STATION, options=OPTIONS, clock=SimulatedClock(), retaining=(FOLLOWER,)
    )
    last = int(core.load("proof").get("last", b"0"))
    heads = list(core.heads().values())
    bodies = all(
        entry.gap_from is not None
        or entry.body == body(lane, entry.seq, len(entry.body) - len(body(lane, entry.seq)))
        for lane in Lane
        for entry in read_all(core, lane)
    )
    core.close()
    if last < acknowledged:
        return "lost"
    return "" if bodies and (not last or tried[last] == heads) else "torn"


def sweep(directory: Path, *, points: int, seed: int) -> Counter:
    """So many faults, spread over the kinds and over the writer's run; what became of them."""
    outcomes: Counter = Counter()
    for point in range(points):
        fault = FAULTS[point % len(FAULTS)]
        number = 1 + (point // len(FAULTS)) * _STEP[fault[0]]
        outcome = fail_at(directory / f"{point}", fault, number, seed)
        outcomes[f"{fault[0]} {errno.errorcode[fault[1]]}: {outcome}"] += 1
    return outcomes


# How far apart the faults of a kind are: the writer makes some 1,600 writes and 80 syncs.
_STEP = {"write": 67, "sync": 3, "truncate": 1, "allocate": 1, "open": 1}
