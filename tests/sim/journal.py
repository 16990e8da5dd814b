"""Journals for tests: small, on a simulated clock, with and without a file or a loop."""

import asyncio
from pathlib import Path

import msgspec

from gateway.event import Audience, Event, EventKind, Lane, Timestamps
from gateway.journal import Journal, JournalOptions, StateChange
from gateway.journal.append_request import AppendRequest
from gateway.journal.core import JournalCore
from gateway.journal.wreck_import import FULL_NS
from gateway.journal.writer import InlineShell
from tests.sim.clock import SimulatedClock, SimulatedKernel

STATION = "test-1"
SMALL = JournalOptions(quota_mb=16, reserve_mb=0)


class Fact(msgspec.Struct, frozen=True):
    n: int
    padding: str = ""


FACT = EventKind("test", "fact", Lane.TELEMETRY, Fact, Audience.ALL)


def fact(lane: Lane, n: int = 0, padding: str = "") -> Event:
    stamps = Timestamps("0" * 15 + "1", 5_000_000_000)
    return Event(kind=FACT, source="d-1", stamps=stamps, lane=lane, data=Fact(n, padding))


def body(lane: Lane, n: int, size: int = 0) -> bytes:
    return f'"lane":"{lane.wire}","n":{n},"x":"{"." * size}"}}'.encode()


def one(lane: Lane, n: int, size: int = 0, state: tuple[StateChange, ...] = ()) -> AppendRequest:
    return AppendRequest(((lane, body(lane, n, size)),), state)


def several(lane: Lane, count: int, size: int = 0) -> AppendRequest:
    return AppendRequest(tuple((lane, body(lane, n, size)) for n in range(count)))


def open_core(
    path: Path | None,
    *,
    options: JournalOptions = SMALL,
    retaining: tuple[str, ...] | None = None,
    synchronous: str = "FULL",
) -> JournalCore:
    return JournalCore(
        path,
        station=STATION,
        options=options,
        clock=SimulatedClock(),
        retaining=retaining,
        synchronous=synchronous,
    )


def read_all(core: JournalCore, lane: Lane, after: int = 0) -> list:
    entries: list = []
    while found := core.read(lane, after):
        entries += found
        after = found[-1].seq
    return entries


def bring_over(core: JournalCore, upto: dict | None = None) -> list:
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
    core = JournalCore(path, station=STATION, options=options, clock=clock, retaining=retaining)
    return Journal(core, InlineShell(disk_s), station=STATION, options=options, clock=clock)
