"""The board's addresses: all requests, one of them, what became of them, and what staff do."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from gateway.audit import Ledger, Who
from gateway.audit.reveal import reveal, reveal_sound
from gateway.errors import StationError, UsageError
from gateway.event import Lane
from gateway.health import Vitals
from gateway.journal.ports import Reader
from gateway.journal.private import PrivateStore
from gateway.web import audited
from gateway.web.cursor import is_number
from gateway.web.pages import PAGES
from gateway.web.pulse import framed
from gateway.web.section import Card, GuardedPulse, Handler, Nav, Permission, Route, Section
from gateway.web.words import Words, words_for
from kiosk.api import heard
from kiosk.board import deeds, past, row
from kiosk.board.board import PATH, ROWS_MAX, Board
from kiosk.board.deeds import Once
from kiosk.board.row import Row
from kiosk.board.story import Teller
from kiosk.board.voices import Tickets
from kiosk.core import impersonal
from kiosk.events import KINDS
from kiosk.request import Car, Contact, Deed, Request
from kiosk.requests.request_type import TYPES
from kiosk.speech.sentences import ready

HERE = Path(__file__).parent
NAV_NUMBER = 3
PAST_TURNS = 50
STORY_TURNS = 40
SHOWN_S = 60
"""A number that was revealed is hidden again after so long."""

CLOSED_AT_ONCE_MAX = 100

TEXT_CHARS_MAX = 100
PREVIEWED = ("text", "ready", "plate", "colour", "minutes", "by")


class BoardPages:
    """The handlers."""

    def __init__(
        self,
        board: Board,
        lanes: Reader,
        vitals: Callable[[], Vitals],
        store: PrivateStore,
        ledger: Ledger,
    ) -> None:
        """Over that board; the past is in `lanes`, personal fields are in `store`."""
        self._tickets = Tickets(lambda: board.room.moment().at_ns, SHOWN_S)
        self.board = board
        self._lanes = lanes
        self._vitals = vitals
        self._store = store
        self._ledger = ledger
        self._once = Once()

    async def home(self, request: web.Request) -> web.StreamResponse:
        """All open requests, or those of one family."""
        words, now = words_for(request), self._vitals()
        family = _family(request)
        return request.app[PAGES].render(
            request,
            "requests/board.html",
            now,
            self.board.view(now, words, family),
            rows=self.board.open(family)[:ROWS_MAX],
            lately=self.board.lately(),
            board=self.board,
            row=row,
            family=family,
            families=self.board.types,
            hot=_hot(self.board.open(family)),
        )

    async def show(self, request: web.Request) -> web.StreamResponse:
        """One request: what is known, what can be done, what was."""
        return await self._one(request)

    async def back(self, request: web.Request) -> web.StreamResponse:
        """A page that was made by a form has been asked for again."""
        raise web.HTTPSeeOther(_here(request))

    async def history(self, request: web.Request) -> web.StreamResponse:
        """What has happened, newest first."""
        words, now, query = words_for(request), self._vitals(), request.query
        family = _family(request)
        number = "".join(query.get("number", "").split())[:6]
        wanted = past.of_filter(family, number)
        page = await past.page(self._lanes, _cursor(query.get("before", "")), PAST_TURNS, wanted)
        teller = self._teller(words, now)
        return request.app[PAGES].render(
            request,
            "requests/past.html",
            now,
            {},
            lines=[teller.line(turn) for turn in page.turns],
            older=".".join(str(page.before[lane]) for lane in past.LANES) if page.before else "",
            newest=not query.get("before"),
            family=family,
            families=self.board.types,
            number=number,
        )

    async def put_away(self, request: web.Request) -> web.StreamResponse:
        """What can be closed at once, to be ticked."""
        now, words = self._vitals(), words_for(request)
        return request.app[PAGES].render(
            request,
            "requests/close.html",
            now,
            {},
            rows=self.board.put_away()[:CLOSED_AT_ONCE_MAX],
            board=self.board,
            row=row,
            ticked=request.query.get("all") == "1",
            many=self.board.view(now, words)["many"],
        )

    async def close(self, request: web.Request) -> web.StreamResponse:
        """Those that are ticked are over; nobody hears of it aloud."""
        ticked = (await request.post()).getall("id", [])
        wanted = [str(each) for each in ticked][:CLOSED_AT_ONCE_MAX]
        audited.done_to(request, f"{len(wanted)}")
        await self.board.room.close(wanted, _staff(request))
        raise web.HTTPSeeOther(f"{PATH}/close")

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Somebody says that they do it; whoever comes second sees who was first."""
        request_id = _named(request)
        each = self.board.find(request_id)
        if each is not None and each.take:
            await self.board.room.act(request_id, Deed(act=each.take), _staff(request))
        else:
            audited.told(request)
        raise web.HTTPSeeOther(_here(request))

    async def act(self, request: web.Request) -> web.StreamResponse:
        """One of the forms: an act, a look at what would be said, or the sentence once more."""
        request_id, given = _named(request), await request.post()
        if given.get("do") == "preview":
            audited.told(request)
            raise web.HTTPSeeOther(f"{_here(request)}?{_previewed(given)}")
        key = str(given.get("key", ""))[:16]
        if not self._once.first(key):
            audited.told(request)
            raise web.HTTPSeeOther(_here(request))
        try:
            if given.get("act") == "repeat":
                await self.board.room.repeat(request_id, louder=True)
            else:
                await self.board.room.act(request_id, deeds.deed(given), _staff(request))
        except StationError:
            self._once.failed(key)
            raise
        raise web.HTTPSeeOther(_here(request))

    async def reveal(self, request: web.Request) -> web.StreamResponse:
        """Show the number for a minute; it is on record who looked before it is shown."""
        found = self.board.room.core.request(_named(request))
        who, place = audited.who(request), audited.place(request)
        fields = await reveal(self._ledger, self._store, found.person, who=who, place=place)
        audited.told(request)
        contact = None if fields is None else msgspec.convert(fields, Contact)
        page = await self._one(request, contact=contact, asked=True)
        page.headers["Refresh"] = f"{SHOWN_S};url={_here(request)}"
        return page

    async def hear(self, request: web.Request) -> web.StreamResponse:
        """Let somebody hear what was said; it is on record who, before there is a sound."""
        found = self.board.room.core.request(_named(request))
        who, place = audited.who(request), audited.place(request)
        sound = await reveal_sound(self._ledger, self._store, found.voice, who=who, place=place)
        audited.told(request)
        ticket = "" if sound is None else self._tickets.issue(sound)
        page = await self._one(request, ticket=ticket, listened=True)
        page.headers["Refresh"] = f"{SHOWN_S};url={_here(request)}"
        return page

    async def sound(self, request: web.Request) -> web.StreamResponse:
        """The sound itself, while its minute lasts."""
        sound = self._tickets.sound(request.match_info["ticket"])
        if sound is None:
            raise web.HTTPNotFound
        return heard(sound)

    async def _one(
        self,
        request: web.Request,
        *,
        contact: Contact | None = None,
        asked: bool = False,
        ticket: str = "",
        listened: bool = False,
    ) -> web.Response:
        words, now, request_id = words_for(request), self._vitals(), request.match_info["id"]
        each = self.board.find(request_id)
        page = await past.page(self._lanes, {}, STORY_TURNS, past.of_request(request_id))
        if each is None and not page.turns:
            raise web.HTTPNotFound
        teller = self._teller(words, now)
        story = [teller.line(turn) for turn in reversed(page.turns)]
        common: dict[str, Any] = {"story": story, "request_id": request_id}
        seen = self.board.one(now, words, request_id)
        if each is None:
            return request.app[PAGES].render(request, "requests/over.html", now, seen, **common)
        return request.app[PAGES].render(
            request,
            "requests/one.html",
            now,
            seen,
            **common,
            **self._facts(each, request, words),
            contact=contact,
            asked=asked,
            ticket=ticket,
            listened=listened,
            shown_s=SHOWN_S,
        )

    def _facts(self, each: Row, request: web.Request, words: Words) -> Mapping[str, Any]:
        asked, board = each.request, self.board
        return {
            "each": each,
            "one": asked,
            "title": board.title(each, words),
            "pictogram": board.pictogram(each),
            "number": row.number(asked),
            "place": board.room.places.path(asked.place)
            if asked.place in board.room.places
            else board.place(asked.place),
            "grave": each.waits and each.urgency == row.EMERGENCY,
            "forms": deeds.forms(asked),
            "may_reply": not asked.ended,
            "key": self._once.fresh,
            "ready": ready(asked.family, board.room.plan.language),
            "people": board.people(),
            "given": {name: request.query.get(name, "")[:TEXT_CHARS_MAX] for name in PREVIEWED},
            "preview": self._preview(asked, request.query),
            "text_max": TEXT_CHARS_MAX,
            "heard": board.room.heard,
        }

    def _preview(self, asked: Request, query: Mapping[str, str]) -> str:
        """What would be heard; "" where nothing was asked for."""
        reply, plate = deeds.said(query), deeds.car_of(query)
        impersonal(reply)
        if not (reply or plate) or asked.ended:
            return ""
        try:
            car = msgspec.convert(plate, Car, strict=False) if plate else None
        except msgspec.ValidationError as error:
            raise UsageError("board.unfit") from error
        seen = row.desk_of(asked.family).preview(asked, car)
        return self.board.room.sentence(msgspec.structs.replace(seen, reply=reply)).caption

    def _teller(self, words: Words, now: Vitals) -> Teller:
        services = self.board.room.services

        def service(id_: str) -> str:
            return services[id_].name.of(words.lang) if id_ in services else id_

        return Teller(
            words,
            now.timezone,
            name=self.board.name,
            place=self.board.place,
            zones=self.board.zones,
            service=service,
            receipted={one.lane: one.receipted for one in now.lanes} if now.uplinks else {},
        )


def section(
    board: Board,
    lanes: Reader,
    vitals: Callable[[], Vitals],
    store: PrivateStore,
    ledger: Ledger,
    *,
    api: tuple[Route, ...] = (),
) -> Section:
    """The requests of that board, their pages and (`api`) what programs ask."""
    pages = BoardPages(board, lanes, vitals, store, ledger)
    one = f"{PATH}/{{id}}"
    return Section(
        name="requests",
        routes=(
            *api,
            _route("GET", PATH, pages.home),
            _route("GET", f"{PATH}/past", pages.history),
            _route("GET", f"{PATH}/close", pages.put_away),
            _route("POST", f"{PATH}/close", pages.close, act="request/close"),
            _route("GET", one, pages.show),
            _route("POST", f"{one}/take", pages.take, act="request/act"),
            _route("POST", f"{one}/act", pages.act, act="request/act"),
            _route("GET", f"{one}/reveal", pages.back),
            _route("GET", f"{one}/hear", pages.back),
            _route("POST", f"{one}/hear", pages.hear, act="private/reveal"),
            _route("GET", f"{one}/hear/{{ticket}}.wav", pages.sound),
            _route("POST", f"{one}/reveal", pages.reveal, act="private/reveal"),
        ),
        templates=HERE / "pages",
        static=HERE / "static",
        nav=Nav(NAV_NUMBER, PATH, "board.tab"),
        card=Card("requests/card.html", board.urgency, board.card, board.needs),
        pulses={
            "requests": GuardedPulse(Permission.STAFF, framed(board.view)),
            "request": GuardedPulse(Permission.STAFF, framed(board.one)),
        },
        kinds=KINDS,
    )


def _route(method: str, path: str, handler: Handler, act: str = "") -> Route:
    return Route(method=method, path=path, handler=handler, permission=Permission.STAFF, act=act)


def _staff(request: web.Request) -> Who:
    """Whoever is signed in; the console stands for staff."""
    who = audited.who(request)
    return who if who.kind in ("staff", "installer") else msgspec.structs.replace(who, kind="staff")


def _named(request: web.Request) -> str:
    audited.done_to(request, request.match_info["id"])
    return request.match_info["id"]


def _here(request: web.Request) -> str:
    return f"{PATH}/{request.match_info['id']}"


def _previewed(given: Mapping[str, Any]) -> str:
    """What was filled in, for the address of the page that shows how it sounds."""
    filled = {name: str(given.get(name, ""))[:TEXT_CHARS_MAX] for name in PREVIEWED}
    impersonal(deeds.said(filled))
    return urlencode({name: value for name, value in filled.items() if value})


def _family(request: web.Request) -> str:
    asked = request.query.get("family", "")
    return asked if asked in TYPES else ""


def _hot(rows: list[Row]) -> str:
    """The first emergency that nobody has taken is the only one that may be red."""
    first = rows[0] if rows else None
    grave = first is not None and first.waits and first.urgency == row.EMERGENCY
    return first.request.id if first is not None and grave else ""


def _cursor(text: str) -> Mapping[Lane, int]:
    """The numbers of a page's end, lane by lane; from the newest where there are none."""
    parts = text.split(".") if text else []
    if not parts:
        return {}
    if len(parts) != len(past.LANES) or not all(map(is_number, parts)):
        raise UsageError("web.no-number", name="before")
    return dict(zip(past.LANES, map(int, parts), strict=True))
