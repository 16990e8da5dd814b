"""The station's process: start, run until told to stop, close in order."""

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from gateway import entropy, systemd
from gateway.clock import Clock, floor_file
from gateway.clock.boot import run_directory
from gateway.config.load import settings_file
from gateway.config.schema import Settings
from gateway.errors import JournalFailed
from gateway.faults import FaultLog
from gateway.journal import Journal, open_or_volatile, replace_hung_journal
from gateway.journal.stored_state import report_spoilt
from gateway.reconfigure.fallback import settings_in_force
from gateway.reconfigure.startup import SettingsStartup
from gateway.station.app import StationApp
from gateway.station.disk_threads import DiskExecutor
from gateway.station.machine import LINUX, Machine
from gateway.station.web import WebAssembly
from gateway.tasks import STOP_WITHIN_S
from gateway.texts import Texts

log = logging.getLogger(__name__)

# The extra start time asked of the service manager, again and again, while the journal opens.
EXTEND_US = 15_000_000

# How long a hanging disk may delay a stop: first the station, then the journal, which may still
# answer. The whole stop stays below `TimeoutStopSec`; a kill after that would count as a strike.
STOP_S, CLOSE_S = 4.0, 5.0

# Time to write what was taken in memory to a disk that is back: a fixed part, and the rate of the
# slowest card. Siren and keys wait meanwhile; a disk that takes longer hangs again.
LAY_S, LAY_BYTES_PER_S = 30.0, 1_000_000

# A read that takes this long while siren and keys wait for the rooms' state has met a dead disk.
HUNG_S, LOOK_S = 2.0, 0.5

# The exit code that asks for this process to be started anew (`EX_TEMPFAIL`).
RESTART = 75


async def run_station(config: Path, state: Path, machine: Machine = LINUX) -> int:
    """Run until told to stop; the exit code. `state` is an existing folder."""
    with entropy.use_source(machine.entropy):
        clock = machine.open_clock(
            state, floor_ns=floor_file.read_floor(state), environ=machine.environ
        )
        begun = SettingsStartup.recover(settings_file(config), state, clock)
        try:
            return await _run(state, clock, begun, machine)
        except Exception as error:  # whatever keeps a change of the settings from starting
            if not begun.revert(error, clock):
                raise
            return RESTART


class _Found(NamedTuple):
    """What a start finds before it builds anything."""

    state: Path
    clock: Clock
    begun: SettingsStartup
    settings: Settings
    running: bytes
    faults: FaultLog
    machine: Machine

    @property
    def runtime(self) -> Path:
        """The folder for files of this boot."""
        return run_directory(self.machine.environ, self.state)[0]

    @property
    def required(self) -> list[str]:
        """The uplinks that hold entries in the journal."""
        return [name for name, uplink in self.settings.uplinks.items() if uplink.required]


async def _run(state: Path, clock: Clock, begun: SettingsStartup, machine: Machine) -> int:
    faults = FaultLog(clock.now_ns)
    settings, running = settings_in_force(
        begun.shelf, faults.count, trial=begun.trial is not None, text=begun.text
    )
    found = _Found(state, clock, begun, settings, running, faults, machine)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(DiskExecutor())
    stop: asyncio.Future[int] = loop.create_future()
    told: asyncio.Future[None] = loop.create_future()
    machine.on_stop(partial(_told, stop, told))
    journal = await _opened(found, stop)
    if journal is None:
        return 0
    try:
        code = await _serve(found, journal, stop)
        if code is None:
            log.error("the disk hangs: starting on memory")
            journal = await replace_hung_journal(
                journal, state, runtime=found.runtime, **_of(found)
            )
            code = await _serve(found, journal, stop)
    finally:
        await _put_away(journal, told, machine)
    # A stop that comes while the process ends to start anew is a stop.
    return code if code is not None and not told.done() else 0


async def _opened(found: _Found, stop: asyncio.Future[int]) -> Journal | None:
    """The journal; None if the process is told to stop first."""
    on_wait = partial(_still_opening, found.machine.notify)
    opening = asyncio.create_task(
        open_or_volatile(found.state, runtime=found.runtime, on_wait=on_wait, **_of(found))
    )
    ended: set[asyncio.Future[Any]] = {opening, stop}
    await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
    if opening.done():
        return opening.result()
    opening.cancel()  # a stop is no kill, which would be a strike against the disk
    await asyncio.wait({opening})
    return None


def _of(found: _Found) -> dict[str, Any]:
    """The arguments with which every journal of this station is opened."""
    settings = found.settings
    return {
        "station": settings.station.id,
        "options": settings.journal,
        "clock": found.clock,
        "retaining": found.required,
        "shell": found.machine.shell,
    }


async def _serve(found: _Found, journal: Journal, stop: asyncio.Future[int]) -> int | None:
    """Start the station on that journal and run it to the end; the exit code.

    None if the journal's disk hangs before the rooms have their state from it: until then nothing
    was accepted from anybody.
    """
    if journal.volatile:
        log.error("storage lost: running on memory, a power cut loses what comes in")
    journal.on_set_aside = found.faults.count
    journal.on_fault = found.faults.note
    async with contextlib.AsyncExitStack() as closing:
        rooms = asyncio.create_task(_rooms(found, journal, stop, closing))
        if not await _done(rooms, journal, stop, hung_s=HUNG_S):
            return None
        if not _over(journal, stop):
            station = rooms.result()
            await _done(asyncio.create_task(station.start()), journal, stop)
            if not _over(journal, stop):
                found.machine.notify("READY=1")
                log.info("station %s is ready: %s", found.settings.station.id, station.address)
        code = await _until(stop, journal)
        if code != RESTART:  # the service manager would not let a stopping process start anew
            found.machine.notify("STOPPING=1")
        return code


async def _rooms(
    found: _Found, journal: Journal, stop: asyncio.Future[int], closing: contextlib.AsyncExitStack
) -> StationApp:
    """Build the station and restore its rooms; siren and keys work afterwards."""
    settings, faults = found.settings, found.faults
    await report_spoilt(journal)
    doors = await WebAssembly.open(settings, found.state, found.clock, journal, faults.note)
    closing.push_async_callback(_in_time, "the audit", STOP_WITHIN_S, doors.close)
    station = StationApp(
        settings,
        found.state,
        found.clock,
        journal,
        doors=doors,
        begun=found.begun,
        faults=faults,
        running=found.running,
        restart=partial(_end, stop, RESTART),
        machine=found.machine,
    )
    closing.push_async_callback(_in_time, "the station", STOP_S, station.stop)
    await station.restore()
    return station


async def _done(
    step: asyncio.Task[Any],
    journal: Journal,
    stop: asyncio.Future[int],
    *,
    hung_s: float = math.inf,
) -> bool:
    """Wait for a step of the start unless something ends the process; then it is cancelled.

    False if the journal's disk has not answered for `hung_s`.
    """
    ended: set[asyncio.Future[Any]] = {step, stop, journal.fatal}
    hangs = False
    while not hangs and not step.done() and not _over(journal, stop):
        await asyncio.wait(ended, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        hangs = not journal.volatile and journal.stats().stuck_s >= hung_s
    if step.done():
        step.result()
        return True
    step.cancel()
    await asyncio.wait({step}, timeout=STOP_WITHIN_S)
    return not hangs


def _over(journal: Journal, stop: asyncio.Future[int]) -> bool:
    """Whether the process must end."""
    return stop.done() or journal.fatal.done()


async def _in_time(what: str, within_s: float, close: Callable[[], Awaitable[None]]) -> None:
    """Close something, but abandon it after that time: a stop must end."""
    closing = asyncio.ensure_future(close())
    await asyncio.wait({closing}, timeout=within_s)
    if closing.done():
        closing.result()
    else:
        log.error("%s did not close within %.1f s", what, within_s)


def _still_opening(notify: Callable[[str], bool]) -> None:
    status = Texts.from_environment().say("journal.status-opening")
    notify(f"EXTEND_TIMEOUT_USEC={EXTEND_US}\nSTATUS={status}")


async def _put_away(journal: Journal, told: asyncio.Future[None], machine: Machine) -> None:
    """Close the journal within the time of a stop.

    What was accepted in memory exists nowhere else: if the disk is back, wait for it unless a stop
    is requested. The process counts as running meanwhile.
    """
    closing = asyncio.create_task(_close(journal))
    if journal.recovered.done():
        feeding = asyncio.create_task(_feed(machine))  # the station no longer does
        ended: set[asyncio.Future[None]] = {closing, told}
        within_s = LAY_S + journal.stats().used_bytes / LAY_BYTES_PER_S
        await asyncio.wait(ended, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        feeding.cancel()
    await _in_time("the journal", CLOSE_S, lambda: closing)


async def _feed(machine: Machine) -> None:
    if (every_s := systemd.watchdog_period_s(machine.environ)) is not None:
        await systemd.feed_watchdog(every_s, lambda: True, machine.notify)


async def _close(journal: Journal) -> None:
    with contextlib.suppress(JournalFailed):  # it has been said already
        await journal.close()


def _told(stop: asyncio.Future[int], told: asyncio.Future[None]) -> None:
    """Handle a stop signal: the process does not start anew, whatever else ends it."""
    if not told.done():
        told.set_result(None)
    _end(stop, 0)


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
