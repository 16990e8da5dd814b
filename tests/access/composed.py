"""The demo's station with all its rooms, built as `yizhan run` builds it, at the doors of a rig.

The handlers are stood in for, so that every route can be asked without doing what it does; the
gate, the sessions, the audit, the server and TLS are the real ones.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from unittest import mock

import msgspec
from aiohttp import web

from gateway.access.account_admin import AccountAdmin
from gateway.access.password_worker import PasswordWorker
from gateway.clock import Clock
from gateway.config.load import load, settings_file
from gateway.demo.config_files import PORTS, write_settings
from gateway.journal import Journal
from gateway.reconfigure.startup import SettingsStartup
from gateway.station import web as doors_of
from gateway.station.app import StationApp
from gateway.station.web import WebAssembly
from gateway.web import control_socket
from gateway.web.section import Route, Section
from gateway.web.server import WebOptions, WebServer, build_app
from tests.access.harness import CHEAP, MovedClock, Site

REACHED = "reached"
SECTIONS = web.AppKey("sections", tuple[Section, ...])


class Composed(Site):
    """A site whose rooms are a station's."""

    station: StationApp


async def reached(_request: web.Request) -> web.StreamResponse:
    return web.Response(text=REACHED)


def stood_in(sections: list[Section], **rooms: object) -> web.Application:
    """The application over those sections, their handlers replaced."""
    replace = msgspec.structs.replace
    quiet = [
        replace(section, routes=tuple(replace(route, handler=reached) for route in section.routes))
        for section in sections
    ]
    app = build_app(quiet, **rooms)  # type: ignore[arg-type]  # as `WebAssembly` gives them
    app[SECTIONS] = tuple(quiet)
    return app


@contextlib.asynccontextmanager
async def composed(folder: Path, *, sound: bool = True) -> AsyncIterator[Composed]:
    """It, running; `sound`: with its loudspeakers."""
    write_settings(folder, PORTS, air=False)
    file = settings_file(folder / "config")
    if not sound:
        text = re.sub(r"(?ms)^\[speaker\..*?(?=^\[bus)", "", file.read_text("utf-8"))
        file.write_text(re.sub(r"(?ms)^\[key\..*?(?=^\[broadcast)", "", text))
    settings, state = load(folder / "config"), folder / "state"
    made = Composed(folder, MovedClock())
    state.mkdir()
    real = Clock.open(state)
    made.journal = await Journal.open(
        state, station=settings.station.id, options=settings.journal, clock=real
    )
    made.journal._agenda.hurry = True  # hundreds of acts: none lingers for company
    doors = await WebAssembly.open(settings, state, made.clock, made.journal)
    doors.access.attempts.evaluator = PasswordWorker(CHEAP)
    made.access, made.ledger, made.tls = doors.access, doors.ledger, doors.tls
    made.keys = AccountAdmin(made.access, made.clock)
    with mock.patch.object(doors_of, "build_app", stood_in):
        station = made.station = StationApp(
            settings,
            state,
            made.clock,
            made.journal,
            doors=doors,
            begun=SettingsStartup.recover(file, state, real),
            restart=lambda: None,
        )
    made.app = station.server.app
    made.server = WebServer(
        made.app, WebOptions(port=0, lan_port=0), control=folder / control_socket.NAME
    )
    await made.server.start()
    await made.server.open_lan(made.tls.context, "127.0.0.1")
    try:
        yield made
    finally:
        await made.server.stop()
        await station.stop()
        await doors.close()
        await made.journal.close()


def addressed(route: Route) -> str:
    names = {"id": "em-b3", "what": "disable", "hash": "0", "room": "web", "name": "x.css"}
    names["ticket"] = "0"
    return route.path.format(**names, kiosk="hall", preset="water", sha="0", zone="all")
