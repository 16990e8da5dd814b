"""The kiosk's requests in the station: their roads to a car, their sealed fields, their keys."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

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
from gateway.rules.duty import Duty
from gateway.rules.linkage import Request as RequestAction
from gateway.station.machine import LINUX
from gateway.tasks import STOP_WITHIN_S, TaskSet, attempt, start, stop_all
from gateway.upstream.inbox.command import CommandKind
from gateway.upstream.uplinks.kind import OpenUplink
from gateway.web.section import Section
from kiosk.alerts import Alerts, NoAlerts
from kiosk.api import routes
from kiosk.board.board import Board
from kiosk.board.section import section as board_section
from kiosk.catalogue import services
from kiosk.dictation import Ears
from kiosk.keys import Keys
from kiosk.people import SealedPeople
from kiosk.request import Request
from kiosk.requests.bell import NullBell, StaffBell
from kiosk.requests.linkage import LinkageRequests
from kiosk.requests.outside import Lines, OpenedRoute, RouteContext
from kiosk.requests.request_type import TYPES
from kiosk.revival import Revival
from kiosk.room import Requests
from kiosk.screen import share_of_true
from kiosk.section import section as pages
from kiosk.speech.sentences import SilentSpeaker, Speaker
from kiosk.terminal import Station, Terminal, beat

log = logging.getLogger(__name__)

SMALL = 0.95
"""Below so much of the sizes that the screens are drawn for, a panel is too small."""

SWEEP_S = 300.0


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
        bell: StaffBell | None = None,
        ears: Ears | None = None,
        alerts: Alerts | None = None,
        on_fault: OnFault = log_fault,
        open_uplink: OpenUplink = LINUX.open_uplink,
    ) -> None:
        """`lines` are the ways to the platforms, `ears` the kiosks' microphones.

        `alerts` are the emergencies that their screens show.

        In the folder `runtime` the kiosks' open screens outlive this process.
        """
        plan, offered = settings.requests, services()
        self.store = _store(state, clock, volatile=journal.volatile)
        self._types = plan.types_in_use(offered, _linked(settings))
        self._routes = self._opened(
            RouteContext(
                plan.services,
                lines,
                clock,
                settings.station.id,
                state / "keys",
                on_fault,
                open_uplink,
            )
        )
        self.requests = Requests(
            plan,
            offered,
            journal,
            clock,
            station=settings.station.id,
            places=settings.places,
            duty=Duty(settings.rules.duty, settings.rules.calendar),
            routes={name: opened.route for name, opened in self._routes.items()},
            people=SealedPeople(self.store),
            speaker=speaker or SilentSpeaker(),
            bell=bell or NullBell(),
            on_fault=on_fault,
        )
        self.keys = Keys(plan.kiosks, offered, self.requests, clock)
        speaks = speaker or SilentSpeaker()
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
        opens = LinkageRequests(self.requests)
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
        parts = (TYPES.part(name, "commands") for name in self._types)
        return [
            kind
            for part in parts
            if part is not None
            for kind in part.command_kinds(self.requests, uplink)
        ]

    def _opened(self, context: RouteContext) -> dict[str, OpenedRoute]:
        """The ways to whoever is asked outside about a request."""
        parts = (TYPES.part(name, "routes") for name in self._types)
        return {
            name: opened
            for part in parts
            if part is not None
            for name, opened in part.open_routes(context)
        }

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
        for name, route in self._routes.items():
            if route.run is not None:
                self._tasks.append(start(name, route.run, self._on_fault))

    async def stop(self) -> None:
        """Write what has happened, and let go of everything."""
        await stop_all(self._tasks, STOP_WITHIN_S)
        await self.requests.stop()
        for route in self._routes.values():
            if route.close is not None:
                await route.close()
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


def _linked(settings: Settings) -> set[str]:
    """The services that linkages open."""
    actions = (one for linkage in settings.rules.linkages.values() for one in linkage.actions)
    return {one.request for one in actions if isinstance(one, RequestAction)}


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
