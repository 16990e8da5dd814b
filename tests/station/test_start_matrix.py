"""At least 60 broken starts of the real station: ready, siren and call-staff work, and it says why.

The real process with the real audio process, a contact on an emulated line, and an ear at a horn.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from tests.broadcast.chain.end_to_end import Ear, Street, control, now_ns
from tests.proof.small_disk import may_mount
from tests.station.harness import StationProcess
from tests.station.start_matrix import (
    DISKS,
    JOURNALS,
    SETTINGS,
    SINGLE,
    STATES,
    Break,
    Place,
    pairs,
)

pytestmark = [pytest.mark.slow, pytest.mark.proof]

SEED = int(os.environ.get("YIZHAN_SEED", "20261201"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
# Names of cases, to start these alone as the whole matrix does: `full disk; no floor + …`.
ALONE = frozenset(filter(None, os.environ.get("YIZHAN_STARTS", "").split("; ")))

PAIRS = 20
READY_S = 10.0
FIRE = 9
KIOSK = """
[kiosk.hall]
zone = "hall"
services = ["staff"]
"""


class Started(NamedTuple):
    """How a start went: its own seconds, without those that it waited for a processor."""

    own_s: float
    wall_s: float


def waited_s(pid: int) -> float:
    """How long the main thread was ready to run and did not."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


class Matrix:
    """A street whose station is started from a broken state again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.street = Street(folder)
        self.template = folder / "template"

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator["Matrix"]:
        """The line and the ears, and the state of a station that has lived."""
        street = self.street
        street.ears = {name: Ear(options) for name, options in street.horns.items()}
        await street.field.start()
        try:
            await self._live()
            yield self
        finally:
            await street.field.stop()
            for ear in street.ears.values():
                ear.close()

    async def _live(self) -> None:
        self.street.write_settings(quiet=False)
        file = self.folder / "station.toml"
        text = file.read_text("utf-8")
        text = text.replace("command_key = ", 'credential = "district"\ncommand_key = ') + KIOSK
        file.write_text(text, "utf-8")
        keys = self.folder / "state" / "keys"
        keys.mkdir(mode=0o700, parents=True)
        (keys / "district").write_text("token")
        (keys / "district").chmod(0o600)
        await self.street.station.start()
        await self.serves("first")
        await self.street.until(self.street._rendered)
        await self.street.station.stop()
        end_audio(self.folder)
        shutil.copytree(self.folder / "state", self.template)

    async def serves(self, press: str) -> None:
        """The fire contact sounds at the horn, and a press at the kiosk calls staff."""
        street, since = self.street, now_ns()
        await street.close_contact("fire")
        await street.ears["horn-b3"].first(FIRE, since)
        asked = {"press": press, "kiosk": "hall", "service": "staff"}
        called = await control(street.station, "POST", "/api/v1/requests", asked)
        assert (called["family"], called["ended"]) == ("call", False), called
        await street.open_contacts("fire")

    async def broken(self, number: int, breaks: tuple[Break, ...]) -> Started:
        """One start from a state that is broken so."""
        folder = self.folder / f"case-{number}"
        folder.mkdir()
        place = Place(folder, random.Random(SEED + number), {})
        size = max(each.disk for each in breaks)
        with mounted(place.state, size) if size else contextlib.nullcontext():
            shutil.copytree(self.template, place.state, dirs_exist_ok=True)
            shutil.copy(self.folder / "station.toml", place.settings)
            for each in sorted(breaks, key=lambda one: one.disk):
                each.do(place)
            try:
                return await self._judged(place, breaks, number)
            finally:
                await self._end(folder)

    async def _judged(self, place: Place, breaks: tuple[Break, ...], number: int) -> Started:
        holder = None
        if place.environ.pop("HOLD_THE_PORT", None):
            holder = socket.create_server(("127.0.0.1", self.street.port))
        made = {} if not place.state.is_file() else {"state": "kept"}
        station = self.street.station = Process(place.folder, made, place.environ)
        try:
            wall_s = await station.start()
            own_s = wall_s - waited_s(station.pid)
            await self.serves(f"press-{number}")
            for each in told(breaks):
                await self.street.until(lambda named=each.named: self._names(named))
        finally:
            if holder is not None:
                holder.close()
        return Started(own_s, wall_s)

    async def _names(self, words: str) -> bool:
        """Whether the vital signs, which the desk shows, or the doctor name it."""
        vitals = await control(self.street.station, "GET", "/api/v1/vitals")
        health = await control(self.street.station, "GET", "/api/v1/health")
        said = {key: vitals[key] for key in ("faults", "uplinks", "journal", "refusals")}
        volatile = "volatile " * vitals["journal"].pop("volatile")
        told = f"{volatile}{json.dumps(said)}{json.dumps(bad(health))}"
        return re.search(words, told) is not None

    async def _end(self, folder: Path) -> None:
        station = self.street.station
        if station._process is not None:
            await station.kill()
        end_audio(folder)
        shutil.rmtree(folder / "run", ignore_errors=True)


def name_of(breaks: tuple[Break, ...]) -> str:
    """What a case is called."""
    return " + ".join(one.name for one in breaks)


def told(breaks: tuple[Break, ...]) -> list[Break]:
    """Those that must be named: what lies on a disk, or in a journal, that is not read is not."""
    if any(each in DISKS for each in breaks) and len(breaks) > 1:
        return [each for each in breaks if each in DISKS or each in SETTINGS]
    if any(each in JOURNALS for each in breaks):
        return [each for each in breaks if each not in STATES]
    return list(breaks)


def bad(health: Any) -> list[Any]:
    """The findings that are not good."""
    findings = health["findings"] if isinstance(health, dict) else health
    return [each for each in findings if each.get("level") != "good"]


class Process(StationProcess):
    """A station whose state may be anything."""

    def __init__(self, folder: Path, made: dict[str, str], environ: dict[str, str]) -> None:
        state = folder / "state"
        kept = folder / "state.kept"
        if made:
            state.rename(kept)
        super().__init__(folder, **environ)
        if made:
            state.rmdir()
            kept.rename(state)

    async def start(self) -> float:
        """As ever; a process that ends instead is lost at once."""
        starting = asyncio.ensure_future(super().start())
        while self._process is None:  # noqa: ASYNC110 - `launch` of the one above
            await asyncio.sleep(0.01)
        ended = asyncio.ensure_future(self._process.wait())
        await asyncio.wait({starting, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            raise AssertionError(f"it ended with {ended.result()}")
        ended.cancel()
        return starting.result()


@contextlib.contextmanager
def mounted(point: Path, mib: int) -> Iterator[None]:
    """A disk in memory there."""
    point.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "none", str(point)]
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(point)], check=True)


def end_audio(folder: Path) -> None:
    """The audio process outlives its station; end the one of that folder."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"audio" in words and any(str(folder).encode() + b"/run" in w for w in words):
                    os.kill(int(entry.name), signal.SIGKILL)


async def test_broken_starts(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    cases = list(enumerate([(one,) for one in SINGLE] + pairs(rng, PAIRS)))
    if not may_mount():
        cases = [case for case in cases if not any(one.disk for one in case[1])]
    assert len(cases) >= 60
    chosen = cases if SHARE >= 1 else rng.sample(cases, max(3, round(len(cases) * SHARE)))
    if ALONE:
        chosen = [case for case in cases if name_of(case[1]) in ALONE]
        assert len(chosen) == len(ALONE), [name_of(breaks) for _, breaks in cases]
    worst, lost = Started(0.0, 0.0), list[str]()
    async with Matrix(tmp_path).standing() as matrix:
        for number, case in chosen:
            name = name_of(case)
            try:
                started = await matrix.broken(number, case)
            except (AssertionError, OSError, KeyError, aiohttp.ClientError) as error:
                lost.append(name)
                said = matrix.street.station.said[-2000:]
                print(f"LOST {name}: {type(error).__name__} {error}\n{said}", flush=True)
                continue
            print(f"{started.own_s:5.1f} s ({started.wall_s:5.1f} of the wall)  {name}", flush=True)
            if started.own_s > READY_S:
                lost.append(f"{name}: late")
            worst = max(worst, started)
    assert lost == []
    print(f"{len(chosen)} broken starts of {len(cases)}: all ready, at the latest after "
          f"{worst.own_s:.1f} s; siren and call-staff work in each (seed {SEED})")  # fmt: skip
