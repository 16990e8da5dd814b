"""Damage anywhere: what is whole comes over, what is lost is in a gap, and it is said truly."""

import functools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.errors import JournalDamaged
from gateway.event import JournalEntry, Lane
from gateway.journal import events, lane_rows
from gateway.journal.core import JournalCore
from gateway.journal.options import PAGE_BYTES
from tests.proof import journal_damage
from tests.proof.journal_ledger import FOLLOWER, STATES, build, kept_as, open_ledger
from tests.proof.journal_recovery import bring_all
from tests.proof.shim import ROOT
from tests.proof.small_disk import KINDS, may_mount, small_disk
from tests.sim.journal import read_all

SEED = int(os.environ.get("YIZHAN_SEED", "0"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))

PLACES = 200
# Of the large lane, by MB.
ENTRIES = {1: 1_000, 20: 20_000}

# Of each other lane.
BESIDE = 40

BODY_BYTES = 850
SIZES = (1, 64, 512, 4_096)
STARTS_MAX = 2_000
STEPS_MAX = 1_000_000
# About as many as the large journal's entries take, the scan included.
LARGE_STEPS = 4_000

MEMORY_MB_MAX = 60
# Its first five seconds are the start's; then the station goes on in memory.
READY_CPU_S_MAX = 10

FREE_MIB = 5
_FORMER = re.compile(rb'"formerid":"[^":]*:[^":]*:[^":]*:([0-9]+)"')
PROGRAM = "tests.proof.journal_recovery"


class Ledger(NamedTuple):
    """A closed journal, and where each row's bytes lie in its file."""

    directory: Path
    epoch: str
    counts: dict[Lane, int]
    rows: dict[tuple[Lane, int], tuple[int, int]]
    state_pages: set[int]


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory):
    """Built when they are asked for, once."""
    made: dict[tuple[int, Lane], Ledger] = {}

    def ledger(mb: int, lane: Lane) -> Ledger:
        if (mb, lane) not in made:
            made[mb, lane] = _ledger(tmp_path_factory.mktemp("ledger"), mb, lane)
        return made[mb, lane]

    return ledger


def _ledger(directory: Path, mb: int, large: Lane) -> Ledger:
    counts = {lane: ENTRIES[mb] if lane is large else BESIDE for lane in Lane}
    epoch = build(directory, counts, size=BODY_BYTES)
    content = (directory / "journal.db").read_bytes()
    places, after = {}, 0
    for lane, count in counts.items():
        for seq in range(1, count + 1):
            kept = kept_as(lane, seq, size=BODY_BYTES)
            after = content.find(kept, after)
            after = content.index(kept) if after < 0 else after
            places[lane, seq] = (after, len(kept))
    states = {found.start() // PAGE_BYTES for found in re.finditer(rb"roomk\d", content)}
    return Ledger(directory, epoch, counts, places, states)


class Damage(NamedTuple):
    """Random bytes at a place of the file."""

    at: int
    length: int

    @classmethod
    def somewhere(cls, path: Path, rng: random.Random, *, first_page: bool = False) -> "Damage":
        """`first_page`: where it is seen as soon as the file is opened."""
        length = rng.choice(SIZES)
        found = cls(rng.randrange(path.stat().st_size - length), length)
        found = cls(0, 64) if first_page else found
        with path.open("r+b") as file:
            file.seek(found.at)
            file.write(rng.randbytes(found.length))
        return found

    def pages(self) -> set[int]:
        """The pages that it touches, from 0."""
        return set(range(self.at // PAGE_BYTES, (self.at + self.length - 1) // PAGE_BYTES + 1))

    def touches(self, at: int, length: int) -> bool:
        return self.at < at + length and at < self.at + self.length

    def spares(self, at: int, length: int) -> bool:
        """Whether a row is whole whose body lies there: its cell, and the head of its page."""
        page = at // PAGE_BYTES * PAGE_BYTES
        return not self.touches(at - 40, length + 40) and not self.touches(page, 24)


class Found:
    """What a platform has heard in the end: numbers of the ledger's epoch, and how they came."""

    def __init__(self, ledger: Ledger) -> None:
        self.whole: dict[Lane, list[int]] = {lane: [] for lane in Lane}
        self.gaps: dict[Lane, list[int]] = {lane: [] for lane in Lane}
        self.said: list[dict] = []
        self.epoch = ""
        self.states: dict[str, bytes] = {}
        self._ledger = ledger

    def take(self, entry: JournalEntry) -> None:
        """One entry, under its own number or under a new one."""
        told = json.loads(b"{" + entry.body)
        kind = told.get("type", "")
        if kind == "cn.yizhan.feed.epoch.v1":
            self.said.append(told["data"])
        elif kind == "cn.yizhan.feed.gap.v1":
            content = told["data"]
            assert content["why"] == events.DAMAGED, content
            assert content.get("epoch", entry.epoch) == self._ledger.epoch
            self.gaps[Lane.parse(content["lane"])] += range(content["from"], content["to"] + 1)
        else:
            self.whole[entry.lane].append(self._number(entry, told))

    def _number(self, entry: JournalEntry, told: dict) -> int:
        seq = entry.seq
        if entry.epoch != self._ledger.epoch:
            _, epoch, lane, number = told["formerid"].split(":")
            assert (epoch, lane) == (self._ledger.epoch, entry.lane.wire)
            seq = int(number)
        kept = kept_as(entry.lane, seq, size=BODY_BYTES)
        sent = lane_rows.unpack_bodies(kept)[0] if entry.lane is Lane.TELEMETRY else kept
        assert entry.body.startswith(sent[:-1])
        return seq


def look(directory: Path, ledger: Ledger, steps: Callable[[], int]) -> Found:
    """Open and be killed after so many steps, until all has come over; then read everything."""
    for _ in range(STARTS_MAX):
        if (count := steps()) < STEPS_MAX:
            _killed_after(directory, count)
        core = open_ledger(directory, directory / "run")
        bring_all(core, count)
        try:
            if core.carrier.remains.entries:
                continue
            found = Found(ledger)
            for lane in Lane:
                for entry in read_all(core, lane):
                    found.take(entry)
        except JournalDamaged:
            continue
        else:
            found.epoch, found.states = core.epoch, core.load("room")
            return found
        finally:
            core.abandon()
    raise AssertionError("it never came to an end")


def _killed_after(directory: Path, steps: int) -> None:
    """A process of its own takes so many steps, and is killed."""
    child = os.fork()
    if child == 0:
        try:
            bring_all(open_ledger(directory, directory / "run"), steps)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)


def drain(directory: Path, ledger: Ledger) -> Found:
    """The same where there is no room: a platform takes and receipts what has come over so far."""
    found = Found(ledger)
    for _ in range(STARTS_MAX):
        core = open_ledger(directory, directory / "run")
        at = dict.fromkeys(Lane, 0)
        try:
            while core.carrier.remains.entries or at != core.heads():
                for lane in Lane:
                    for entry in read_all(core, lane, after=at[lane]):
                        found.take(entry)
                at = core.heads()
                core.carrier.step({FOLLOWER: at})
                bring_all(core)
        except JournalDamaged:
            found = Found(ledger)
            continue
        else:
            found.epoch, found.states = core.epoch, core.load("room")
            assert core.measure().lost == 0
            return found
        finally:
            core.abandon()
    raise AssertionError("it never came to an end")


def judge(found: Found, ledger: Ledger, damage: Damage) -> Counter:
    """What came of it; anything wrong is an assertion."""
    figures: Counter = Counter()
    for lane, count in ledger.counts.items():
        whole, gaps = found.whole[lane], found.gaps[lane]
        told = sorted([*whole, *gaps])
        assert told == list(range(1, count + 1)), f"{lane.wire}: lost or told twice"
        expected = {
            seq for (of, seq), place in ledger.rows.items() if of is lane and damage.spares(*place)
        }
        assert not expected - set(whole), f"{lane.wire}: whole and yet not there"
        figures["entries"] += len(whole)
        figures["in gaps"] += len(gaps)
    assert found.states.items() <= {key: body for (_, key), body in STATES.items()}.items()
    if not ledger.state_pages & damage.pages():
        assert len(found.states) == len(STATES)
    if found.epoch == ledger.epoch:
        return figures + Counter({"read on": 1})
    figures["replaced"] += 1
    (last_word,) = [each for each in found.said if each["why"] == events.SALVAGED]
    assert last_word["salvaged"] == sum(map(len, found.whole.values()))
    assert last_word["last"] == {lane.wire: count for lane, count in ledger.counts.items()}
    return figures


def copied(ledger: Ledger, target: Path) -> Path:
    shutil.copytree(ledger.directory, target)
    return target


@pytest.mark.proof
@pytest.mark.parametrize("mb", list(ENTRIES))
@pytest.mark.parametrize("lane", list(Lane), ids=[lane.wire for lane in Lane])
def test_damage_anywhere_loses_only_what_it_touched(memory_path, ledgers, mb, lane):
    """On a roomy disk; at every other place killed after some steps, again and again."""
    ledger = ledgers(mb, lane)
    rng = random.Random(f"{SEED} {mb} {lane}")
    figures: Counter = Counter()
    for number in range(max(2, int(PLACES * SHARE / len(Lane)))):
        directory = copied(ledger, memory_path / f"{number}")
        damage = Damage.somewhere(directory / "journal.db", rng)
        killed = number % 2 == 0
        steps = functools.partial(rng.randrange, 1, 10 * mb) if killed else lambda: STEPS_MAX
        figures += judge(look(directory, ledger, steps), ledger, damage)
        figures["places"] += 1
        shutil.rmtree(directory)
    print(f"salvage, {mb} MB, {lane.wire}, seed {SEED}: {dict(figures)}")


@pytest.mark.proof
@pytest.mark.parametrize("times", [1, 2])
def test_damage_again_takes_nothing_that_a_wreck_still_holds(memory_path, times):
    figures: Counter = Counter()
    for number in range(max(2, int(PLACES * SHARE))):
        directory = memory_path / f"{number}"
        figures += journal_damage.run(directory, f"{SEED} {number}", times)
        shutil.rmtree(directory)
    print(f"salvage, damaged {times + 1} times, seed {SEED}: {dict(figures)}")
    assert figures["known"] > figures["places"] // 4


@pytest.mark.skipif(not may_mount(), reason="mounting a small disk needs root")
@pytest.mark.proof
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lane", [Lane.EMERGENCY, Lane.TELEMETRY], ids=["emergency", "telemetry"])
def test_with_five_megabytes_free_it_comes_over_as_receipts_make_room(
    tmp_path, ledgers, kind, lane
):
    ledger = ledgers(20, lane)
    size = sum(path.stat().st_size for path in ledger.directory.iterdir() if path.is_file())
    rng = random.Random(f"{SEED} {kind} {lane}")
    figures: Counter = Counter()
    for number in range(max(1, int(PLACES * SHARE / 20))):
        with small_disk(tmp_path / f"{number}", kind, (size >> 20) + 24) as disk:
            directory = copied(ledger, disk / "journal")
            damage = Damage.somewhere(directory / "journal.db", rng, first_page=number % 2 == 0)
            (disk / "neighbour").write_bytes(bytes(free_bytes(disk) - (FREE_MIB << 20)))
            figures += judge(drain(directory, ledger), ledger, damage)
            figures["places"] += 1
    print(f"salvage, {FREE_MIB} MiB free on {kind}, {lane.wire}, seed {SEED}: {dict(figures)}")
    assert figures["replaced"]


def free_bytes(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


@pytest.mark.proof
def test_a_full_journal_is_ready_at_once_and_comes_over_in_little_memory(memory_path):
    """512 MB, as many leaves as that has. At a small share nearly all of it is receipted."""
    small = SHARE < 1
    counts = {Lane.EMERGENCY: 50, Lane.ALARM: 500, Lane.SERVICE: 5_000}
    counts[Lane.TELEMETRY] = 480_000 if small else 1_480_000
    receipted = {lane: count * 19 // 20 if small else 0 for lane, count in counts.items()}
    build(
        memory_path / "ledger", counts, size=1_100 if small else 250, receipted=receipted,
        alike=True,
    )  # fmt: skip
    due = sum(counts.values()) - sum(receipted.values())
    mb = (memory_path / "ledger" / "journal.db").stat().st_size >> 20
    rng = random.Random(SEED)
    for number in range(max(3, int(10 * SHARE))):
        directory = memory_path / "copy"
        shutil.copytree(memory_path / "ledger", directory)
        path = directory / "journal.db"
        damage = Damage.somewhere(path, rng, first_page=number % 3 == 0)
        JournalCore.damage_mark(path).touch()  # as if it had been met
        if number % 3 == 1:
            _killed_after(directory, rng.randrange(LARGE_STEPS))
        told = _recover(directory)
        figures = {name: round(told[name], 1) for name in sorted(told) if name != "epoch"}
        print(f"salvage of {mb} MB and {due} entries, damage {damage}: {figures}")
        assert told["peak_mb"] <= MEMORY_MB_MAX
        assert told["open_cpu_s"] <= READY_CPU_S_MAX
        assert told["left"] == 0
        assert _accounted(directory) == due
        shutil.rmtree(directory)


def _recover(directory: Path) -> dict:
    """Run the program; what it told."""
    command = [sys.executable, "-m", PROGRAM, directory, directory / "run"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    told: dict = json.loads(done.stdout)
    return told


def _accounted(directory: Path) -> int:
    """Entries that came over, once each, and numbers in gaps of the former epoch."""
    core = open_ledger(directory, directory / "run")
    count = 0
    for lane in Lane:
        seen = bytearray()
        for entry in read_all(core, lane):
            if (former := _FORMER.search(entry.body)) is not None:
                first = last = int(former[1])
            elif b"feed.gap" in entry.body:
                content = json.loads(b"{" + entry.body)["data"]
                first, last = content["from"], content["to"]
            else:
                continue
            seen.extend(bytes(max(0, last + 1 - len(seen))))
            assert not any(seen[first : last + 1])
            seen[first : last + 1] = bytes([1]) * (last + 1 - first)
        count += sum(seen)
    core.abandon()
    return count
