"""A program: writes a journal, marking before each commit what it tries and after it what it knows.

`python -m tests.proof.journal_writes DIRECTORY SEED COMMITS SYNCHRONOUS`, under the shim.
"""

import json
import random
import sys
from pathlib import Path

from gateway.errors import JournalFull
from gateway.event import Lane
from gateway.journal import JournalOptions, StateChange
from gateway.journal.append_request import AppendRequest
from gateway.journal.core import JournalCore
from tests.proof.shim import mark
from tests.sim.journal import body, open_core

FOLLOWER = "district"
OPTIONS = JournalOptions(quota_mb=16, reserve_mb=0)


class Writer:
    """Commits at random: all lanes, batches, state, receipts, evictions, copies of the log."""

    def __init__(self, directory: Path, seed: int, synchronous: str) -> None:
        self.random = random.Random(seed)
        self.path = directory / "journal.db"
        self.synchronous = synchronous
        self.heads = dict.fromkeys(Lane, 0)
        self.receipted = dict.fromkeys(Lane, 0)
        self.core = self.open()

    def open(self) -> JournalCore:
        return open_core(
            self.path, options=OPTIONS, retaining=(FOLLOWER,), synchronous=self.synchronous
        )

    def commit(self, number: int) -> None:
        bodies = []
        heads = dict(self.heads)
        for lane in self.random.choices(list(Lane), [1, 2, 3, 6], k=self.random.randint(1, 12)):
            heads[lane] += 1
            bodies.append((lane, body(lane, heads[lane], self.random.choice((0, 40, 700)))))
        changes = (StateChange("proof", "last", b"%d" % number),)
        mark(json.dumps(["try", number, list(heads.values()), list(self.receipted.values())]))
        (outcome,) = self.core.commit(
            [AppendRequest(tuple(bodies), changes)], {FOLLOWER: self.receipted}
        )
        if isinstance(outcome, JournalFull):
            self.core._checkpoint()  # the disk has room again
            return
        self.heads = heads
        mark(json.dumps(["ack", number, self.core.measure().lost]))

    def step(self, number: int) -> None:
        """One commit, and sometimes something else between."""
        self.commit(number)
        match self.random.randrange(40):
            case 0:
                self.core._checkpoint()
            case 1 if self.core._db.pages > 150:
                self.core._quota.limit(self.core._db.pages)  # the disk is full
            case 2:
                for lane in Lane:
                    self.receipted[lane] = self.random.randint(
                        self.receipted[lane], self.heads[lane]
                    )
            case 3 if self.random.random() < 0.2:
                self.core.close({FOLLOWER: self.receipted})
                self.core = self.open()


def main() -> None:
    directory, seed, commits, synchronous = sys.argv[1:]
    writer = Writer(Path(directory), int(seed), synchronous)
    for number in range(1, int(commits) + 1):
        writer.step(number)
    mark('["end"]')


if __name__ == "__main__":
    main()
