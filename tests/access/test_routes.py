"""Every route × every role, from the running application, over the doors that each role comes by.

The handlers are stood in for, so that every route can be asked without doing what it does; the
gate, the sessions, the server and TLS are the real ones. The table in `docs/security.md` is the
same table.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import aiohttp
import msgspec
from aiohttp import web

from broadcast.pages.deck import Deck
from broadcast.pages.listen import Ears
from broadcast.section import section as broadcast_section
from gateway.access.sessions import IDLE_S
from gateway.appliance.doctor.room import Doctor
from gateway.appliance.doctor.section import section as doctor_section
from gateway.appliance.settings.cycle import Cycle
from gateway.appliance.settings.section import section as settings_section
from gateway.journal.private import PrivateStore
from gateway.setup.contract import Roof
from gateway.setup.records import Records
from gateway.setup.section import section as setup_section
from gateway.web import control
from gateway.web.section import Permission, Route, Section
from gateway.web.server import ROUTES
from kiosk.api import routes
from kiosk.board.board import Board
from kiosk.board.section import section as board_section
from kiosk.room import Requests
from kiosk.section import section as kiosk_section
from tests.access.rig import PASSWORDS, Browser, Site, browser, site

P = Permission
MAY = {
    "nobody": {P.PUBLIC},
    "viewer": {P.PUBLIC, P.VIEW, P.OWN},
    "staff": {P.PUBLIC, P.VIEW, P.OWN, P.STAFF},
    "staff, idle": {P.PUBLIC, P.VIEW, P.OWN},
    "installer": {P.PUBLIC, P.VIEW, P.OWN, P.STAFF, P.INSTALL},
    "installer, by PIN": {P.PUBLIC, P.VIEW, P.OWN, P.STAFF},
    "on the machine": {P.PUBLIC, P.VIEW, P.HERE},
    "the console": set(P),
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
REACHED = "reached"


async def reached(_request: web.Request) -> web.StreamResponse:
    return web.Response(text=REACHED)


class Whole(Site):
    """With the sections that only stand in a running station."""

    def sections(self) -> list[Section]:
        cycle = cast(Cycle, None)  # no handler of these runs here
        records = Records(self.journal, self.clock)
        setup = setup_section(cast(Roof, None), records, self.look, self.names)
        settings = settings_section(cycle, self.look, self.names)
        doctor = doctor_section(cast(Doctor, None), self.look, cast(Any, None))
        return [*super().sections(), settings, setup, doctor, self._broadcast()]

    def _broadcast(self) -> Section:
        deck, ears = cast(Deck, None), cast(Ears, None)

        async def turned() -> None:
            raise AssertionError

        return broadcast_section(deck, self.look, ears=ears, turned=turned, changed=list)

    def wings(self) -> list[Section]:
        room, store = cast(Requests, None), cast(PrivateStore, None)
        board = Board(room, self.names)
        api = routes(room, store, self.ledger)
        desk = board_section(board, self.journal, self.look, store, self.ledger, api=api)
        return [desk, kiosk_section({}, "")]


class StoodIn(Whole):
    """The application's own sections, their handlers replaced."""

    def sections(self) -> list[Section]:
        replace = msgspec.structs.replace
        return [
            replace(
                section,
                routes=tuple(replace(route, handler=reached) for route in section.routes),
            )
            for section in super().sections()
        ]


@contextlib.asynccontextmanager
async def everybody(made: Site) -> AsyncIterator[dict[str, Browser]]:
    """One reader for each role, at the door that such a person comes by."""
    people = {"viewer": "guest", "staff": "zhang", "staff, idle": "zhang", "installer": "boss",
              "installer, by PIN": "boss"}  # fmt: skip
    async with contextlib.AsyncExitStack() as stack:
        readers = {
            role: await stack.enter_async_context(browser(made, plain=role == "on the machine"))
            for role in MAY
            if role != "the console"
        }
        for role, id_ in people.items():
            signed = await made.access.enter(id_, PASSWORDS[id_], made.place())
            if role == "installer, by PIN":
                caller = made.access.identify(signed.token)
                assert caller is not None
                await made.access.set_pin(caller, PASSWORDS[id_], "4826", made.place())
                signed = await made.access.unlock(id_, "4826", made.place(), signed.desk)
            readers[role].keep("__Host-session", signed.token)
            if role == "staff, idle":
                made.clock.advance(IDLE_S + 1)
                continue
        for role in ("viewer", "staff", "installer", "installer, by PIN"):
            caller = made.access.identify(readers[role].token)
            assert caller is not None
            session = made.access.book.session(caller.session)
            assert session is not None
            fresh = msgspec.structs.replace(session, seen_ns=made.clock.now_ns())
            made.access.book.show(f"session/{caller.session}", fresh)
        connector = aiohttp.UnixConnector(str(made.folder / control.NAME))
        console = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        readers["the console"] = Browser(made, console, "http://localhost")
        yield readers


def addressed(route: Route) -> str:
    names = {"id": "em-b3", "what": "disable", "hash": "0", "room": "web", "name": "x.css"}
    return route.path.format(**names, kiosk="hall", preset="water", sha="0", zone="all")


async def status(reader: Browser, route: Route) -> int:
    path = addressed(route)
    if route.method == "GET":
        answer = await reader.get(path)
    elif reader.base == "http://localhost":
        answer = await reader.session.post(reader.base + path)
    else:
        answer = await reader.post(path)
    answer.close()
    return answer.status


async def test_every_route_for_every_role(tmp_path: Path) -> None:
    asked = 0
    async with site(tmp_path, kind=StoodIn, control=tmp_path / control.NAME) as made:
        await made.furnish()
        async with everybody(made) as readers:
            for route in made.app[ROUTES]:
                for role, reader in readers.items():
                    got = await status(reader, route)
                    refused = got in (401, 403)
                    expected = route.permission in MAY[role]
                    assert refused is not expected, f"{route.method} {route.path} {role}: {got}"
                    asked += 1
        assert asked >= 8 * 30


async def test_the_document_has_the_same_table(tmp_path: Path) -> None:
    async with site(tmp_path, kind=Whole) as made:
        assert table(made.app[ROUTES]) in DOCUMENT.read_text("utf-8")


def table(routes: tuple[Route, ...]) -> str:
    """Who may ask what, as the document shows it."""
    heads = ["route", "asks for", *MAY]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for route in sorted(routes, key=lambda route: (route.path, route.method)):
        assert route.permission is not None
        marks = ["yes" if route.permission in MAY[role] else "–" for role in MAY]
        name = f"`{route.method} {route.path}`"
        lines.append(f"| {' | '.join([name, route.permission.value, *marks])} |")
    return "\n".join(lines)
