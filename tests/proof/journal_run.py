"""A program: a journal as the station runs it; appends without end, and tells what it knows.

`python -m tests.proof.journal_run DIRECTORY SEED [BUSY_FILE]`. Each line on standard output is an
acknowledged append: its number and the numbers that its entries got. The first byte of BUSY_FILE
is 1 while a transaction is under way; while the second is 1 none is committed, while it is 2 none
is acknowledged. Ends with 3 when the journal's `fatal` is set.
"""

import asyncio
import json
import mmap
import os
import random
import sys
import time
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import JournalError, JournalFull
from gateway.event import Event, Lane
from gateway.journal import Journal, JournalOptions, StateChange, open_or_volatile
from tests.sim.journal import FACT, STATION, Fact

OPTIONS = JournalOptions(quota_mb=16, reserve_mb=1, wear_gb_per_day=100)
FOLLOWER = "district"
FATAL = 3
BEFORE_COMMIT, AFTER_COMMIT = 1, 2


def tell(*what: object) -> None:
    """One line, in one write: a kill never leaves half of it."""
    os.write(1, json.dumps(what).encode() + b"\n")


def watch_commits(journal: Journal, busy_file: Path) -> None:
    """Show in the file when the core is inside a transaction, and stay there if asked to."""
    with busy_file.open("r+b") as file:
        busy = mmap.mmap(file.fileno(), 2)
    commit = journal._core.commit

    def hold(where: int) -> None:
        while busy[1] == where:
            time.sleep(0.001)

    def watched(*args):
        busy[0] = 1
        try:
            done = commit(*args)
            hold(AFTER_COMMIT)
            return done
        finally:
            busy[0] = 0

    def traced(statement: str) -> None:
        if busy[0] and statement == "COMMIT":
            hold(BEFORE_COMMIT)

    journal._core.commit = watched
    journal._core._db._connection.set_trace_callback(traced)


class Load:
    """Some tasks that append at random, each with its own line of state."""

    def __init__(self, journal: Journal, clock: Clock, rng: random.Random) -> None:
        self.journal = journal
        self.clock = clock
        self.random = rng
        self.follower = journal.follower(FOLLOWER, retaining=True)

    async def append_without_end(self, task: int) -> None:
        number = int((await self.journal.load("proof")).get(f"t{task}", b"0"))
        while True:
            number += 1
            lanes = self.random.choices(list(Lane), [1, 2, 3, 6], k=self.random.randint(1, 8))
            events = [self._event(lane, task * 10**9 + number) for lane in lanes]
            change = StateChange("proof", f"t{task}", b"%d" % number)
            try:
                entries = await self.journal.append(events, [change])
            except JournalFull:
                tell("full", task, number, [int(lane) for lane in lanes])
                continue
            tell("ack", task, number, [[int(e.lane), e.seq] for e in entries])

    def _event(self, lane: Lane, number: int) -> Event:
        padding = "x" * self.random.choice((0, 100, 1_000))
        data = Fact(number, padding)
        return Event(kind=FACT, source="d-1", stamps=self.clock.stamp(), lane=lane, data=data)

    async def receipt_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            upto = {
                lane: self.follower.position[lane] + waiting // 2
                for lane, waiting in self.follower.waiting().items()
                if self.random.random() < 0.5
            }
            tell("receipt", {int(lane): seq for lane, seq in upto.items()})  # before it counts
            self.follower.receipt(upto)


async def run(directory: Path, seed: int, busy_file: Path | None) -> int:
    clock = Clock.open(directory / "run")
    journal = await open_or_volatile(
        directory, runtime=directory / "run", station=STATION, options=OPTIONS, clock=clock,
        retaining=(FOLLOWER,),
    )  # fmt: skip
    tell("open", journal.epoch, journal.volatile)
    if busy_file is not None:
        watch_commits(journal, busy_file)
    load = Load(journal, clock, random.Random(seed))
    tasks = [asyncio.create_task(load.append_without_end(task)) for task in range(6)]
    tasks.append(asyncio.create_task(load.receipt_now_and_then()))
    await journal.fatal
    tell("fatal", journal.fatal.result().data["reason"])
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    strange = [
        each for each in ended if not isinstance(each, JournalError | asyncio.CancelledError)
    ]
    tell("ended", [repr(each) for each in strange])
    return FATAL


def main() -> None:
    directory, seed, *more = sys.argv[1:]
    busy_file = Path(more[0]) if more else None
    code = asyncio.run(run(Path(directory), int(seed), busy_file))
    os._exit(code)  # like the station: nothing more is asked of a failed disk


if __name__ == "__main__":
    main()
