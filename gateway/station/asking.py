"""The kiosk's requests in the station: their roads to a car, their sealed fields, their keys."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from gateway.appliance.schema import Settings
from gateway.audit import Ledger
from gateway.clock import Clock
from gateway.disk import in_time
from gateway.errors import JournalError, StationError
from gateway.faults import OnFault, log_fault
from gateway.health import ScreenVitals, Vitals
from gateway.journal import Journal
from gateway.journal.private import PrivateStore
from gateway.rules.acts import Doer
from gateway.rules.duty import DESK, PLATFORM, Duty
from gateway.station.machine import LINUX
from gateway.tasks import STOP_WITHIN_S, TaskSet, attempt, start, stop_all
from gateway.upstream.feed.sender import Sender
from gateway.upstream.inbox.command import CommandKind
from gateway.upstream.uplinks.contract import UNREACHABLE, Refused, Reply, Unknown, Uplink
from gateway.upstream.uplinks.kind import OpenUplink, UplinkContext
from gateway.upstream.uplinks.late import LateUplink
from gateway.upstream.uplinks.tls import Tls
from gateway.web.section import Section
from kiosk.alerts import Alerts, NoAlerts
from kiosk.api import routes
from kiosk.board.board import Board
from kiosk.board.section import section as board_section
from kiosk.catalogue import services
from kiosk.dictation import Ears
from kiosk.dispatch import NO_ROAD, Road
from kiosk.doers import Opens, ride_update, work_update
from kiosk.keys import Keys
from kiosk.options import Dispatcher
from kiosk.people import SealedPeople
from kiosk.request import Request
from kiosk.revival import Revival
from kiosk.room import Bell, Requests
from kiosk.screen import share_of_true
from kiosk.section import section as pages
from kiosk.speech import Speaker
from kiosk.terminal import Station, Terminal, beat

log = logging.getLogger(__name__)

AWAY_NS = 10_000_000_000
"""A platform that has been down for so long is shown as away before anybody presses."""

SMALL = 0.95
"""Below so much of the sizes that the screens are drawn for, a panel is too small."""

PROBE_S, PROBE_WITHIN_S = 10.0, 5.0
SWEEP_S = 300.0


class Lines(Protocol):
    """The uplinks, as far as somebody may be asked through them."""

    @property
    def names(self) -> Sequence[str]:
        """Of all that the settings have, in their order."""

    def line(self, name: str) -> tuple[Uplink, Sender] | None:
        """The uplink of that name, if it is open."""


class PlatformRoad:
    """The platform that the settings name first, past its queue; a ride stays where it was asked.

    Another uplink is another platform: it never hears of a resident in the first one's place.
    """

    def __init__(self, lines: Callable[[], Lines], clock: Clock) -> None:
        """`lines` are looked at anew each time, for the settings may change."""
        self._lines = lines
        self._clock = clock

    @property
    def holder(self) -> str:
        """The uplink that the settings name first."""
        return next(iter(self._lines().names), "")

    @property
    def open(self) -> bool:
        """Whether the platform has answered lately, or has only just stopped to."""
        found = self._lines().line(self.holder)
        if found is None:
            return False
        vitals = found[1].vitals
        down = vitals.state in ("down", "refused")
        return not down or self._clock.now_ns() - vitals.since_ns < AWAY_NS

    async def ask(self, message: bytes, deadline_ns: int, holder: str) -> Reply | Refused | Unknown:
        """Now or never, and of `holder` alone; of the first where none is known."""
        lines, name = self._lines(), holder or self.holder
        if name not in lines.names:
            return Refused(NO_ROAD)
        found = lines.line(name)
        return Refused(UNREACHABLE) if found is None else await found[0].ask(message, deadline_ns)


class DispatcherRoad:
    """A dispatcher of its own; asked now and then whether it is there."""

    holder = ""

    def __init__(
        self,
        options: Dispatcher,
        station: str,
        keys: Path,
        clock: Clock,
        *,
        on_fault: OnFault,
        open_uplink: OpenUplink,
    ) -> None:
        """Inside the running loop."""
        self._clock = clock

        def opened() -> Uplink:
            tls = partial(Tls, clock, ca_file=options.ca_file, own=None)
            return open_uplink(
                UplinkContext("dispatcher", options.uplink, station, keys, clock, tls)
            )

        self._line = LateUplink("dispatcher", opened, on_fault)
        self.open = True

    async def ask(
        self, message: bytes, deadline_ns: int, holder: str = ""
    ) -> Reply | Refused | Unknown:
        """Now or never; there is only one, so that nobody else holds a ride."""
        del holder
        return await self._line.ask(message, deadline_ns)

    async def run(self) -> None:
        """Keep knowing whether it is there."""
        while True:
            until = self._clock.deadline(PROBE_WITHIN_S)
            answer = await self._line.ask(b'{"kind":"ping"}', until.at_ns)
            self.open = isinstance(answer, Reply)
            await asyncio.sleep(PROBE_S)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._line.close()


class Captions:
    """Where no loudspeaker is: the page shows what would be said."""

    async def say(self, *_what: Any, **_how: Any) -> bool:
        """It stands under the request as its caption."""
        return False

    def cut_off(self) -> tuple[str, ...]:
        """Nothing sounds."""
        return ()


class FeedBell:
    """The desk and the platform hear of every call by the feed; there is no chime here."""

    async def ring(self, request: Request, to: str, by: tuple[str, ...]) -> tuple[str, ...]:
        """The record that goes with it is what they hear."""
        del request, to
        return tuple(way for way in by if way in (DESK, PLATFORM))


class Asking:
    """The room with everything around it."""

    def __init__(
        self,
        settings: Settings,
        state: Path,
        clock: Clock,
        journal: Journal,
        ledger: Ledger,
        *,
        lines: Callable[[], Lines],
        runtime: Path,
        speaker: Speaker | None = None,
        bell: Bell | None = None,
        ears: Ears | None = None,
        alerts: Alerts | None = None,
        on_fault: OnFault = log_fault,
        open_uplink: OpenUplink = LINUX.open_uplink,
    ) -> None:
        """`lines` are the ways to the platforms, `ears` the kiosks' microphones.

        `alerts` are the emergencies that their screens show.

        In the folder `runtime` the kiosks' open screens outlive this process.
        """
        plan, station = settings.requests, settings.station.id
        self.store = _store(state, clock, volatile=journal.volatile)
        self._dispatcher: DispatcherRoad | None = None
        roads: dict[str, Road] = {"platform": PlatformRoad(lines, clock)}
        if plan.ride.dispatcher is not None:
            self._dispatcher = DispatcherRoad(
                plan.ride.dispatcher,
                station,
                state / "keys",
                clock,
                on_fault=on_fault,
                open_uplink=open_uplink,
            )
            roads["dispatcher"] = self._dispatcher
        self.requests = Requests(
            plan,
            services(),
            journal,
            clock,
            station=station,
            places=settings.places,
            duty=Duty(settings.rules.duty, settings.rules.calendar),
            roads=roads,
            people=SealedPeople(self.store),
            speaker=speaker or Captions(),
            bell=bell or FeedBell(),
            on_fault=on_fault,
        )
        self.keys = Keys(plan.kiosks, services(), self.requests, clock)
        speaks = speaker or Captions()
        name, timezone = settings.station.name, settings.station.timezone
        around = Station(name, timezone, clock, speaks, ears, alerts or NoAlerts())
        self.terminals = {
            name: Terminal(name, options, self.requests, around)
            for name, options in plan.kiosks.items()
        }
        self.keys.listen(self._key, self._sorry)
        self._revival = Revival(self.requests.screens, list(plan.kiosks), runtime)
        self._phone = plan.phone
        self._zones = {name: zone.name for name, zone in settings.zones.items()}
        opens = Opens(self.requests)
        self.doers: dict[str, Doer] = {"request": opens, "call": opens}
        self._journal, self._ledger = journal, ledger
        self._on_fault = on_fault
        self._tasks: list[asyncio.Task[None]] = []
        self._pressing = TaskSet()

    def pages(self) -> Section:
        """The kiosks' screens."""
        return pages(self.terminals, self._phone)

    def screens(self) -> tuple[ScreenVitals, ...]:
        """Whether each kiosk's page is there."""
        return tuple(
            ScreenVitals(name, self.requests.screens.silent_s(name)) for name in self.terminals
        )

    def section(
        self, vitals: Callable[[], Vitals], names: Callable[[], Mapping[str, str]]
    ) -> Section:
        """The desk's request board, and the API; `names` are the people with an account."""
        api = routes(self.requests, self.store, self._ledger)
        board = Board(self.requests, names, self._zones)
        return board_section(board, self._journal, vitals, self.store, self._ledger, api=api)

    def kinds(self, uplink: str) -> list[CommandKind]:
        """What the platform behind that uplink may say of requests."""
        return [ride_update(self.requests, uplink), work_update(self.requests)]

    async def start(self) -> None:
        """Take back what was open, and go on."""
        await attempt("requests", self.requests.load, self._on_fault)
        self.requests.listen(self._turned)  # what moves by being taken back is nobody's press
        self._say_small()
        for terminal in self.terminals.values():
            terminal.resume()
        self._tasks = [start("revival", self._revival.run, self._on_fault)]
        self._tasks += [
            start("requests", self.requests.run, self._on_fault),
            start("private", self._sweep, self._on_fault),
        ]
        if self.terminals:
            beats = partial(beat, self.terminals.values(), self._on_fault)
            self._tasks.append(start("kiosks", beats, self._on_fault))
        if self._dispatcher is not None:
            self._tasks.append(start("dispatcher", self._dispatcher.run, self._on_fault))

    async def stop(self) -> None:
        """Write what has happened, and let go of everything."""
        await stop_all(self._tasks, STOP_WITHIN_S)
        await self.requests.stop()
        if self._dispatcher is not None:
            await self._dispatcher.close()
        with contextlib.suppress(OSError):
            in_time(self.store.close)

    def _say_small(self) -> None:
        """Panels on which nothing is as large as an old eye and finger need."""
        for name, terminal in self.terminals.items():
            share = share_of_true(terminal.options.panel)
            if share < SMALL:
                log.warning("kiosk %s: its panel shows everything at %.0f%%", name, share * 100)

    def _turned(self, request: Request) -> None:
        for terminal in self.terminals.values():
            terminal.turned(request)

    def _key(self, kiosk: str, number: int) -> None:
        """A key on the wall that needs a screen."""
        self._pressing.start(self.terminals[kiosk].number(number))

    def _sorry(self, kiosk: str) -> None:
        """A key on the wall has come to nothing: whoever pressed it hears so."""
        self.terminals[kiosk].sorry()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await asyncio.to_thread(self.store.sweep)
            except JournalError as error:
                log.error("personal fields could not be swept: %s", error)  # noqa: TRY400  # said whole


def _store(state: Path, clock: Clock, *, volatile: bool) -> PrivateStore:
    """On disk; in memory where that is dead or not ours, so that requests go on."""
    opened = partial(PrivateStore.open, keys=state / "keys", clock=clock)
    if volatile:
        return opened(None)
    try:
        (state / "keys").mkdir(mode=0o700, parents=True, exist_ok=True)
        return in_time(partial(opened, state))
    except (StationError, OSError) as error:
        log.error("personal fields are kept in memory only: %s", error)  # noqa: TRY400  # said whole
        return opened(None)
