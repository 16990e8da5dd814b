"""The machine that a station runs on.

`LINUX` is the real one; a simulation passes another. Everything outside the station is a field of
it.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from drivers.bus_kinds import bus_kinds
from drivers.field_bus import BusKind
from gateway import systemd
from gateway.clock import Clock
from gateway.discovery.dns_sd import StationCard
from gateway.discovery.service import Announce
from gateway.doctor import probes
from gateway.doctor.model.facts import MachineFacts
from gateway.entropy import Source
from gateway.journal.writer import ThreadShell, WriterShell
from gateway.upstream.uplinks.kind import OpenUplink
from gateway.upstream.uplinks.registry import open_uplink
from gateway.web.server import WebServer


class OpenClock(Protocol):
    """Opens the machine's clock for the station whose files are in `state`."""

    def __call__(self, state: Path, *, floor_ns: int, environ: Mapping[str, str]) -> Clock:
        """`floor_ns` is the latest time that an earlier run handed out."""


# What the doctor asks of the machine itself (disk, memory, heat); takes milliseconds.
Inspect = Callable[[probes.ProbeTargets], MachineFacts]


class Machine(NamedTuple):
    """The outside of a station.

    `notify` sends a message to the service manager, `on_stop` registers a function for the end of
    the process, `shell` makes the worker that writes the journal's file.
    """

    environ: Mapping[str, str]
    entropy: Source
    open_clock: OpenClock
    shell: Callable[[], WriterShell]
    bus_kinds: Callable[[], Mapping[str, BusKind]]
    open_uplink: OpenUplink
    server: Callable[..., WebServer]
    announce: Announce
    inspect: Inspect
    notify: Callable[[str], bool]
    on_stop: Callable[[Callable[[], None]], None]


async def _announce(card: Callable[[], StationCard], interfaces: Collection[str]) -> None:
    from gateway.discovery.announcer import StationAnnouncer  # noqa: PLC0415  # 0.2 s and 5 MB

    await StationAnnouncer(card, interfaces).run()


def _on_signals(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


LINUX = Machine(
    environ=os.environ,
    entropy=os.urandom,
    open_clock=Clock.open,
    shell=ThreadShell,
    bus_kinds=bus_kinds,
    open_uplink=open_uplink,
    server=WebServer,
    announce=_announce,
    inspect=probes.probe_machine,
    notify=systemd.notify,
    on_stop=_on_signals,
)
