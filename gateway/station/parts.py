"""The rooms of a station, built in an order in which each finds what it needs."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from drivers.contract import BusChange, DeviceChange, PollResult
from drivers.extensions import extension_folders, load_extension
from gateway.clock import Clock
from gateway.clock.boot import run_directory
from gateway.config.schema import Settings
from gateway.discovery.service import MdnsService
from gateway.faults import FaultLog, contain
from gateway.health import Vitals
from gateway.intake import Intake
from gateway.intake.meter_clocks import MeterClocks
from gateway.intake.storage_answer import StorageAnswer
from gateway.journal import Journal
from gateway.live.section import section as live_section
from gateway.reconfigure.journal_log import ChangeReporter
from gateway.reconfigure.lifecycle import SettingsLifecycle
from gateway.reconfigure.platform_commands import settings_apply, settings_read
from gateway.reconfigure.section import section as settings_section
from gateway.reconfigure.startup import SettingsStartup
from gateway.rules.actions import ActionHandler, MessageHandler, RelayHandler
from gateway.rules.service import RuleService
from gateway.station.alarm_desk import AlarmDesk
from gateway.station.buses import BusSet
from gateway.station.clock_sync import ClockSync
from gateway.station.doctor import DoctorAdapter
from gateway.station.health import HealthCollector
from gateway.station.kiosk import KioskAssembly
from gateway.station.machine import LINUX, Machine
from gateway.station.meter_counts import MeterCounts, meter_replaced
from gateway.station.no_broadcast import NoBroadcast
from gateway.station.reconfiguration import LiveReconfiguration, intake_devices
from gateway.station.recorder import StationRecorder
from gateway.station.setup import SetupAdapter
from gateway.station.web import WebAssembly
from gateway.upstream.connections import Uplinks
from gateway.upstream.inbox.command import CommandKind
from gateway.upstream.inbox.device_write import device_write
from gateway.web.control_socket import choose_socket_path
from gateway.web.section import Section

if TYPE_CHECKING:
    from gateway.station.broadcast import BroadcastAssembly


class PageContext(NamedTuple):
    """What a page of an extension is made of: `gateway/pages/<name>.py` with `section(context)`."""

    journal: Journal
    clock: Clock
    vitals: Callable[[], Vitals]
    people: Callable[[], Mapping[str, str]]


class StationParts:
    """All rooms of a station; `StationApp` starts and stops them."""

    def __init__(
        self,
        settings: Settings,
        state: Path,
        clock: Clock,
        journal: Journal,
        *,
        doors: WebAssembly,
        begun: SettingsStartup,
        restart: Callable[[], None],
        faults: FaultLog | None = None,
        running: bytes | None = None,
        machine: Machine = LINUX,
    ) -> None:
        """Build everything; nothing is opened but the journal, which is open already.

        `restart` ends the process so that it starts anew.
        """
        self._machine = machine
        self._settings = settings
        self._state = state
        self._begun = begun
        self._clock = clock
        self._journal = journal
        self._web = doors
        self.faults = faults or FaultLog(clock.now_ns)
        on_fault = self.faults.note
        self._recorder = StationRecorder(journal, clock, self.faults, machine.notify)
        self.time = ClockSync(clock, journal, state, doors.recheck)
        devices = intake_devices(settings)
        self.intake = Intake(journal, clock, devices, on_fault=on_fault)
        self.buses = BusSet(
            settings,
            self._polled,
            self._changed,
            on_fault,
            kinds=machine.bus_kinds,
            keys=state / "keys",
        )
        self.counts = MeterCounts(self.buses, journal, clock)
        self.uplinks = self._build_uplinks()
        self.broadcast = self._build_broadcast()
        self.kiosk = self._build_kiosk()
        alarming = AlarmDesk(settings, doors.people, journal)
        self.rules = self._build_rules(alarming)
        self._listen_to_readings()
        self.health = self._build_health(alarming)
        self.reconfiguration = LiveReconfiguration(
            settings,
            field=self.buses,
            intake=self.intake,
            uplinks=self.uplinks,
            watch=self.health,
            restart=restart,
        )
        running = begun.shelf.text() if running is None else running
        self.lifecycle = SettingsLifecycle(
            begun.shelf, self.reconfiguration, clock, ChangeReporter(journal, clock), running
        )
        self.uplinks.open(settings.uplinks)
        self.setup = self._build_setup()
        self.doctor = DoctorAdapter(self, state, clock, journal, doors, inspect=machine.inspect)
        app = doors.build_app(
            self._sections(alarming), self.health, self.time.handle_step, on_fault
        )
        self.server = machine.server(
            app, settings.web, control=choose_socket_path(machine.environ), on_fault=on_fault
        )
        self._presence = self._build_mdns()
        self._tasks: list[asyncio.Task[None]] = []

    def _build_uplinks(self) -> Uplinks:
        return Uplinks(
            self._settings.station.id,
            self._state,
            self._clock,
            self._journal,
            self.time.learn_platform_time,
            kinds_of=self._kinds,
            on_fault=self.faults.note,
            count=self.faults.count,
            open_uplink=self._machine.open_uplink,
        )

    def _build_broadcast(self) -> "BroadcastAssembly | NoBroadcast":
        """The broadcast, where there are loudspeakers."""
        if not self._settings.sound.speakers:
            return NoBroadcast()
        from gateway.station.broadcast import BroadcastAssembly  # noqa: PLC0415  # costs memory: if needed

        try:
            return BroadcastAssembly(
                self._settings,
                self._state,
                self._runtime,
                self._clock,
                self._journal,
                lived_ns=self._lived_ns,
                on_fault=self.faults.note,
            )
        except Exception as error:  # an edge: whoever cannot be heard can be called
            if self._begun.trial is not None:
                raise
            self.faults.note("start.broadcast", error)
            return NoBroadcast()

    def _build_kiosk(self) -> KioskAssembly:
        uplinks = self.uplinks
        return KioskAssembly(
            self._settings,
            self._state,
            self._clock,
            self._journal,
            self._web.ledger,
            lines=lambda: uplinks,
            runtime=self._runtime,
            open_uplink=self._machine.open_uplink,
            speaker=self.broadcast.speaking,
            bell=self.broadcast.speaking,
            ears=self.broadcast.listening,
            alerts=self.broadcast.alerts,
            on_fault=self.faults.note,
        )

    def _build_rules(self, alarming: AlarmDesk) -> RuleService:
        doers: dict[str, ActionHandler] = {
            "relay": RelayHandler(self.buses.find_device),
            "message": MessageHandler(),
            **self.kiosk.doers,
            **self.broadcast.doers,
            "call": alarming.calls,  # an alarm rings at the desk as the alarm that it is
        }
        return RuleService(
            self._settings.rules,
            self._journal,
            self._clock,
            doers=doers,
            on_fault=self.faults.note,
        )

    def _listen_to_readings(self) -> None:
        """The rules come first: an alarm must not wait for others."""
        meters = MeterClocks(self._clock, self._settings.station.timezone, self.time.handle_step)
        self.intake.on_replaced = self.rules.replace_meter
        for listener in (
            self.rules.on_poll,
            meters.handle_readings,
            self.kiosk.keys.on_poll,
            self.broadcast.handle_readings,
        ):
            self.intake.listen(listener)

    def _build_health(self, alarming: AlarmDesk) -> HealthCollector:
        return HealthCollector(
            self._settings,
            clock=self._clock,
            journal=self._journal,
            intake=self.intake,
            buses=self.buses.buses,
            senders=self.uplinks.senders,
            receipting=[
                self._journal.follower(name, retaining=True)
                for name, uplink in self._settings.uplinks.items()
                if uplink.required
            ],
            screens=self.kiosk.screens,
            alarms=alarming.vitals,
            faults=self.faults.all,
            refusing=(self.intake, self.rules, self.kiosk.requests, *self.broadcast.rooms),
            dates=self.uplinks.certificate_doubt,
        )

    def _build_setup(self) -> SetupAdapter:
        return SetupAdapter(
            self.lifecycle,
            lambda: self.reconfiguration.settings,
            self._state,
            self._clock,
            self._journal,
            field=self.buses,
            uplinks=self.uplinks,
            vitals=self.health,
            names=self._web.people,
            sounds=self.broadcast.tone,
            lan_open=self._lan_open,
        )

    def _sections(self, alarming: AlarmDesk) -> list[Section]:
        """All pages and addresses of the rooms; a new page is added here."""
        names = self._web.people
        return [
            alarming.section(self.rules, self.health),
            live_section(self.health, self.counts),
            settings_section(self.lifecycle, self.health, names),
            self.kiosk.section(self.health, names),
            self.kiosk.pages(),
            *self.broadcast.sections(self.health, names),
            self.setup.section,
            self.doctor.section,
            *self._added_pages(),
        ]

    def _added_pages(self) -> Iterator[Section]:
        """The sections of extensions; one that fails is a fault and left out."""
        given = PageContext(self._journal, self._clock, self.health, self._web.people)
        for folder in extension_folders("gateway", "pages"):
            for path in sorted(folder.glob("*.py")):
                try:
                    section: Section = load_extension(path).section(given)
                except Exception as error:  # noqa: BLE001  # the edge of one extension
                    self.faults.note(f"start.page.{path.stem}", error)
                else:
                    yield section

    def _build_mdns(self) -> MdnsService:
        """What is announced on the network."""
        server, station = self.server, self._settings.station
        return MdnsService(
            self._settings.discovery,
            (station.id, station.name),
            claimed=lambda: self._web.access.claimed,
            port=lambda: server.lan_port,
            vitals=self.health,
            announce=self._machine.announce,
        )

    @property
    def _runtime(self) -> Path:
        return run_directory(self._machine.environ, self._state)[0]

    def _lived_ns(self) -> int:
        """The rules' time, which counts only what the station lived through."""
        return self.rules.moment().at_ns

    def _lan_open(self) -> bool:
        return self.server.lan_open

    def _kinds(self, uplink: str) -> list[CommandKind]:
        """The commands that the platform behind an uplink may give."""
        return [
            device_write(self.buses.find_device, self._clock),
            meter_replaced(self.counts, self._web.ledger, uplink),
            settings_read(self.lifecycle),
            settings_apply(self.lifecycle, uplink),
            *self.kiosk.kinds(uplink),
            *self.broadcast.kinds(uplink),
        ]

    def _polled(self, poll: PollResult) -> StorageAnswer:
        stored = self.intake.handle_poll(poll)
        self.counts.handle_poll(poll)
        return stored.and_then(self.rules.settle)

    def _changed(self, change: DeviceChange | BusChange) -> None:
        for hear in (
            self.intake.handle_state_change,
            self.rules.on_bus_change,
            self.health.handle_change,
        ):
            contain(self.faults.note, "field.change", hear, change)  # each by itself
