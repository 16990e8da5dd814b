"""The facts of the running station for the doctor."""

import asyncio
from pathlib import Path
from typing import Protocol

import msgspec

from gateway.clock import Clock
from gateway.config.schema import Settings
from gateway.doctor import probes
from gateway.doctor.model.facts import (
    MachineFacts,
    RunningFacts,
    SettingsFacts,
    SoundFacts,
    StationFacts,
)
from gateway.doctor.section import section
from gateway.doctor.service import DoctorService
from gateway.doctor.settings_facts import facts_of_settings, read_settings_facts, serial_ports
from gateway.doctor.transitions import FindingReporter
from gateway.errors import JournalError
from gateway.event import Trust
from gateway.health import Vitals
from gateway.journal import Journal
from gateway.journal.stored_state import SetAsideRow, list_set_aside
from gateway.reconfigure.lifecycle import SettingsLifecycle
from gateway.station.health import HealthCollector
from gateway.station.kiosk import KioskAssembly
from gateway.station.machine import Inspect
from gateway.station.reconfiguration import LiveReconfiguration
from gateway.station.web import WebAssembly
from gateway.web.server import WebServer

SECOND_NS = 1_000_000_000


class SoundSource(Protocol):
    """The broadcast as the doctor sees it."""

    async def health(self) -> SoundFacts | None:
        """Its state; None without loudspeakers."""


class DoctorSources(Protocol):
    """The rooms of the station that the doctor asks at each look."""

    health: HealthCollector
    lifecycle: SettingsLifecycle
    reconfiguration: LiveReconfiguration
    kiosk: KioskAssembly

    @property
    def broadcast(self) -> SoundSource:
        """The broadcast."""

    @property
    def server(self) -> WebServer:
        """The pages."""


class DoctorAdapter:
    """The doctor of the running station."""

    def __init__(
        self,
        rooms: DoctorSources,
        state: Path,
        clock: Clock,
        journal: Journal,
        doors: WebAssembly,
        *,
        inspect: Inspect,
    ) -> None:
        """`rooms` are asked at each look, never before the station has started."""
        self._inspect = inspect
        self._rooms = rooms
        self._state = state
        self._journal = journal
        self._doors = doors
        self._read = _Settings(rooms, state)
        self.doctor = DoctorService(self._look, FindingReporter(journal, clock), clock.now_ns)
        self.section = section(self.doctor, rooms.health, self.gather_running)

    async def run(self) -> None:
        """Look regularly until cancelled."""
        await self.doctor.run()

    async def _look(self) -> StationFacts:
        known, machine = await asyncio.to_thread(self._look_aside)
        return StationFacts(machine=machine, written=known, running=await self.gather_running())

    def _look_aside(self) -> tuple[SettingsFacts, MachineFacts]:
        """The facts that need the disk."""
        known = self._read.now()
        asked = probes.ProbeTargets(self._rooms.lifecycle.shelf.file, self._state, self._read.ports)
        return known, self._inspect(asked)

    def _edited(self) -> bool:
        """Whether the file differs from the text that the station runs on."""
        try:
            return self._rooms.lifecycle.shelf.file.read_bytes() != self._rooms.lifecycle.running
        except OSError:
            return False  # there is a mistake that says so

    async def gather_running(self) -> RunningFacts:
        """The facts that the rooms know."""
        rooms, edited = self._rooms, await asyncio.to_thread(self._edited)
        vitals = _plain(rooms.health())
        shown = self._doors.tls.shown
        last = rooms.lifecycle.records[-1:]
        return RunningFacts(
            vitals=vitals,
            sound=await rooms.broadcast.health(),
            claimed=self._doors.access.claimed,
            desk_open=rooms.server.lan_open,
            desk_certificate=None
            if shown is None
            else (
                int(shown.born.timestamp()) * SECOND_NS,
                int(shown.ends.timestamp()) * SECOND_NS,
            ),
            private_lost=rooms.kiosk.store.volatile,
            edited=edited and not rooms.lifecycle.busy,
            set_aside=await self._aside(),
            rolled_back=next((record.number for record in last if not record.in_force), None),
        )

    async def _aside(self) -> tuple[SetAsideRow, ...]:
        try:
            return await list_set_aside(self._journal)
        except JournalError:  # its disk has failed, which is said elsewhere
            return ()


class _Settings:
    """The facts of the settings file, read again only when it has changed.

    The text that the station runs on is not read a second time.
    """

    def __init__(self, rooms: DoctorSources, state: Path) -> None:
        self._rooms = rooms
        self._file = rooms.lifecycle.shelf.file
        self._state = state
        self._mark: tuple[int, int] | None = None
        self._known = SettingsFacts(file=str(self._file))
        self.ports: tuple[tuple[str, str], ...] = ()

    def now(self) -> SettingsFacts:
        try:
            found = self._file.stat()
            mark = (found.st_mtime_ns, found.st_size)
        except OSError:
            mark = None
        if mark is None or mark != self._mark:
            self._known, settings = self._look()
            self.ports = serial_ports(settings)
            self._mark = mark
        return self._known

    def _look(self) -> tuple[SettingsFacts, Settings | None]:
        running = self._rooms.reconfiguration.settings
        try:
            if self._file.read_bytes() == self._rooms.lifecycle.running:
                return facts_of_settings(running, str(self._file), self._state), running
        except OSError:
            pass  # there is a mistake that says so
        return read_settings_facts(self._file.parent, self._state)


def _plain(vitals: Vitals) -> Vitals:
    """Without curves, and fit for JSON: an unknown time has an infinite error."""
    replace = msgspec.structs.replace
    if vitals.clock.trust is Trust.NONE:
        vitals = replace(vitals, clock=replace(vitals.clock, error_s=0.0))
    devices = tuple(replace(device, points=()) for device in vitals.devices)
    return replace(vitals, devices=devices)
