"""The disk fails for good under a running station: how soon does an emergency get an answer?"""

import contextlib
import errno
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gateway.event import Lane
from gateway.journal import core_factory
from tests.proof import shim
from tests.proof.journal_run import FATAL, FOLLOWER, OPTIONS
from tests.sim.clock import SimulatedClock
from tests.sim.journal import STATION, read_all

PROCESSES_MAX = 5


class DeadDisk(NamedTuple):
    """From the failure to the first answer in memory; what was lost of what was on disk."""

    answer_s: float
    processes: int
    said_saved: int
    lost: int


def die(directory: Path, call: str, number: int) -> DeadDisk:
    """Run the program; from its n-th `call` on every write and sync of every process fails."""
    home = directory / "journal"
    home.mkdir(parents=True)
    acknowledged: set[tuple[int, int]] = set()
    failed_s, said_saved = 0.0, 0
    for process in range(PROCESSES_MAX):
        fail = f"{call}:{number if process == 0 else 1}:{errno.EIO}:forever"
        env = shim.environment(home, fail=fail)
        volatile = False
        with shim.start("journal_run", home, 7, env=env) as program, killing(program):
            for line in program.stdout:
                match json.loads(line):
                    case ["open", _, in_memory]:
                        volatile = in_memory
                    case ["fatal", _]:
                        failed_s = time.monotonic()
                    case ["ack", _, _, entries] if volatile:
                        if any(lane == Lane.EMERGENCY for lane, _ in entries):
                            program.kill()
                            answer_s = time.monotonic() - failed_s
                            lost = _lost(home, acknowledged)
                            return DeadDisk(answer_s, process + 1, said_saved, lost)
                    case ["ack", _, _, entries]:
                        said_saved += process > 0
                        acknowledged |= {tuple(each) for each in entries}
        assert program.returncode == FATAL, program.stderr
        failed_s = failed_s or time.monotonic()
    raise AssertionError("no process went on in memory")


@contextlib.contextmanager
def killing(program: subprocess.Popen[Any]) -> Iterator[None]:
    """Leave no program behind when the test fails."""
    try:
        yield
    except BaseException:
        program.kill()
        raise


def _lost(home: Path, acknowledged: set[tuple[int, int]]) -> int:
    """How much of what was on disk before the failure is not there when the disk works again."""
    core = core_factory.open_core(
        home, station=STATION, options=OPTIONS, clock=SimulatedClock(), retaining=(FOLLOWER,)
    )
    there = {(int(lane), e.seq) for lane in Lane for e in read_all(core, lane)}
    core.close()
    return len(acknowledged - there)
