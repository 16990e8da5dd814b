"""The station's process: opened on what there is, run until it is told to stop, closed in order."""

import asyncio
import contextlib
import logging
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

from gateway.appliance.load import settings_file
from gateway.appliance.settings.fallback import in_force
from gateway.appliance.settings.starting import Start
from gateway.clock import Clock
from gateway.clock.boot import run_directory
from gateway.errors import JournalFailed
from gateway.faults import FaultLog
from gateway.journal import Journal, open_or_volatile
from gateway.journal.stored_state import tell_spoilt
from gateway.station import floor, watchdog
from gateway.station.doors import Doors
from gateway.station.run import Station
from gateway.texts import Texts

log = logging.getLogger(__name__)

EXTEND_US = 15_000_000
"""The service manager grants a start so much more, again and again, while the journal opens."""

RESTART = 75
"""The exit code that asks for this very process to be started anew (`EX_TEMPFAIL`)."""


async def run_station(config: Path, state: Path) -> int:
    """Run until told to stop; the exit code. `state` is a folder that exists."""
    clock = Clock.open(state, floor_ns=floor.read(state))
    begun = Start.of(settings_file(config), state, clock)
    try:
        return await _run(state, clock, begun)
    except Exception as error:  # whatever keeps a change of the settings from starting
        if not begun.failed(error, clock):
            raise
        return RESTART


async def _run(state: Path, clock: Clock, begun: Start) -> int:
    faults = FaultLog(clock.now_ns)
    settings, running = in_force(begun.shelf, faults.count, trial=begun.trial is not None)
    required = [name for name, uplink in settings.uplinks.items() if uplink.required]
    stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _end, stop, 0)
    opening = asyncio.create_task(
        open_or_volatile(
            state,
            runtime=run_directory(os.environ, state)[0],
            station=settings.station.id,
            options=settings.journal,
            clock=clock,
            retaining=required,
            on_wait=_still_opening,
        )
    )
    ended: set[asyncio.Future[Any]] = {opening, stop}
    await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
    if not opening.done():  # a stop is no kill, which would be a strike against the disk
        opening.cancel()
        await asyncio.wait({opening})
        return stop.result()
    journal = opening.result()
    if journal.volatile:
        log.error("storage lost: running on memory, a power cut loses what comes in")
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(_close, journal)
        journal.on_set_aside = faults.count
        journal.on_fault = faults.note
        await tell_spoilt(journal)
        doors = await Doors.open(settings, state, clock, journal, faults.note)
        closing.push_async_callback(doors.close)
        station = Station(
            settings,
            state,
            clock,
            journal,
            doors=doors,
            begun=begun,
            faults=faults,
            running=running,
            restart=partial(_end, stop, RESTART),
        )
        closing.push_async_callback(station.stop)
        await station.start()
        watchdog.notify("READY=1")
        log.info("station %s is ready: %s", settings.station.id, station.address)
        code = await _until(stop, journal)
        if code != RESTART:  # the service manager would not let a stopping process start anew
            watchdog.notify("STOPPING=1")
        return code


def _still_opening() -> None:
    status = Texts.of_environment().say("journal.status-opening")
    watchdog.notify(f"EXTEND_TIMEOUT_USEC={EXTEND_US}\nSTATUS={status}")


async def _close(journal: Journal) -> None:
    with contextlib.suppress(JournalFailed):  # it has been said already
        await journal.close()


def _end(stop: asyncio.Future[int], code: int) -> None:
    if not stop.done():
        stop.set_result(code)


async def _until(stop: asyncio.Future[int], journal: Journal) -> int:
    ended: set[asyncio.Future[Any]] = {stop, journal.fatal, journal.recovered}
    await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
    if journal.fatal.done():
        # A retried fsync proves nothing: end, and let the next start see what the disk holds.
        log.error("the journal's disk failed, so this process ends: %s", journal.fatal.result())
        return 1
    if not stop.done():
        log.warning("the journal on disk can be had again: starting anew on it")
        return RESTART
    return stop.result()
