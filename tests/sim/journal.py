"""Journals for tests: small, on a simulated clock, with and without a file or a loop."""

import asyncio
from pathlib import Path

import msgspec

from gateway.event import Audience, Event, Kind, Lane, Stamps
from gateway.journal import Journal, JournalOptions, StateChange
from gateway.journal.carrier import FULL_NS
from gateway.journal.core import Append, Core
from gateway.journal.writer import InlineShell
from tests.sim.clock import SimulatedClock, SimulatedKernel

STATION = "test-1"
SMALL = JournalOptions(quota_mb=16, reserve_mb=0)


class Fact(msgspec.Struct, frozen=True):
    n: int
    padding: str = ""


FACT = Kind("test", "fact", Lane.TELEMETRY, Fact, Audience.ALL)


def fact(lane: Lane, n: int = 0, padding: str = "") -> Event:
    stamps = Stamps("0" * 15 + "1", 5_000_000_000)
    return Event(kind=FACT, source="d-1", stamps=stamps, lane=lane, data=Fact(n, padding))


def body(lane: Lane, n: int, size: int = 0) -> bytes:
    return f'"lane":"{lane.wire}","n":{n},"x":"{"." * size}"}}'.encode()


def one(lane: Lane, n: int, size: int = 0, state: tuple[StateChange, ...] = ()) -> Append:
    return Append(((lane, body(lane, n, size)),), state)


def several(lane: Lane, count: int, size: int = 0) -> Append:
    return Append(tuple((lane, body(lane, n, size)) for n in range(count)))


def open_core(
    path: Path | None,
    *,
    options: JournalOptions = SMALL,
    retaining: tuple[str, ...] | None = None,
    synchronous: str = "FULL",
) -> Core:
    return Core(
        path,
        station=STATION,
        options=options,
        clock=SimulatedClock(),
        retaining=retaining,
        synchronous=synchronous,
    )


def read_all(core: Core, lane: Lane, after: int = 0) -> list:
    entries: list = []
    while found := core.read(lane, after):
        entries += found
        after = found[-1].seq
    return entries


def bring_over(core: Core, upto: dict | None = None) -> list:
    """All that wrecks still hold for this core, as far as there is room; the entries stored."""
    entries: list = []
    for _ in range(100_000):
        step = core.carrier.step(upto or {})
        entries += step.entries
        if step.pause_ns is None or step.pause_ns >= FULL_NS:
            break
    return entries


def loop_clock() -> SimulatedClock:
    """A clock that goes with the running (virtual) loop."""
    loop = asyncio.get_running_loop()
    return SimulatedClock(SimulatedKernel(boottime=lambda: round(loop.time() * 1e9)))


def simulated_journal(
    path: Path | None = None,
    *,
    options: JournalOptions = SMALL,
    retaining: tuple[str, ...] | None = None,
    disk_s: float = 0.001,
) -> Journal:
    """A journal on the running (virtual) loop, its disk taking `disk_s` for each job."""
    clock = loop_clock()
    core = Core(path, station=STATION, options=options, clock=clock, retaining=retaining)
    return Journal(core, InlineShell(disk_s), station=STATION, options=options, clock=clock)
