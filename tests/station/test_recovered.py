"""A station in memory starts anew once the disk's journal can be had."""

import asyncio
import os
import signal
import threading
from functools import partial
from typing import Any

import pytest

from gateway.event import Lane
from gateway.journal import core_factory, open_or_volatile, wrecks
from gateway.journal import journal as journal_module
from gateway.station import process
from gateway.station.app import StationApp
from gateway.station.machine import LINUX
from gateway.station.process import RESTART, _until
from tests.sim.journal import fact
from tests.station.test_stopped_early import SETTINGS


class Journal:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.fatal: asyncio.Future[Exception] = loop.create_future()
        self.recovered: asyncio.Future[None] = loop.create_future()


async def test_the_disk_s_journal_is_worth_a_new_start() -> None:
    journal, stop = Journal(), asyncio.get_running_loop().create_future()
    ending = asyncio.create_task(_until(stop, journal))
    await asyncio.sleep(0)
    assert not ending.done()
    journal.recovered.set_result(None)
    assert await ending == RESTART


async def test_a_stop_is_a_stop_and_a_dead_disk_an_error() -> None:
    journal, stop = Journal(), asyncio.get_running_loop().create_future()
    stop.set_result(0)
    assert await _until(stop, journal) == 0
    journal.fatal.set_result(OSError("EIO"))
    assert await _until(stop, journal) == 1


class Recovering:
    """A station in memory whose disk can be had again; that takes what is in memory at `go_on`."""

    def __init__(self, folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.loop = folder, asyncio.get_running_loop()
        self.opens, self.go_on = threading.Event(), threading.Event()
        self.laying, self.fed = asyncio.Event(), asyncio.Event()
        (folder / "station.toml").write_text(SETTINGS, "utf-8")
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder / "run"))
        monkeypatch.setenv("WATCHDOG_USEC", "10000")
        monkeypatch.setattr(process, "CLOSE_S", 0.0)
        monkeypatch.setattr(process, "open_or_volatile", partial(open_or_volatile, opening_s=0.0))
        run, lay, take_back = (
            core_factory.OpenContext.run,
            journal_module.write_wreck,
            StationApp.restore,
        )

        def opens(opening: core_factory.OpenContext, lock: Any) -> Any:
            self.opens.wait()
            return run(opening, lock)

        def lays(*args: Any, **more: Any) -> None:
            self.loop.call_soon_threadsafe(self.laying.set)
            self.go_on.wait()
            lay(*args, **more)

        async def takes_back(station: StationApp) -> None:
            await take_back(station)
            await station._journal.append([fact(Lane.EMERGENCY, 7)])

        monkeypatch.setattr(core_factory.OpenContext, "run", opens)
        monkeypatch.setattr(journal_module, "write_wreck", lays)
        monkeypatch.setattr(StationApp, "restore", takes_back)

    def notify(self, message: str) -> bool:
        """As the service manager hears it."""
        if message == "READY=1":
            self.opens.set()
        elif message == "WATCHDOG=1" and self.laying.is_set():
            self.fed.set()
        return True

    async def run(self) -> asyncio.Task[int]:
        """Until what is in memory is being laid beside the journal."""
        machine = LINUX._replace(notify=self.notify)
        running = asyncio.create_task(process.run_station(self.folder, self.folder, machine))
        await self.laying.wait()
        return running


async def test_what_was_acknowledged_in_memory_is_waited_for(tmp_path, monkeypatch):
    """However slow the disk is that can be had again; the watchdog bites nobody meanwhile."""
    disk = Recovering(tmp_path, monkeypatch)
    running, fed = await disk.run(), asyncio.create_task(disk.fed.wait())
    await asyncio.wait({running, fed}, return_when=asyncio.FIRST_COMPLETED)
    assert not running.done()
    disk.go_on.set()
    assert await running == RESTART
    assert len(wrecks.find_wrecks(tmp_path)) == 1


async def test_a_stop_while_it_is_waited_for_has_no_more_time_than_any(tmp_path, monkeypatch):
    disk = Recovering(tmp_path, monkeypatch)
    running = await disk.run()
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0
    disk.go_on.set()


async def test_a_disk_that_hangs_again_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "LAY_S", 0.0)
    monkeypatch.setattr(process, "LAY_BYTES_PER_S", 1e12)
    disk = Recovering(tmp_path, monkeypatch)
    assert await (await disk.run()) == RESTART
    disk.go_on.set()
