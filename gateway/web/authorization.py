"""Authorization: every request is checked once, before its handler runs.

Until there is an account, the station listens on loopback only, where everyone may look but do
nothing; peers of the control socket were already checked with the kernel.
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
# `__Host-`: set by us only, for this name only, over TLS only (or on this machine).
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

# The person who is signed in.
CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)


# Connections of desk computers that have presented a session; `LanListener` prunes it.
SIGNED_IN: web.AppKey[set[RequestHandler]] = web.AppKey("signed-in", set[RequestHandler])


class SessionLease:
    """Whether a person is still signed in, for anything that runs long."""

    def __init__(self, access: Access, caller: Caller) -> None:
        self._access = access
        self._caller = caller

    def __call__(self) -> bool:
        """Whether the caller may still be shown what they are shown."""
        return self._access.is_live(self._caller)


LIVES: web.RequestKey[SessionLease] = web.RequestKey("lives", SessionLease)


def session_lease(request: web.Request) -> Callable[[], bool]:
    """Whether the requester may still be shown what they are shown; always, without a session."""
    found: Callable[[], bool] = request.get(LIVES, _always)
    return found


def _always() -> bool:
    return True


class Gate(Protocol):
    """Decides whether a request has a permission."""

    async def allows(self, request: web.Request, permission: Permission) -> bool: ...


class LoopbackGate:
    """Callers on this machine may look; callers on the control socket may do everything."""

    async def allows(self, request: web.Request, permission: Permission) -> bool:
        return permission in _without_session(request)


class StationGate:
    """Checks who is signed in. On this machine, and only there, looking needs no account."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def allows(self, request: web.Request, permission: Permission) -> bool:
        """Whether the request may proceed; AccessDenied if signing in (again) would help."""
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
            if permission is not Permission.HERE:  # no cookie grants it, so none can be abused
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
    """What a person who is signed in may do now."""
    allowed = OF_ROLE[caller.role]
    if caller.level == "pin":
        allowed &= BY_PIN
    return allowed & LOCKED if caller.locked else allowed


def view_permissions(request: web.Request) -> frozenset[Permission]:
    """What the reader of this request may see, also while their session is locked."""
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
    """Whether the request came over the control socket, whose peers were checked on connecting."""
    if request.transport is None:
        return False
    line = request.transport.get_extra_info("socket")
    return line is not None and bool(line.family == socket.AF_UNIX)


def is_from_loopback(request: web.Request) -> bool:
    """Whether the request came over the plain loopback listener for this machine."""
    if request.secure:
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def form_token(request: web.Request) -> str:
    """The token for a form on this reader's page; "" if the reader has no cookie yet."""
    cookie = request.cookies.get(SESSION_COOKIE) or request.cookies.get(FORM_COOKIE)
    return codes.form_token(cookie) if cookie else ""


def _must_come_from_our_page(request: web.Request) -> None:
    """AccessDenied unless a page of ours, made for this reader, sent it."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    ours = f"{request.scheme}://{request.host}"
    if (site is None and origin is None) or site not in (None, "same-origin"):
        raise AccessDenied("web.foreign-page")
    if origin not in (None, ours):
        raise AccessDenied("web.foreign-page")


async def _must_carry_its_token(request: web.Request) -> None:
    """AccessDenied unless the request carries the token of the reader's own page."""
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
    """Whether a person waits for a page, not a program for data."""
    return request.method in SAFE and "text/html" in request.headers.get("Accept", "")
