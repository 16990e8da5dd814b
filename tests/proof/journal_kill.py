"""Kill a running journal again and again, and look whether anything acknowledged is gone."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from gateway.event import Lane
from gateway.journal import core_factory, events
from tests.proof.journal_dead_disk import killing
from tests.proof.journal_run import AFTER_COMMIT, BEFORE_COMMIT, FOLLOWER, OPTIONS
from tests.proof.shim import ROOT
from tests.sim.clock import SimulatedClock
from tests.sim.journal import STATION, read_all

START_S_MAX = 60.0
# So much a program says before it is killed, at most.
LINES_MAX = 200


# Every third kill falls into a commit that waits for it, every third as soon as one is seen.
AIMS = ("held", "soon", "")


class Told:
    """What the programs said before they were killed."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[int, int], int] = {}
        self.last: Counter = Counter()
        self.receipted: Counter = Counter()

    def take(self, line: str) -> None:
        match json.loads(line):
            case ["ack", task, number, entries]:
                for lane, seq in entries:
                    self.numbers[lane, seq] = task * 10**9 + number
                self.last[task] = max(self.last[task], number)
            case ["receipt", positions]:
                self.receipted |= Counter({int(lane): seq for lane, seq in positions.items()})


def kills(directory: Path, *, count: int, seed: int) -> Counter:
    """Start and kill the program so often, one journal throughout; what happened."""
    rng = random.Random(seed)
    told, figures = Told(), Counter()
    busy_file = directory / "busy"
    home = directory / "journal"
    home.mkdir(parents=True)
    for number in range(count):
        busy_file.write_bytes(b"\0\0")
        for line in _one_life(home, busy_file, rng, aim=AIMS[number % len(AIMS)]):
            told.take(line)
        figures["kills"] += 1
        figures["inside a commit"] += busy_file.read_bytes()[:1] == b"\1"
        figures.update(_judge(home, told, whole=number == count - 1))
    figures["acknowledged"] = len(told.numbers)
    return figures


def _one_life(home: Path, busy_file: Path, rng: random.Random, *, aim: str) -> list[str]:
    """Run the program until it has said so much, kill it; its complete lines."""
    command = [sys.executable, "-m", "tests.proof.journal_run", home, rng.random().hex()[4:12]]
    command[-1] = str(rng.randrange(2**31))
    said = home.parent / "out"
    with (
        said.open("wb") as out,
        subprocess.Popen([*command, busy_file], cwd=ROOT, stdout=out) as program,
        killing(program),
    ):
        deadline = time.monotonic() + START_S_MAX
        lines = rng.randrange(1, LINES_MAX)
        while program.poll() is None and time.monotonic() < deadline:
            if said.read_bytes().count(b"\n") >= lines:
                break
            time.sleep(0.001)
        with busy_file.open("r+b", buffering=0) as busy:
            if aim == "held":
                os.pwrite(busy.fileno(), bytes([rng.choice((BEFORE_COMMIT, AFTER_COMMIT))]), 1)
            while aim and time.monotonic() < deadline and busy.read(1) != b"\1":
                busy.seek(0)
        program.send_signal(signal.SIGKILL)
        program.wait()
        return said.read_text().splitlines()


def _judge(home: Path, told: Told, *, whole: bool) -> Counter:
    """Open what is left and compare; a healthy journal adds nothing to the figures."""
    core = core_factory.open_core(
        home, station=STATION, options=OPTIONS, clock=SimulatedClock(), retaining=(FOLLOWER,)
    )
    wrong: Counter = Counter()
    state = core.load("proof")
    for task, number in told.last.items():
        wrong["state lost"] += int(state.get(f"t{task}", b"0")) < number
    for lane in Lane:
        head = core.heads()[lane]
        wrong["lost"] += sum(seq > head for of, seq in told.numbers if of == lane)
        start = 0 if whole else max(0, head - 3_000)
        for entry in read_all(core, lane, after=start):
            wrong.update(_wrong(entry, told))
    core.close()
    return +wrong


def _wrong(entry, told: Told) -> list[str]:
    lane = int(entry.lane)
    content = json.loads(b"{" + entry.body)["data"]
    if entry.gap_from is None:
        expected = told.numbers.get((lane, entry.seq), content["n"])
        return ["another body"] * (content["n"] != expected)
    if content["why"] == events.DAMAGED:
        return ["damaged"]
    early = content["why"] == events.HISTORY and entry.seq > told.receipted[lane]
    return ["evicted without a gap"] * early
