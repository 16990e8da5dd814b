"""Who may do what: the gate is asked once for every request, before its handler runs.

Until somebody has an account, the station listens on loopback only and the gate lets whoever
reaches it look, and do no more; the control socket has already asked the kernel who is calling.
"""

import hmac
import ipaddress
import socket
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.access import Access, Caller, Role, codes
from gateway.errors import AccessDenied
from gateway.web.section import Handler, Permission, Route

SESSION_COOKIE = "__Host-session"
DESK_COOKIE = "__Host-desk"
FORM_COOKIE = "__Host-form"
FORM_FIELD = "form"
# `__Host-`: set by us alone, for this name alone, over TLS (or on this machine) alone.
FORM_HEADER = "X-Form"

SAFE = frozenset({"GET", "HEAD"})

OF_ROLE = {
    Role.VIEWER: frozenset({Permission.PUBLIC, Permission.VIEW, Permission.OWN}),
    Role.STAFF: frozenset({Permission.PUBLIC, Permission.VIEW, Permission.OWN, Permission.STAFF}),
    Role.INSTALLER: frozenset(Permission) - {Permission.HERE},
}
ANYONE = frozenset({Permission.PUBLIC})
LOOKING = frozenset({Permission.PUBLIC, Permission.VIEW})
HERE = LOOKING | {Permission.HERE}
BY_PIN = frozenset(Permission) - {Permission.INSTALL}
LOCKED = LOOKING | {Permission.OWN}

# Who is signed in.
CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)


# Connections of desk computers over which somebody has shown a session; `LanDoor` keeps it short.
SIGNED_IN: web.AppKey[set[RequestHandler]] = web.AppKey("signed-in", set[RequestHandler])


class SessionLease:
    """Whether somebody is still signed in: whatever goes on for long asks again."""

    def __init__(self, access: Access, caller: Caller) -> None:
        """Of that caller."""
        self._access = access
        self._caller = caller

    def __call__(self) -> bool:
        """Whether the caller may still be shown what they are shown."""
        return self._access.lives(self._caller)


LIVES: web.RequestKey[SessionLease] = web.RequestKey("lives", SessionLease)


def session_lease(request: web.Request) -> Callable[[], bool]:
    """Whether who asked may still be shown what they are shown; nobody signed in, nobody leaves."""
    found: Callable[[], bool] = request.get(LIVES, _always)
    return found


def _always() -> bool:
    return True


class Gate(Protocol):
    """Decides whether this caller has that permission."""

    async def allows(self, request: web.Request, permission: Permission) -> bool:
        """True if the request may go on."""
        ...


class LoopbackGate:
    """Whoever is on this machine may look; whoever came by the control socket may do everything."""

    async def allows(self, request: web.Request, permission: Permission) -> bool:
        """True if the request may go on."""
        return permission in _without_session(request)


class StationGate:
    """Asks who is signed in. On this machine, and only there, looking needs no account."""

    def __init__(self, access: Access) -> None:
        """By those accounts."""
        self._access = access

    async def allows(self, request: web.Request, permission: Permission) -> bool:
        """True if the request may go on; Denied where signing in, or doing so again, would help."""
        if is_by_control(request):
            return True
        cookies = request.cookies
        caller = self._access.identify(
            cookies.get(SESSION_COOKIE, ""), cookies.get(DESK_COOKIE, "")
        )
        if caller is not None:
            request[CALLER] = caller
            if request.secure:
                request.app[SIGNED_IN].add(request.protocol)
            request[LIVES] = SessionLease(self._access, caller)
        if request.method not in SAFE:
            _must_come_from_our_page(request)
            if permission is not Permission.HERE:  # no cookie gives it, so none can be abused
                await _must_carry_its_token(request)
        if permission in _without_session(request):
            return True
        if caller is None:
            raise AccessDenied("web.sign-in-first")
        if permission not in act_permissions(caller):
            if caller.locked and permission in OF_ROLE[caller.role]:
                raise AccessDenied("web.locked")
            return False
        return True


def act_permissions(caller: Caller) -> frozenset[Permission]:
    """What somebody signed in may do now."""
    allowed = OF_ROLE[caller.role]
    if caller.level == "pin":
        allowed &= BY_PIN
    return allowed & LOCKED if caller.locked else allowed


def view_permissions(request: web.Request) -> frozenset[Permission]:
    """What the reader of this request may be shown, also while they are locked: looking goes on."""
    caller = request.get(CALLER)
    if caller is None:
        return _without_session(request)
    by_role = OF_ROLE[caller.role] & (BY_PIN if caller.level == "pin" else frozenset(Permission))
    return by_role | _without_session(request)


def _without_session(request: web.Request) -> frozenset[Permission]:
    if is_by_control(request):
        return frozenset(Permission)
    return HERE if is_from_loopback(request) else ANYONE


def is_by_control(request: web.Request) -> bool:
    """True if the request came by the control socket, whose peers are checked at the door."""
    if request.transport is None:
        return False
    line = request.transport.get_extra_info("socket")
    return line is not None and bool(line.family == socket.AF_UNIX)


def is_from_loopback(request: web.Request) -> bool:
    """True if the request came to the door that is for this machine alone: plain, on loopback."""
    if request.secure:
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def form_token(request: web.Request) -> str:
    """What a form on a page for this reader must carry; "" if the reader has no cookie yet."""
    cookie = request.cookies.get(SESSION_COOKIE) or request.cookies.get(FORM_COOKIE)
    return codes.form_token(cookie) if cookie else ""


def _must_come_from_our_page(request: web.Request) -> None:
    """Denied unless a page of ours, made for this reader, sent it."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    ours = f"{request.scheme}://{request.host}"
    if (site is None and origin is None) or site not in (None, "same-origin"):
        raise AccessDenied("web.foreign-page")
    if origin not in (None, ours):
        raise AccessDenied("web.foreign-page")


async def _must_carry_its_token(request: web.Request) -> None:
    """Denied unless the request carries the token of the reader's own page."""
    expected = form_token(request)
    given = request.headers.get(FORM_HEADER)
    if given is None and request.content_type.startswith(("application/x-www-form", "multipart/")):
        given = str((await request.post()).get(FORM_FIELD, ""))
    if not expected or not hmac.compare_digest((given or "").encode(), expected.encode()):
        raise AccessDenied("web.stale-form")


def guard_handler(route: Route, permission: Permission, gate: Gate) -> Handler:
    """The route's handler behind the gate."""

    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            if not await gate.allows(request, permission):
                raise web.HTTPForbidden
        except AccessDenied as denied:
            if denied.code == "web.sign-in-first" and _is_page(request):
                raise web.HTTPSeeOther("/signin?" + urlencode({"next": request.path_qs})) from None
            raise
        return await route.handler(request)

    return handler


def _is_page(request: web.Request) -> bool:
    """Whether a person waits for a page, and not a program for an answer."""
    return request.method in SAFE and "text/html" in request.headers.get("Accept", "")
