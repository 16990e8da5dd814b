"""A program: opens a journal and brings over what wrecks beside it hold, as the writer does.

`python -m tests.proof.journal_recovery DIRECTORY RUNTIME`. It tells what it took as one line of
JSON: seconds and bytes of memory above rest, until it was open and until all had come over.
"""

import json
import os
import sys
import time
from pathlib import Path

from gateway.journal.core import JournalCore
from gateway.journal.wreck_import import FULL_NS
from tests.proof.journal_ledger import open_ledger


def peak_kib() -> int:
    """The most memory that this process has had."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def bring_all(core: JournalCore, steps: int = 1_000_000) -> int:
    """Until nothing is left, or there is no room, or so many steps; how many entries came."""
    count = 0
    for _ in range(steps):
        step = core.carrier.step({})
        count += len(step.entries)
        if step.pause_ns is None or step.pause_ns >= FULL_NS:
            return count
        while core.chore(idle=False):
            pass
    return count


def main() -> None:
    directory, runtime = map(Path, sys.argv[1:])
    rest_kib, began_s, began_cpu_s = peak_kib(), time.monotonic(), time.process_time()
    core = open_ledger(directory, runtime)
    told = {"open_s": time.monotonic() - began_s, "open_cpu_s": time.process_time() - began_cpu_s}
    told |= {"open_mb": (peak_kib() - rest_kib) / 1024, "epoch": core.epoch}
    told["came"] = bring_all(core)
    told |= {"left": core.carrier.remains.entries, "cpu_s": time.process_time() - began_cpu_s}
    told["peak_mb"] = (peak_kib() - rest_kib) / 1024
    core.close()
    os.write(1, json.dumps(told).encode() + b"\n")


if __name__ == "__main__":
    main()
