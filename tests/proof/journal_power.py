"""Every disk state that a power cut could leave, rebuilt from what a real writer did, and judged.

A written byte is on the disk for certain only when its file was synced after it. Until then any
of it may be there: nothing, everything, a beginning, a selection, or writes torn at 512 bytes.
Names (create, link, rename, unlink) are taken to reach the disk in their order.
"""

import json
import random
import shutil
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from unittest import mock

from gateway.errors import JournalError
from gateway.event import Lane
from gateway.journal import events
from gateway.journal.preallocation import PreallocatedBlocks
from tests.proof import shim
from tests.proof.journal_writes import FOLLOWER, OPTIONS
from tests.proof.shim import Call
from tests.sim.journal import body, open_core, read_all

SECTOR = 512
KINDS = ("none", "all", "prefix", "subset", "torn")


class Content:
    """A file's bytes; behind them there are zeros up to its length."""

    def __init__(self, held: bytes = b"", length: int = 0) -> None:
        self.held = bytearray(held)
        self.length = length

    def apply(self, call: Call) -> None:
        end = call.offset + len(call.data)
        match call.letter:
            case "T":
                del self.held[call.offset :]
                self.length = call.offset
            case "A":
                self.length = max(self.length, call.offset)
            case "W":
                self.held.extend(bytes(max(0, end - len(self.held))))
                self.held[call.offset : end] = call.data
                self.length = max(self.length, end)


class File:
    """One file: what is certainly on the disk, and the calls since its last sync."""

    def __init__(self) -> None:
        self.durable = Content()
        self.pending: list[Call] = []

    def sync(self) -> None:
        for call in self.pending:
            self.durable.apply(call)
        self.pending.clear()

    def image(self, kind: str, rng: random.Random) -> Content:
        """One state in which the disk may be."""
        image = Content(self.durable.held, self.durable.length)
        for call in self._chosen(kind, rng):
            image.apply(call)
        return image

    def _chosen(self, kind: str, rng: random.Random) -> Iterable[Call]:
        match kind:
            case "none":
                return ()
            case "all":
                return self.pending
            case "prefix":
                return self.pending[: rng.randint(0, len(self.pending))]
            case "subset":
                return [call for call in self.pending if rng.random() < 0.5]
            case _:
                return [part for call in self.pending for part in _torn(call, rng)]


def _already(*_: object) -> bool:
    """Stands for the allocation of blocks, which changes no content and takes most of the time."""
    return True


def _torn(call: Call, rng: random.Random) -> Iterator[Call]:
    """Some of the call's sectors."""
    if call.letter != "W":
        yield call
        return
    start, end = call.offset, call.offset + len(call.data)
    for sector in range(start // SECTOR, (end - 1) // SECTOR + 1):
        low, high = max(start, sector * SECTOR), min(end, (sector + 1) * SECTOR)
        if rng.random() < 0.6:
            yield call._replace(offset=low, data=call.data[low - start : high - start])


class Disk:
    """The files by name, and what the writer knew at this instant."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.acknowledged = 0
        self.lost = 0
        self.tried: dict[int, tuple[list[int], list[int]]] = {}

    def take(self, call: Call) -> bool:
        """One more call happened; True if the disk may differ from before."""
        name = call.name.removesuffix(" (deleted)").rsplit("/", 1)[-1]
        match call.letter:
            case "M":
                self._mark(json.loads(call.data))
                return False
            case "S":
                if name in self.files:  # else a directory
                    self.files[name].sync()
            case "U":
                self.files.pop(name, None)
            case "L":
                self.files[call.data.decode().rsplit("/", 1)[-1]] = self.files[name]
            case "R":
                self.files[call.data.decode().rsplit("/", 1)[-1]] = self.files.pop(name)
            case _:
                self.files.setdefault(name, File()).pending.append(call)
        return True

    def _mark(self, told: list) -> None:
        if told[0] == "try":
            self.tried[told[1]] = (told[2], told[3])
        elif told[0] == "ack":
            self.acknowledged = told[1]
            self.lost = told[2]

    def build(self, directory: Path, kind: str, rng: random.Random) -> int:
        """Write one possible state into the directory; its fingerprint."""
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        images: dict[int, Content] = {}
        mark = 0
        for name, file in sorted(self.files.items()):
            image = images.setdefault(id(file), file.image(kind, rng))
            mark = zlib.crc32(f"{name} {image.length}".encode(), zlib.crc32(image.held, mark))
            with (directory / name).open("wb") as target:
                target.write(image.held)
                target.truncate(image.length)
        return mark

    def judge(self, directory: Path) -> str:
        """`ok`, or what is wrong with the journal that starts from this state."""
        try:
            with mock.patch.multiple(PreallocatedBlocks, own_ahead=_already, own_log=_already):
                core = open_core(directory / "journal.db", options=OPTIONS, retaining=(FOLLOWER,))
        except JournalError as error:
            return f"unreadable: {error}" if self.acknowledged else "ok"
        try:
            return self._judge(core)
        except JournalError as error:
            return f"unreadable: {error}"
        finally:
            core.abandon()

    def _judge(self, core) -> str:
        last = int(core.load("proof").get("last", b"0"))
        if last < self.acknowledged:
            return "lost"
        heads = list(core.heads().values())
        if last and self.tried[last][0] != heads:
            return "torn: entries without their state, or state without its entries"
        receipted = self.tried[max(self.tried)][1] if self.tried else [0] * len(Lane)
        return next(filter(None, (_wrong(core, lane, receipted[lane]) for lane in Lane)), "ok")


def _wrong(core, lane: Lane, receipted: int) -> str:
    """What is wrong in one lane; empty if nothing is."""
    due = 1
    for entry in read_all(core, lane):
        first = entry.seq if entry.gap_from is None else entry.gap_from
        if first != due:
            return "hole"
        due = entry.seq + 1
        if entry.gap_from is None:
            size = len(entry.body) - len(body(lane, entry.seq))
            if entry.body != body(lane, entry.seq, size):
                return "another body"
        elif events.DAMAGED.encode() in entry.body:
            return "damaged"
        elif events.HISTORY.encode() in entry.body and entry.seq > receipted:
            return "evicted without a gap"
    return "hole" if due != core.heads()[lane] + 1 else ""


def cut_power(directory: Path, *, states: int, seed: int, synchronous: str = "FULL") -> Counter:
    """Judge so many different disk states, spread over a writer's whole run; how they came out."""
    home, log = directory / "journal", directory / "log"
    home.mkdir(parents=True)
    commits = max(60, min(300, states // 15))
    env = shim.environment(home, log=log)
    with shim.start("journal_writes", home, seed, commits, synchronous, env=env) as writer:
        _, errors = writer.communicate()
    assert writer.returncode == 0, errors
    recorded = list(shim.calls(log))
    rng = random.Random(seed)
    chance = min(1.0, 1.3 * states / (len(KINDS) * len(recorded)))
    outcomes: Counter = Counter()
    seen: set[tuple[int, int]] = set()
    disk = Disk()
    for call in recorded:
        if not disk.take(call):
            continue
        for kind in KINDS:
            if rng.random() >= chance:
                continue
            state = (disk.build(directory / "image", kind, rng), disk.acknowledged)
            if state not in seen:
                seen.add(state)
                outcomes[disk.judge(directory / "image")] += 1
    return outcomes
