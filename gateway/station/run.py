"""The station, put together: every room built, started in order, and stopped in order.

settings → clock → journal → every room's state → buses, keys, watchdog → pages → READY=1
                                                    └► accounts, settings, uplinks, doctor behind
SIGTERM  → buses → intake → uplinks → pages → journal

The emergency path (siren, call-staff, keys on the wall, watchdog) comes first and needs nothing: a
part that cannot start is counted as a fault and left out, every write at the start is an offer.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from broadcast.pages.no_speakers import no_speakers_api, no_speakers_section
from drivers.contract import BusChange, DeviceChange, PollResult
from gateway import __version__
from gateway.appliance.schema import Settings
from gateway.appliance.settings.cycle import Cycle
from gateway.appliance.settings.kinds import settings_apply, settings_read
from gateway.appliance.settings.section import section as settings_section
from gateway.appliance.settings.starting import Start
from gateway.appliance.settings.telling import Teller
from gateway.clock import Clock, next_beat
from gateway.clock.boot import run_directory
from gateway.errors import Unavailable
from gateway.faults import FaultLog, contain
from gateway.intake import Intake
from gateway.journal import Journal
from gateway.live.section import section as live_section
from gateway.rules.acts import Doer, Messages, Relays
from gateway.rules.room import Rules
from gateway.station import watchdog
from gateway.station.alarming import Alarming
from gateway.station.asking import Asking
from gateway.station.change import Changing, device_of
from gateway.station.commands import device_write
from gateway.station.counts import Counts, meter_replaced
from gateway.station.doctoring import Doctoring
from gateway.station.doors import Doors
from gateway.station.events import STARTED, Started
from gateway.station.field import Field
from gateway.station.machine import LINUX, Machine
from gateway.station.meter_clocks import MeterClocks
from gateway.station.presence import Presence
from gateway.station.recorder import Recorder
from gateway.station.setting_up import SettingUp
from gateway.station.timekeeping import Timekeeping
from gateway.station.vitals import Watch
from gateway.tasks import (
    STOP_WITHIN_S,
    attempt,
    attempt_stop,
    catch_rest,
    start,
    stop_all,
)
from gateway.upstream.connections import Uplinks
from gateway.upstream.inbox.command import CommandKind
from gateway.web.control import offered

if TYPE_CHECKING:
    from gateway.station.sounding import Sounding

log = logging.getLogger(__name__)

STUCK_S_MAX = 15.0
"""A journal job that has run for so long means that the writer has stopped moving."""


HELD_AGAIN_S = 5.0
"""A port that another process holds is tried again so often."""


class Station:
    """The running station: its rooms, its tasks."""

    def __init__(
        self,
        settings: Settings,
        state: Path,
        clock: Clock,
        journal: Journal,
        *,
        doors: Doors,
        begun: Start,
        restart: Callable[[], None],
        faults: FaultLog | None = None,
        running: bytes | None = None,
        machine: Machine = LINUX,
    ) -> None:
        """Build everything; nothing is opened but the journal, which is open already.

        `restart` ends the process so that it starts anew.
        """
        self._machine = machine
        self._begun = begun
        self._clock = clock
        self._journal = journal
        self._doors = doors
        self.faults = faults or FaultLog(clock.now_ns)
        self._recorder = Recorder(journal, clock, self.faults, machine.notify)
        on_fault = self.faults.note
        self.intake = Intake(
            journal,
            clock,
            [device_of(d) for d in settings.devices.values()],
            on_fault=on_fault,
        )
        self.time = Timekeeping(clock, journal, state, doors.stir)
        self.field = Field(settings, self._polled, self._changed, on_fault, kinds=machine.bus_kinds)
        self.counts = Counts(self.field, journal, clock)
        relays = Relays(self.field.of_device)
        alarming = Alarming(settings, doors.names, journal)
        self.sounding = self._sounding(settings, state)
        speaking = None if self.sounding is None else self.sounding.speaking
        self.asking = Asking(
            settings,
            state,
            clock,
            journal,
            doors.ledger,
            lines=lambda: self.uplinks,
            runtime=run_directory(machine.environ, state)[0],
            open_uplink=machine.open_uplink,
            speaker=speaking,
            bell=speaking,
            ears=None if self.sounding is None else self.sounding.listening,
            alerts=None if self.sounding is None else self.sounding.alerts,
            on_fault=on_fault,
        )
        doers: dict[str, Doer] = {"relay": relays, "message": Messages(), **self.asking.doers}
        doers["call"] = alarming.calls  # an alarm rings at the desk as the alarm that it is
        self.rules = Rules(settings.rules, journal, clock, doers=doers, on_fault=on_fault)
        self.intake.listen(self.rules.heard)
        self.intake.on_replaced = self.rules.replaced
        meters = MeterClocks(clock, settings.station.timezone, self.time.moved)
        self.intake.listen(meters.heard)
        self.intake.listen(self.asking.keys.heard)
        if self.sounding is not None:
            doers["announce"] = doers["ring"] = doers["answer"] = self.sounding
            self.intake.listen(self.sounding.heard)
        station = settings.station.id
        self.uplinks = Uplinks(
            station,
            state,
            clock,
            journal,
            self.time.platform_says,
            kinds_of=self._kinds,
            on_fault=self.faults.note,
            count=self.faults.count,
            open_uplink=machine.open_uplink,
        )
        heard = () if self.sounding is None else (self.sounding.room,)
        self.watch = Watch(
            settings,
            clock=clock,
            journal=journal,
            intake=self.intake,
            buses=self.field.buses,
            senders=self.uplinks.senders,
            receipting=[
                journal.follower(name, retaining=True)
                for name, uplink in settings.uplinks.items()
                if uplink.required
            ],
            screens=self.asking.screens,
            alarms=alarming.vitals,
            faults=self.faults.all,
            refusing=(self.intake, self.rules, self.asking.requests, *heard),
            dates=self.uplinks.dates,
        )
        self.changing = Changing(
            settings,
            field=self.field,
            intake=self.intake,
            uplinks=self.uplinks,
            watch=self.watch,
            restart=restart,
        )
        running = begun.shelf.text() if running is None else running
        self.cycle = Cycle(begun.shelf, self.changing, clock, Teller(journal, clock), running)
        self.uplinks.open(settings.uplinks)
        sections = [
            alarming.section(self.rules, self.watch),
            live_section(self.watch, self.counts),
            settings_section(self.cycle, self.watch, doors.names),
            self.asking.section(self.watch, doors.names),
            self.asking.pages(),
        ]
        if self.sounding is None:
            sections += [no_speakers_api(), no_speakers_section(self.watch)]
        else:
            sections += self.sounding.sections(self.watch, doors.names)
        self.setting_up = SettingUp(
            self.cycle,
            lambda: self.changing.settings,
            state,
            clock,
            journal,
            field=self.field,
            uplinks=self.uplinks,
            vitals=self.watch,
            names=doors.names,
            sounds=None if self.sounding is None else self.sounding.tone,
            lan_open=self._lan_open,
        )
        sections.append(self.setting_up.section)
        self.doctor = Doctoring(self, state, clock, journal, doors, inspect=machine.inspect)
        sections.append(self.doctor.section)
        app = doors.build(sections, self.watch, self.time.moved, on_fault)
        self.server = machine.server(
            app, settings.web, control=offered(machine.environ), on_fault=on_fault
        )
        self._presence = Presence(
            settings,
            claimed=lambda: doors.access.claimed,
            port=lambda: self.server.lan_port,
            vitals=self.watch,
            announce=machine.announce,
        )
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def address(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.server.port}/"

    def _lan_open(self) -> bool:
        return self.server.lan_open

    async def take_back(self) -> None:
        """Take back what every room knew, then read the keys on the wall: siren and keys live.

        Nobody may order anything of a room that does not know yet what it has promised: it would
        be promised anew, and forgotten when the room looks. What fails costs itself.
        """
        on_fault = self.faults.note
        catch_rest(on_fault)
        await self._try("pages", self.server.hold)
        await self._take_back()
        # Not before: what the rooms read would wait behind it for the disk.
        epoch, volatile = self._journal.epoch, self._journal.volatile
        self._recorder.offer(STARTED, Started(__version__, self._clock.boot, epoch, volatile))
        if (every_s := watchdog.period_s(self._machine.environ)) is not None:
            feed = watchdog.feed(every_s, self._moved, self._machine.notify)
            feeding = asyncio.create_task(feed, name="watchdog")
            self._tasks.append(feeding)
        self._tasks.append(start("rules", self.rules.run, on_fault))
        self.field.start()

    async def start(self) -> None:
        """Open the doors, and begin what is behind them; after `take_back`."""
        on_fault = self.faults.note
        self._tasks.append(start("web", self._keep_answering, on_fault))
        await self._try("pages", self.server.start)
        await self._try("doors", partial(self._doors.welcome, self.server))
        noted = self._try("settings", partial(self.cycle.start, self._begun.trial))
        if self._begun.trial is not None:
            await noted
        else:  # its history is on the disk
            self._tasks.append(asyncio.create_task(noted, name="settings"))
        self.uplinks.start()
        self._tasks += [
            start("clock", self.time.run, on_fault),
            start("vitals", self._keep_watching, on_fault),
        ]
        self._tasks.append(start("doors", partial(self._doors.run, self.server), on_fault))
        self._tasks.append(start("presence", self._presence.run, on_fault))
        self._tasks.append(start("doctor", self.doctor.run, on_fault))
        self._tasks.append(start("counts", self.counts.run, on_fault))

    async def _take_back(self) -> None:
        """Every room's state; the rules come last, for their linkages order things of others."""
        await self._try("intake", self.intake.resume)
        await self._try("counters", self.counts.load)
        await self._try("setup", self.setting_up.start)
        if self.sounding is not None:
            await self._try("broadcast", self.sounding.start)
        await self._try("requests", self.asking.start)
        await self._try("rules", self.rules.load)

    async def _try(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        """A step of the start, contained; a refusal that was foreseen is said in one line.

        Settings on trial must start whole: what fails then ends the start, and they go back.
        """
        if self._begun.trial is not None:
            await step()
        else:
            await attempt(what, step, self._recorder.missed)

    async def _keep_answering(self) -> None:
        """Take the port and the socket as soon as nobody else holds them."""
        while True:
            await asyncio.sleep(HELD_AGAIN_S)
            if not self.server.whole:
                with contextlib.suppress(Unavailable):
                    await self.server.start()
                    log.info("the pages are at %s", self.address)

    async def stop(self) -> None:
        """Stop reading, store what was read, stop sending, close the pages.

        Each of these happens whatever became of the ones before.
        """
        for what, step, within_s in (
            ("settings", self.cycle.stop, None),
            ("setup", self.setting_up.stop, None),
            ("buses", self.field.stop, None),
            ("intake", self.intake.drain, STOP_WITHIN_S),
            ("tasks", partial(stop_all, self._tasks, STOP_WITHIN_S), None),
            ("counts", self.counts.keep, STOP_WITHIN_S),
            ("rules", self.rules.stop, STOP_WITHIN_S / 2),
            ("requests", self.asking.stop, STOP_WITHIN_S / 2),
            ("broadcast", self._stop_sounding, None),
            ("uplinks", self.uplinks.close, None),
            ("web", self.server.stop, None),
        ):
            await attempt_stop(what, step, self.faults.note, within_s)
        self.time.keep_floor()

    async def _stop_sounding(self) -> None:
        if self.sounding is not None:
            await self.sounding.stop()

    def _sounding(self, settings: Settings, state: Path) -> "Sounding | None":
        """The broadcast, where there are loudspeakers."""
        if not settings.sound.speakers:
            return None
        from gateway.station.sounding import Sounding  # noqa: PLC0415  # costs memory: if needed

        runtime = run_directory(self._machine.environ, state)[0]
        try:
            return Sounding(
                settings,
                state,
                runtime,
                self._clock,
                self._journal,
                lived_ns=lambda: self.rules.moment().at_ns,
                on_fault=self.faults.note,
            )
        except Exception as error:  # an edge: whoever cannot be heard can be called
            if self._begun.trial is not None:
                raise
            self.faults.note("start.broadcast", error)
            return None

    def _kinds(self, uplink: str) -> list[CommandKind]:
        """What the station carries out for the platform behind an uplink."""
        return [
            device_write(self.field.of_device, self._clock),
            meter_replaced(self.counts, self._doors.ledger, uplink),
            settings_read(self.cycle),
            settings_apply(self.cycle, uplink),
            *self.asking.kinds(uplink),
            *(() if self.sounding is None else self.sounding.kinds(uplink)),
        ]

    def _polled(self, poll: PollResult) -> None:
        self.intake.take(poll)
        self.counts.heard(poll)

    def _changed(self, change: DeviceChange | BusChange) -> None:
        for hear in (self.intake.changed, self.rules.changed, self.watch.changed):
            contain(self.faults.note, "field.change", hear, change)  # each by itself

    def _moved(self) -> bool:
        return self._journal.stats().stuck_s < STUCK_S_MAX

    async def _keep_watching(self) -> None:
        while True:
            self.watch.tick()
            await self._recorder.tell_faults()
            heard = self.sounding is None or not self.sounding.room.unheard()
            self._recorder.tell_own(self.rules, heard=heard)
            self._recorder.tell_status()
            await next_beat()
