"""A run: a journal is damaged, then the one that took its place, and so on, with kills between.

What came over from a wreck that still lies beside it is there in the end, whatever became of the
journal that it came into.
"""

import collections
import json
import random
from pathlib import Path

from gateway.event import Lane
from gateway.journal import JournalOptions, core_factory, wrecks
from gateway.journal.append_request import AppendRequest
from gateway.journal.core import JournalCore
from gateway.journal.options import PAGE_BYTES
from tests.sim.clock import SimulatedClock
from tests.sim.journal import STATION, body, bring_over, read_all

UPLINK = "district"
KILLED_AFTER_MAX = 12
PAGES = 3
OPTIONS = JournalOptions(quota_mb=16, reserve_mb=0)
COUNTS = {Lane.EMERGENCY: 60, Lane.SERVICE: 120, Lane.TELEMETRY: 90}


def reopened(directory) -> JournalCore:
    return core_factory.open_core(
        directory, station=STATION, options=OPTIONS, clock=SimulatedClock(), retaining=(UPLINK,)
    )


def prepared(directory) -> str:
    core = reopened(directory)
    for lane, count in COUNTS.items():
        for first in range(1, count + 1, 10):
            bodies = tuple((lane, body(lane, n, 300)) for n in range(first, first + 10))
            core.commit([AppendRequest(bodies)])
    core.close()
    return core.epoch


def damage(directory, rng, *, pages=PAGES) -> None:
    """The journal's first page, so that it is seen, and some others."""
    path = directory / "journal.db"
    used = path.stat().st_size // PAGE_BYTES
    with path.open("r+b") as file:
        for page in (0, *(rng.randrange(4, used) for _ in range(pages))):
            file.seek(page * PAGE_BYTES)
            file.write(rng.randbytes(PAGE_BYTES))


def told_of(core) -> set[str]:
    return set(wrecks.decode_progress(core.load(wrecks.ROOM)))


def told_in(core, lane) -> collections.Counter:
    """How often each of the first journal's entries is there."""
    said = (json.loads(b"{" + entry.body) for entry in read_all(core, lane))
    return collections.Counter(each["n"] for each in said if "n" in each)


def run(directory: Path, seed: str, times: int) -> collections.Counter:
    """Damage the first journal, then so many of those that follow; figures, or AssertionError."""
    rng = random.Random(f"{seed} {times}")
    prepared(directory)
    damage(directory, rng, pages=0)
    known = True
    for _ in range(times):
        core = reopened(directory)
        known = known and told_of(core) == set(wrecks.find_wrecks(directory))
        for _ in range(rng.randrange(KILLED_AFTER_MAX)):
            core.carrier.step({})
        if rng.random() < 0.7:
            bring_over(core)
        core._checkpoint()
        core.abandon()
        (directory / "journal.db-wal").unlink()
        damage(directory, rng)
    core = reopened(directory)
    while core.carrier.remains.entries:
        known = known and told_of(core) >= set(wrecks.find_wrecks(directory))
        for _ in range(rng.randrange(1, KILLED_AFTER_MAX)):
            core.carrier.step({})
        core.abandon()
        core = reopened(directory)
    figures = collections.Counter(places=1, known=known)
    for lane, count in COUNTS.items():
        found = told_in(core, lane)
        assert set(found) == set(range(1, count + 1)), f"{lane.wire} {seed} {times}"
        if known:  # else what a lost row of state said has come once more
            assert set(found.values()) == {1}, f"{lane.wire} {seed} {times}"
        figures["entries"] += len(found)
        figures["twice"] += sum(found.values()) - len(found)
    bring_over(core, {UPLINK: core.heads()})
    assert not wrecks.find_wrecks(directory)
    core.close()
    return figures
