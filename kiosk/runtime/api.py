"""`/api/v1/requests`: pressing at the kiosk, and what the desk does with it.

A kiosk is on this machine: what it may do needs no account, and is refused to anybody from
elsewhere. The desk's acts need somebody signed in; revealing a number is an act of its own.
"""

from typing import Annotated, TypeVar

import msgspec
from aiohttp import web

from gateway.audit import AuditLog
from gateway.audit.reveal import reveal_fields, reveal_sound
from gateway.errors import NotFound, UsageError
from gateway.journal.personal_store import PersonalStore
from gateway.web import audit_middleware
from gateway.web.responses import json_response
from gateway.web.section import Handler, Permission, Route
from kiosk.requests.engine import allowed_actions
from kiosk.requests.request import Car, Contact, Press, Request, RequestAction, S
from kiosk.runtime.service import RESIDENT, RequestService

Language = Annotated[str, msgspec.Meta(pattern="^(zh|en)$")]
Form = TypeVar("Form", bound=msgspec.Struct)


class SentencePiece(msgspec.Struct, frozen=True):
    """A piece of a sentence: the clip's id, "" for words of the moment."""

    clip: str
    words: str


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a page shows it: never a number but masked. Seconds are the station's own.

    `voice_s`: how long somebody has spoken about it; hearing it is an act of its own.
    `left_s`: until its present state is over, where it has an end. `acts` are what the reader may
    do with it now. `due`: what is promised next of a work order (`take`, `come`, `revisit`),
    `due_s`: in how many seconds, less than none once it is `overdue`; staff alone see these.
    """

    id: str
    number: str
    service: str
    family: str
    kiosk: str
    place: str
    place_name: str
    state: str
    ended: bool
    urgent: bool
    age_s: int
    since_s: int
    left_s: int | None
    caption: str
    sentence: tuple[SentencePiece, ...]
    acts: tuple[str, ...]
    what: str = ""
    where: str | None = None
    masked: str = ""
    car: Car | None = None
    road: str = ""
    rating: str = ""
    by: str = ""
    reply: str = ""
    note: str = ""
    voice_s: int = 0
    linked: str = ""
    due: str = ""
    due_s: int | None = None
    overdue: bool = False


class KioskView(msgspec.Struct, frozen=True, kw_only=True):
    """What a kiosk shows: its own requests, newest first, and what is known before a press.

    `heard`: the last sentence could be said aloud; where it could not, the page is all there is.
    """

    kiosk: str
    network_away: bool
    can_ride: bool
    services: tuple[str, ...]
    requests: tuple[RequestView, ...]
    heard: bool = True


class RevealedContact(msgspec.Struct, frozen=True):
    """Somebody's fields; `contact` is null once they are erased or have expired."""

    contact: Contact | None


def request_view(
    room: RequestService, request: Request, *, staff: bool, language: str | None = None
) -> RequestView:
    """The request for that reader."""
    moment = room.now()
    said = room.sentence(request, language or room.plan.language)
    ride, until = request.ride, request.state_deadline
    due = room.engine.rules(request.family).next_due(request) if staff else None
    due_s = None if due is None else (due.at_ns - moment.lived_ns) // S
    left_ns = None if until is None else until.at_ns - moment.at_ns
    return RequestView(
        id=request.id,
        number=request.number,
        service=request.service,
        family=request.family,
        kiosk=request.kiosk,
        place=request.place,
        place_name=room.places.spoken(request.place),
        state=request.state,
        ended=request.ended,
        urgent=request.urgent,
        age_s=(moment.lived_ns - request.opened_ns) // S,
        since_s=(moment.lived_ns - request.since_ns) // S,
        left_s=None if left_ns is None else max(0, left_ns // S),
        caption=said.caption,
        sentence=tuple(SentencePiece(clip.id, clip.words) for clip in said.clips),
        acts=allowed_actions(request, staff=staff),
        what=request.what,
        where=request.where,
        masked=request.masked,
        car=None if ride is None else ride.car,
        road="" if ride is None else ride.road,
        rating=request.rating,
        by=request.by,
        reply=request.reply,
        note=request.note,
        voice_s=request.voice_s if request.voice else 0,
        linked=request.linked,
        due="" if due is None else due.stage,
        due_s=due_s,
        overdue=due_s is not None and due_s < 0,
    )


def request_routes(
    room: RequestService, store: PersonalStore, ledger: AuditLog
) -> tuple[Route, ...]:
    """The addresses, each with who may use it."""
    kiosk, desk = _Kiosk(room), _Desk(room, store, ledger)
    return (
        _route("GET", "/api/v1/requests", desk.listed, Permission.STAFF,
               "Every request that is kept, the newest first", returns=list[RequestView]),
        _route("POST", "/api/v1/requests", kiosk.press, Permission.HERE,
               "A resident presses (from this machine only)", act="request/press",
               accepts=Press, returns=RequestView),
        _route("POST", "/api/v1/requests/{id}/own", kiosk.act, Permission.HERE,
               "The resident cancels, rates or reopens (from this machine only)", act="request/own",
               accepts=RequestAction, returns=RequestView),
        _route("POST", "/api/v1/requests/{id}/repeat", kiosk.repeat, Permission.HERE,
               "Say it once more (from this machine only)", act="request/repeat",
               returns=RequestView, query={"louder": "1: once, louder"}),
        _route("GET", "/api/v1/kiosks/{kiosk}", kiosk.shown, Permission.HERE,
               "What a kiosk shows (from this machine only)", returns=KioskView,
               query={"language": "zh or en"}),
        _route("POST", "/api/v1/kiosks/{kiosk}/alive", kiosk.alive, Permission.HERE,
               "The kiosk's page is there (from this machine only)", act="request/alive",
               returns=KioskView),
        _route("POST", "/api/v1/requests/{id}/act", desk.act, Permission.STAFF,
               "Staff take, assign, answer or close a request", act="request/act",
               accepts=RequestAction, returns=RequestView),
        _route("POST", "/api/v1/requests/{id}/reveal", desk.reveal, Permission.STAFF,
               "Show a resident's number; it is written down who looked", act="private/reveal",
               returns=RevealedContact),
        _route("POST", "/api/v1/requests/{id}/hear", desk.hear, Permission.STAFF,
               "What a resident has said, as G.711 in a WAV; it is written down who listened",
               act="private/reveal", media="audio/wav"),
    )  # fmt: skip


class _Kiosk:
    """What residents do, at this machine."""

    def __init__(self, room: RequestService) -> None:
        self._room = room

    async def press(self, request: web.Request) -> web.StreamResponse:
        made = await self._room.submit_press(await _form(request, Press))
        audit_middleware.set_target(request, made.id)
        return json_response(request_view(self._room, made, staff=False))

    async def act(self, request: web.Request) -> web.StreamResponse:
        deed = await _form(request, RequestAction)
        done = await self._room.apply_action(_named(request), deed, RESIDENT)
        return json_response(request_view(self._room, done, staff=False))

    async def repeat(self, request: web.Request) -> web.StreamResponse:
        found = self._room.engine.get_request(_named(request))
        await self._room.repeat_sentence(found.id, louder=request.query.get("louder") == "1")
        return json_response(request_view(self._room, found, staff=False))

    async def shown(self, request: web.Request) -> web.StreamResponse:
        return json_response(
            kiosk_view(self._room, request.match_info["kiosk"], _language(request))
        )

    async def alive(self, request: web.Request) -> web.StreamResponse:
        audit_middleware.mark_audited(request)  # a heartbeat is no act
        self._room.screens.record_heartbeat(request.match_info["kiosk"])
        return json_response(
            kiosk_view(self._room, request.match_info["kiosk"], _language(request))
        )


class _Desk:
    """What staff do."""

    def __init__(self, room: RequestService, store: PersonalStore, ledger: AuditLog) -> None:
        self._room = room
        self._store = store
        self._ledger = ledger

    async def listed(self, _request: web.Request) -> web.StreamResponse:
        return json_response(
            [
                request_view(self._room, one, staff=True)
                for one in reversed(self._room.all_requests())
            ]
        )

    async def act(self, request: web.Request) -> web.StreamResponse:
        deed = await _form(request, RequestAction)
        who = audit_middleware.acting_account(request)
        if who.kind not in ("staff", "installer"):
            who = msgspec.structs.replace(who, kind="staff")  # the console, for staff's acts
        done = await self._room.apply_action(_named(request), deed, who)
        return json_response(request_view(self._room, done, staff=True))

    async def reveal(self, request: web.Request) -> web.StreamResponse:
        found = self._room.engine.get_request(_named(request))
        who, place = (
            audit_middleware.acting_account(request),
            audit_middleware.request_origin(request),
        )
        fields = await reveal_fields(self._ledger, self._store, found.person, who=who, place=place)
        audit_middleware.mark_audited(request)
        return json_response(
            RevealedContact(None if fields is None else msgspec.convert(fields, Contact))
        )

    async def hear(self, request: web.Request) -> web.StreamResponse:
        found = self._room.engine.get_request(_named(request))
        who, place = (
            audit_middleware.acting_account(request),
            audit_middleware.request_origin(request),
        )
        sound = await reveal_sound(self._ledger, self._store, found.voice, who=who, place=place)
        audit_middleware.mark_audited(request)
        if sound is None:
            raise web.HTTPNotFound
        return audio_response(sound)


def audio_response(sound: bytes) -> web.Response:
    """A voice for whoever may hear it now; no cache keeps it."""
    response = web.Response(body=sound, content_type="audio/wav")
    response.headers["Cache-Control"] = "no-store"
    return response


def kiosk_view(room: RequestService, kiosk: str, language: str | None) -> KioskView:
    """What that kiosk shows; UsageError if there is none."""
    options = room.plan.kiosks.get(kiosk)
    if options is None:
        raise NotFound("requests.no-kiosk", kiosk=kiosk)
    own = [request for request in reversed(room.all_requests()) if request.kiosk == kiosk]
    return KioskView(
        kiosk=kiosk,
        network_away=room.network_away,
        can_ride=room.all_possible,
        services=options.services,
        requests=tuple(request_view(room, one, staff=False, language=language) for one in own),
        heard=room.is_audible,
    )


def _named(request: web.Request) -> str:
    audit_middleware.set_target(request, request.match_info["id"])
    return request.match_info["id"]


def _language(request: web.Request) -> str | None:
    asked = request.query.get("language")
    return asked if asked in ("zh", "en") else None


async def _form(request: web.Request, shape: type[Form]) -> Form:
    try:
        return msgspec.json.decode(await request.read(), type=shape)
    except (ValueError, RecursionError) as error:  # msgspec's are ValueErrors
        raise UsageError("web.bad-request") from error  # not repeated: it may hold a number


def _route(
    method: str,
    path: str,
    handler: Handler,
    permission: Permission,
    summary: str,
    *,
    act: str = "",
    accepts: object = None,
    returns: object = None,
    query: dict[str, str] | None = None,
    media: str = "application/json",
) -> Route:
    return Route(
        path=path,
        handler=handler,
        permission=permission,
        method=method,
        summary=summary,
        act=act,
        accepts=accepts,
        returns=returns,
        query=query or {},
        media=media,
    )
