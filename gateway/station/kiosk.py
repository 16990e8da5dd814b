"""The kiosk's requests in the station: their roads to a car, their sealed fields, their keys."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from gateway.audit import AuditLog
from gateway.clock import Clock
from gateway.config.schema import Settings
from gateway.disk import run_in_time
from gateway.errors import JournalError, StationError
from gateway.faults import OnFault, log_fault
from gateway.health import ScreenVitals, Vitals
from gateway.journal import Journal
from gateway.journal.personal_store import PersonalStore
from gateway.rules.actions import ActionHandler
from gateway.rules.duty import DutyRoster
from gateway.rules.linkage import OpenRequestAction as RequestAction
from gateway.station.machine import LINUX
from gateway.tasks import STOP_WITHIN_S, TaskSet, attempt, stop_tasks, supervise
from gateway.upstream.inbox.command import CommandKind
from gateway.upstream.uplinks.kind import OpenUplink
from gateway.web.section import Section
from kiosk.desk.board import RequestBoard
from kiosk.desk.routes import requests_section as board_section
from kiosk.requests.catalogue import load_services
from kiosk.requests.contacts import SealedContactStore
from kiosk.requests.outside import OpenedRoute, PlatformLines, RouteContext
from kiosk.requests.request import Request
from kiosk.requests.request_type import TYPES
from kiosk.requests.staff_bell import NullBell, StaffBell
from kiosk.runtime.api import request_routes
from kiosk.runtime.linkage import LinkageRequests
from kiosk.runtime.service import RequestService
from kiosk.runtime.wall_keys import KioskWallKeys
from kiosk.screen.alerts import AlertSource, NullAlerts
from kiosk.screen.browser_restart import BrowserRestart
from kiosk.screen.controller import KioskController, StationContext, run_ticks
from kiosk.screen.model import relative_size
from kiosk.screen.routes import screens_section as pages
from kiosk.screen.voice_note import VoiceRecorder
from kiosk.speech.sentences import KioskSpeaker, SilentSpeaker

log = logging.getLogger(__name__)

# Below so much of the sizes that the screens are drawn for, a panel is too small.
SMALL = 0.95

SWEEP_S = 300.0


class KioskAssembly:
    """The room with everything around it."""

    def __init__(
        self,
        settings: Settings,
        state: Path,
        clock: Clock,
        journal: Journal,
        ledger: AuditLog,
        *,
        lines: Callable[[], PlatformLines],
        runtime: Path,
        speaker: KioskSpeaker | None = None,
        bell: StaffBell | None = None,
        ears: VoiceRecorder | None = None,
        alerts: AlertSource | None = None,
        on_fault: OnFault = log_fault,
        open_uplink: OpenUplink = LINUX.open_uplink,
    ) -> None:
        """`lines` are the ways to the platforms, `ears` the kiosks' microphones.

        `alerts` are the emergencies that their screens show.

        In the folder `runtime` the kiosks' open screens outlive this process.
        """
        plan, offered = settings.requests, load_services()
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
        self.requests = RequestService(
            plan,
            offered,
            journal,
            clock,
            station=settings.station.id,
            places=settings.places,
            duty=DutyRoster(settings.rules.duty, settings.rules.calendar),
            routes={name: opened.route for name, opened in self._routes.items()},
            people=SealedContactStore(self.store),
            speaker=speaker or SilentSpeaker(),
            bell=bell or NullBell(),
            on_fault=on_fault,
        )
        self.keys = KioskWallKeys(plan.kiosks, offered, self.requests, clock)
        speaks = speaker or SilentSpeaker()
        name, timezone = settings.station.name, settings.station.timezone
        around = StationContext(name, timezone, clock, speaks, ears, alerts or NullAlerts())
        self.terminals = {
            name: KioskController(name, options, self.requests, around)
            for name, options in plan.kiosks.items()
        }
        self.keys.add_listener(self._key, self._sorry)
        self._revival = BrowserRestart(self.requests.screens, list(plan.kiosks), runtime)
        self._phone = plan.phone
        self._zones = {name: zone.name for name, zone in settings.zones.items()}
        opens = LinkageRequests(self.requests)
        self.doers: dict[str, ActionHandler] = {"request": opens, "call": opens}
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
        api = request_routes(self.requests, self.store, self._ledger)
        board = RequestBoard(self.requests, names, self._zones)
        return board_section(board, self._journal, vitals, self.store, self._ledger, api=api)

    def kinds(self, uplink: str) -> list[CommandKind]:
        """What the platform behind that uplink may say of requests."""
        parts = (TYPES.load_part(name, "commands") for name in self._types)
        return [
            kind
            for part in parts
            if part is not None
            for kind in part.command_kinds(self.requests, uplink)
        ]

    def _opened(self, context: RouteContext) -> dict[str, OpenedRoute]:
        """The ways to whoever is asked outside about a request."""
        parts = (TYPES.load_part(name, "routes") for name in self._types)
        return {
            name: opened
            for part in parts
            if part is not None
            for name, opened in part.open_routes(context)
        }

    async def start(self) -> None:
        """Take back what was open, and go on."""
        await attempt("requests", self.requests.load, self._on_fault)
        self.requests.add_listener(self._turned)  # what moves by being taken back is nobody's press
        self._say_small()
        for terminal in self.terminals.values():
            terminal.resume()
        self._tasks = [supervise("revival", self._revival.run, self._on_fault)]
        self._tasks += [
            supervise("requests", self.requests.run, self._on_fault),
            supervise("private", self._sweep, self._on_fault),
        ]
        if self.terminals:
            beats = partial(run_ticks, self.terminals.values(), self._on_fault)
            self._tasks.append(supervise("kiosks", beats, self._on_fault))
        for name, route in self._routes.items():
            if route.run is not None:
                self._tasks.append(supervise(name, route.run, self._on_fault))

    async def stop(self) -> None:
        """Write what has happened, and let go of everything."""
        await stop_tasks(self._tasks, STOP_WITHIN_S)
        await self.requests.stop()
        for route in self._routes.values():
            if route.close is not None:
                await route.close()
        with contextlib.suppress(OSError):
            run_in_time(self.store.close)

    def _say_small(self) -> None:
        """Panels on which nothing is as large as an old eye and finger need."""
        for name, terminal in self.terminals.items():
            share = relative_size(terminal.options.panel)
            if share < SMALL:
                log.warning("kiosk %s: its panel shows everything at %.0f%%", name, share * 100)

    def _turned(self, request: Request) -> None:
        for terminal in self.terminals.values():
            terminal.on_request_change(request)

    def _key(self, kiosk: str, number: int) -> None:
        """A key on the wall that needs a screen."""
        self._pressing.start(self.terminals[kiosk].handle_wall_key(number))

    def _sorry(self, kiosk: str) -> None:
        """A key on the wall has come to nothing: whoever pressed it hears so."""
        self.terminals[kiosk].announce_failure()

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


def _store(state: Path, clock: Clock, *, volatile: bool) -> PersonalStore:
    """On disk; in memory where that is dead or not ours, so that requests go on."""
    opened = partial(PersonalStore.open, keys=state / "keys", clock=clock)
    if volatile:
        return opened(None)
    try:
        (state / "keys").mkdir(mode=0o700, parents=True, exist_ok=True)
        return run_in_time(partial(opened, state))
    except (StationError, OSError) as error:
        log.error("personal fields are kept in memory only: %s", error)  # noqa: TRY400  # said whole
        return opened(None)
