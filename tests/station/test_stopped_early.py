"""A station that is told to stop before it has started, whatever it waits for."""

import asyncio
import json
import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import Clock
from gateway.disk import WITHIN_S
from gateway.errors import JournalFailed
from gateway.event import Lane
from gateway.journal import Journal, JournalOptions
from gateway.journal.core import JournalCore
from gateway.station import process
from gateway.station.app import StationApp
from gateway.station.clock_sync import ClockSync
from gateway.station.machine import LINUX
from gateway.station.meter_counts import MeterCounts
from gateway.tasks import STOP_WITHIN_S
from tests.sim.journal import fact

UNIT = Path(__file__).parents[2] / "systemd" / "yizhan.service"
SETTINGS = """\
schema = 1
[station]
id = "early-01"
name = "站"
[journal]
quota_mb = 16
[web]
port = 0
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "station.toml").write_text(SETTINGS, "utf-8")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    return tmp_path


def strikes(folder):
    return (folder / "run" / "journal-strikes").read_text()


async def test_a_stop_while_the_journal_opens_ends_the_start(folder, monkeypatch):
    ended = []

    async def takes_for_ever(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    monkeypatch.setattr(process, "open_or_volatile", takes_for_ever)
    assert await process.run_station(folder, folder) == 0
    assert ended == [True], "its opening hears of it, and takes back its strike"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", ["restore", "start"])
async def test_a_stop_during_the_start_ends_it_and_keeps_what_was_taken(
    folder, monkeypatch, step, number
):
    async def takes_for_ever(station: StationApp) -> None:
        station._journal.offer([fact(Lane.EMERGENCY, 7)])
        os.kill(os.getpid(), number)
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(StationApp, step, takes_for_ever)
    assert await process.run_station(folder, folder) == 0
    assert strikes(folder) == ""
    journal = await Journal.open(
        folder, station="early-01", options=JournalOptions(quota_mb=16), clock=Clock.open(folder)
    )
    kept = [json.loads(b"{" + each.body) for each in await journal.read(Lane.EMERGENCY, 0)]
    assert [each["data"]["n"] for each in kept] == [7]
    await journal.close()


class Hanging:
    """A disk whose reads do not return until `go_on`; the station's rooms read first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on, self.reads = threading.Event(), threading.Event()
        self.load = JournalCore.load
        monkeypatch.setattr(JournalCore, "load", self._hangs())
        monkeypatch.setattr(process, "HUNG_S", 0.01)
        monkeypatch.setattr(process, "LOOK_S", 0.01)
        for name in ("STOP_S", "CLOSE_S", "STOP_WITHIN_S"):
            monkeypatch.setattr(process, name, 0.05)

    def _hangs(self) -> Any:
        def load(core: JournalCore, room: str) -> Any:
            if core._path is not None and room != "journal":
                self.reads.set()
                self.go_on.wait()
            return self.load(core, room)

        return load


async def test_a_stop_does_not_wait_for_a_disk_that_hangs(folder, monkeypatch):
    disk = Hanging(monkeypatch)
    monkeypatch.setattr(process, "HUNG_S", 600.0)
    running = asyncio.create_task(process.run_station(folder, folder))
    await asyncio.to_thread(disk.reads.wait)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0
    assert not disk.go_on.is_set()
    assert strikes(folder) == ""
    disk.go_on.set()


async def test_a_disk_that_hangs_after_the_opening_is_not_waited_for(folder, monkeypatch):
    """The station comes up on memory, and starts anew on the disk when that answers."""
    disk, ready = Hanging(monkeypatch), asyncio.Event()
    machine = LINUX._replace(notify=lambda _: ready.set() is None)
    journals = []
    serve = process._serve

    async def seen(found: Any, journal: Journal, stop: Any) -> int | None:
        journals.append(journal.volatile)
        return await serve(found, journal, stop)

    monkeypatch.setattr(process, "_serve", seen)
    running = asyncio.create_task(process.run_station(folder, folder, machine))
    await ready.wait()
    assert journals == [False, True]
    disk.go_on.set()
    assert await running == process.RESTART
    assert strikes(folder).endswith("recovered"), "the next such start comes later"


async def test_a_stop_while_it_ends_to_start_anew_is_a_stop(folder, monkeypatch):
    stop = StationApp.stop

    async def told(station: StationApp) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        await stop(station)

    async def restarts(station: StationApp) -> None:
        station._journal.mark_recovered()

    monkeypatch.setattr(StationApp, "stop", told)
    monkeypatch.setattr(StationApp, "start", restarts)
    assert await process.run_station(folder, folder) == 0


@pytest.mark.parametrize(
    "error", [JournalFailed("journal.failed", reason="I/O"), KeyError("meter")]
)
async def test_what_fails_while_it_stops_costs_no_other_step(folder, monkeypatch, error):
    """The time is kept, and the pages close, whatever became of the counts before them."""
    ended = []

    async def fails(_: MeterCounts) -> None:
        ended.append("counts")
        raise error

    start = StationApp.start

    async def told(station: StationApp) -> None:
        await start(station)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(StationApp, "start", told)
    monkeypatch.setattr(MeterCounts, "save", fails)
    monkeypatch.setattr(ClockSync, "keep_floor", lambda _: ended.append("time"))
    assert await process.run_station(folder, folder) == 0
    assert ended == ["counts", "time"]


def test_a_stop_ends_before_systemd_kills():
    """A disk that hangs holds up each step of it as long as it may."""
    (within_s,) = re.findall(r"(?m)^TimeoutStopSec=(\d+)$", UNIT.read_text("utf-8"))
    most_s = WITHIN_S + process.STOP_S + process.CLOSE_S + 3 * STOP_WITHIN_S
    assert most_s < int(within_s)
