"""The board's addresses: all requests, one of them, what became of them, and what staff do."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from gateway.audit import Actor, AuditLog
from gateway.audit.reveal import reveal_fields, reveal_sound
from gateway.errors import StationError, UsageError
from gateway.health import Vitals
from gateway.journal.personal_store import PersonalStore
from gateway.journal.ports import Reader
from gateway.web import audit_middleware
from gateway.web.cursor import format_page_end, parse_page_end
from gateway.web.i18n import Translator, translator_for
from gateway.web.live_views import with_header
from gateway.web.page_renderer import PAGES
from gateway.web.section import Card, GuardedPulse, Handler, NavTab, Permission, Route, Section
from kiosk.desk import forms, history, row
from kiosk.desk.audio_tickets import AudioTickets
from kiosk.desk.board import PATH, ROWS_MAX, RequestBoard
from kiosk.desk.forms import FormTokens
from kiosk.desk.history_view import RequestHistoryView
from kiosk.desk.row import RequestRow
from kiosk.requests.engine import refuse_phone_number
from kiosk.requests.events import KINDS
from kiosk.requests.request import Car, Contact, Request, RequestAction
from kiosk.requests.request_type import TYPES
from kiosk.runtime.api import audio_response
from kiosk.speech.sentences import reply_phrases

HERE = Path(__file__).parent
NAV_NUMBER = 3
PAST_TURNS = 50
STORY_TURNS = 40
# A number that was revealed is hidden again after so long.
SHOWN_S = 60

CLOSED_AT_ONCE_MAX = 100

TEXT_CHARS_MAX = 100
PREVIEWED = ("text", "ready", "plate", "colour", "minutes", "by")


class RequestPages:
    """The handlers."""

    def __init__(
        self,
        board: RequestBoard,
        lanes: Reader,
        vitals: Callable[[], Vitals],
        store: PersonalStore,
        ledger: AuditLog,
    ) -> None:
        """Over that board; the past is in `lanes`, personal fields are in `store`."""
        self._tickets = AudioTickets(lambda: board.room.now().at_ns, SHOWN_S)
        self.board = board
        self._lanes = lanes
        self._vitals = vitals
        self._store = store
        self._ledger = ledger
        self._once = FormTokens()

    async def show_board(self, request: web.Request) -> web.StreamResponse:
        """All open requests, or those of one family."""
        words, now = translator_for(request), self._vitals()
        family = _family(request)
        return request.app[PAGES].render(
            request,
            "requests/board.html",
            now,
            self.board.view(now, words, family),
            rows=self.board.open_rows(family)[:ROWS_MAX],
            lately=self.board.recent_rows(),
            board=self.board,
            row=row,
            family=family,
            families=self.board.types,
            hot=_hot(self.board.open_rows(family)),
        )

    async def show_request(self, request: web.Request) -> web.StreamResponse:
        """One request: what is known, what can be done, what was."""
        return await self._one(request)

    async def redirect_back(self, request: web.Request) -> web.StreamResponse:
        """A page that was made by a form has been asked for again."""
        raise web.HTTPSeeOther(_here(request))

    async def show_history(self, request: web.Request) -> web.StreamResponse:
        """What has happened, newest first."""
        words, now, query = translator_for(request), self._vitals(), request.query
        family = _family(request)
        number = "".join(query.get("number", "").split())[:6]
        wanted = history.filter_by_family(family, number)
        page = await history.read_history(
            self._lanes, parse_page_end(query.get("before", ""), history.LANES), PAST_TURNS, wanted
        )
        teller = self._teller(words, now)
        return request.app[PAGES].render(
            request,
            "requests/past.html",
            now,
            {},
            lines=[teller.line(turn) for turn in page.turns],
            older=format_page_end(page.before, history.LANES),
            newest=not query.get("before"),
            family=family,
            families=self.board.types,
            number=number,
        )

    async def show_closable(self, request: web.Request) -> web.StreamResponse:
        """What can be closed at once, to be ticked."""
        now, words = self._vitals(), translator_for(request)
        return request.app[PAGES].render(
            request,
            "requests/close.html",
            now,
            {},
            rows=self.board.closable_rows()[:CLOSED_AT_ONCE_MAX],
            board=self.board,
            row=row,
            ticked=request.query.get("all") == "1",
            many=self.board.view(now, words)["many"],
        )

    async def close_requests(self, request: web.Request) -> web.StreamResponse:
        """Those that are ticked are over; nobody hears of it aloud."""
        ticked = (await request.post()).getall("id", [])
        wanted = [str(each) for each in ticked][:CLOSED_AT_ONCE_MAX]
        audit_middleware.set_target(request, f"{len(wanted)}")
        await self.board.room.close_requests(wanted, _staff(request))
        raise web.HTTPSeeOther(f"{PATH}/close")

    async def take_request(self, request: web.Request) -> web.StreamResponse:
        """Somebody says that they do it; whoever comes second sees who was first."""
        request_id = _named(request)
        each = self.board.find_row(request_id)
        if each is not None and each.taking_action:
            await self.board.room.apply_action(
                request_id, RequestAction(act=each.taking_action), _staff(request)
            )
        else:
            audit_middleware.mark_audited(request)
        raise web.HTTPSeeOther(_here(request))

    async def apply_form(self, request: web.Request) -> web.StreamResponse:
        """One of the forms: an act, a look at what would be said, or the sentence once more."""
        request_id, given = _named(request), await request.post()
        if given.get("do") == "preview":
            audit_middleware.mark_audited(request)
            raise web.HTTPSeeOther(f"{_here(request)}?{_previewed(given)}")
        key = str(given.get("key", ""))[:16]
        if not self._once.claim_token(key):
            audit_middleware.mark_audited(request)
            raise web.HTTPSeeOther(_here(request))
        try:
            if given.get("act") == "repeat":
                await self.board.room.repeat_sentence(request_id, louder=True)
            else:
                await self.board.room.apply_action(
                    request_id, forms.parse_action(given), _staff(request)
                )
        except StationError:
            self._once.release_token(key)
            raise
        raise web.HTTPSeeOther(_here(request))

    async def reveal_contact(self, request: web.Request) -> web.StreamResponse:
        """Show the number for a minute; it is on record who looked before it is shown."""
        found = self.board.room.engine.get_request(_named(request))
        who, place = (
            audit_middleware.acting_account(request),
            audit_middleware.request_origin(request),
        )
        fields = await reveal_fields(self._ledger, self._store, found.person, who=who, place=place)
        audit_middleware.mark_audited(request)
        contact = None if fields is None else msgspec.convert(fields, Contact)
        page = await self._one(request, contact=contact, asked=True)
        page.headers["Refresh"] = f"{SHOWN_S};url={_here(request)}"
        return page

    async def reveal_voice(self, request: web.Request) -> web.StreamResponse:
        """Let somebody hear what was said; it is on record who, before there is a sound."""
        found = self.board.room.engine.get_request(_named(request))
        who, place = (
            audit_middleware.acting_account(request),
            audit_middleware.request_origin(request),
        )
        sound = await reveal_sound(self._ledger, self._store, found.voice, who=who, place=place)
        audit_middleware.mark_audited(request)
        ticket = "" if sound is None else self._tickets.issue(sound)
        page = await self._one(request, ticket=ticket, listened=True)
        page.headers["Refresh"] = f"{SHOWN_S};url={_here(request)}"
        return page

    async def serve_sound(self, request: web.Request) -> web.StreamResponse:
        """The sound itself, while its minute lasts."""
        sound = self._tickets.find_sound(request.match_info["ticket"])
        if sound is None:
            raise web.HTTPNotFound
        return audio_response(sound)

    async def _one(
        self,
        request: web.Request,
        *,
        contact: Contact | None = None,
        asked: bool = False,
        ticket: str = "",
        listened: bool = False,
    ) -> web.Response:
        words, now, request_id = translator_for(request), self._vitals(), request.match_info["id"]
        each = self.board.find_row(request_id)
        page = await history.read_history(
            self._lanes, {}, STORY_TURNS, history.filter_by_request(request_id)
        )
        if each is None and not page.turns:
            raise web.HTTPNotFound
        teller = self._teller(words, now)
        story = [teller.line(turn) for turn in reversed(page.turns)]
        common: dict[str, Any] = {"story": story, "request_id": request_id}
        seen = self.board.request_view(now, words, request_id)
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

    def _facts(
        self, each: RequestRow, request: web.Request, words: Translator
    ) -> Mapping[str, Any]:
        asked, board = each.request, self.board
        return {
            "each": each,
            "one": asked,
            "title": board.title(each, words),
            "pictogram": board.pictogram(each),
            "number": row.spaced_number(asked),
            "place": board.room.places.path(asked.place)
            if asked.place in board.room.places
            else board.place(asked.place),
            "grave": each.is_waiting and each.urgency == row.EMERGENCY,
            "forms": forms.available_forms(asked),
            "may_reply": not asked.ended,
            "key": self._once.issue_token,
            "ready": reply_phrases(asked.family, board.room.plan.language),
            "people": board.people(),
            "given": {name: request.query.get(name, "")[:TEXT_CHARS_MAX] for name in PREVIEWED},
            "preview": self._preview(asked, request.query),
            "text_max": TEXT_CHARS_MAX,
            "heard": board.room.is_audible,
        }

    def _preview(self, asked: Request, query: Mapping[str, str]) -> str:
        """What would be heard; "" where nothing was asked for."""
        reply, plate = forms.reply_text(query), forms.parse_car(query)
        refuse_phone_number(reply)
        if not (reply or plate) or asked.ended:
            return ""
        try:
            car = msgspec.convert(plate, Car, strict=False) if plate else None
        except msgspec.ValidationError as error:
            raise UsageError("board.unfit") from error
        seen = row.find_desk(asked.family).preview(asked, car)
        return self.board.room.sentence(msgspec.structs.replace(seen, reply=reply)).caption

    def _teller(self, words: Translator, now: Vitals) -> RequestHistoryView:
        services = self.board.room.services

        def service(id_: str) -> str:
            return services[id_].name.text(words.lang) if id_ in services else id_

        return RequestHistoryView(
            words,
            now.timezone,
            name=self.board.person_name,
            place=self.board.place,
            zones=self.board.zones,
            service=service,
            receipted={one.lane: one.receipted for one in now.lanes} if now.uplinks else {},
        )


def requests_section(
    board: RequestBoard,
    lanes: Reader,
    vitals: Callable[[], Vitals],
    store: PersonalStore,
    ledger: AuditLog,
    *,
    api: tuple[Route, ...] = (),
) -> Section:
    """The requests of that board, their pages and (`api`) what programs ask."""
    pages = RequestPages(board, lanes, vitals, store, ledger)
    one = f"{PATH}/{{id}}"
    return Section(
        name="requests",
        routes=(
            *api,
            _route("GET", PATH, pages.show_board),
            _route("GET", f"{PATH}/past", pages.show_history),
            _route("GET", f"{PATH}/close", pages.show_closable),
            _route("POST", f"{PATH}/close", pages.close_requests, act="request/close"),
            _route("GET", one, pages.show_request),
            _route("POST", f"{one}/take", pages.take_request, act="request/act"),
            _route("POST", f"{one}/act", pages.apply_form, act="request/act"),
            _route("GET", f"{one}/reveal", pages.redirect_back),
            _route("GET", f"{one}/hear", pages.redirect_back),
            _route("POST", f"{one}/hear", pages.reveal_voice, act="private/reveal"),
            _route("GET", f"{one}/hear/{{ticket}}.wav", pages.serve_sound),
            _route("POST", f"{one}/reveal", pages.reveal_contact, act="private/reveal"),
        ),
        templates=HERE / "pages",
        static=HERE / "static",
        nav=NavTab(NAV_NUMBER, PATH, "board.tab"),
        card=Card("requests/card.html", board.urgency, board.card, board.needs),
        pulses={
            "requests": GuardedPulse(Permission.STAFF, with_header(board.view)),
            "request": GuardedPulse(Permission.STAFF, with_header(board.request_view)),
        },
        kinds=KINDS,
    )


def _route(method: str, path: str, handler: Handler, act: str = "") -> Route:
    return Route(method=method, path=path, handler=handler, permission=Permission.STAFF, act=act)


def _staff(request: web.Request) -> Actor:
    """Whoever is signed in; the console stands for staff."""
    who = audit_middleware.acting_account(request)
    return who if who.kind in ("staff", "installer") else msgspec.structs.replace(who, kind="staff")


def _named(request: web.Request) -> str:
    audit_middleware.set_target(request, request.match_info["id"])
    return request.match_info["id"]


def _here(request: web.Request) -> str:
    return f"{PATH}/{request.match_info['id']}"


def _previewed(given: Mapping[str, Any]) -> str:
    """What was filled in, for the address of the page that shows how it sounds."""
    filled = {name: str(given.get(name, ""))[:TEXT_CHARS_MAX] for name in PREVIEWED}
    refuse_phone_number(forms.reply_text(filled))
    return urlencode({name: value for name, value in filled.items() if value})


def _family(request: web.Request) -> str:
    asked = request.query.get("family", "")
    return asked if asked in TYPES else ""


def _hot(rows: list[RequestRow]) -> str:
    """The first emergency that nobody has taken is the only one that may be red."""
    first = rows[0] if rows else None
    grave = first is not None and first.is_waiting and first.urgency == row.EMERGENCY
    return first.request.id if first is not None and grave else ""
