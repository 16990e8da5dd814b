"""The edge: what every request passes on its way in, and every answer on its way out.

From the outside inwards: errors become answers, the Host must be ours (a page elsewhere must not
reach us by rebinding its name), and a body is read whole within its size and time, so that no
handler waits for a slow sender.
"""

import asyncio
import logging
from collections.abc import Collection
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.errors import StationError
from gateway.web.answers import Problem, problem, status_of, told
from gateway.web.gate import by_control
from gateway.web.pages import PAGES

log = logging.getLogger(__name__)

BODY_BYTES_MAX = 64 * 1024
CONTROL_BODY_BYTES_MAX = 1024 * 1024
"""A command on this machine may send the settings of 500 devices."""
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

POLICY = "Permissions-Policy"
HEADERS = {
    "Server": "yizhan",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; media-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    POLICY: "camera=(), geolocation=(), microphone=(self), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """On every answer, also on errors and files; a page may be stricter about what it may use."""
    stricter = response.headers.get(POLICY, HEADERS[POLICY])
    response.headers.update({**HEADERS, POLICY: stricter})


def answer_errors() -> Middleware:
    """Turn what is raised inside into an answer that names it."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as answer:
            if answer.status < HTTPStatus.BAD_REQUEST:
                raise
            return refusal(request, told(request, answer.status))
        except StationError as error:
            status = status_of(error)
            return refusal(request, told(request, status, error.code, **error.data))
        except Exception:  # the server's edge: one bad request must not end the connection unsaid
            log.exception("web.failed")
            return refusal(request, told(request, HTTPStatus.INTERNAL_SERVER_ERROR, "web.failed"))

    return middleware


def refusal(request: web.Request, told_problem: Problem) -> web.StreamResponse:
    """A page for people, a problem document for programs."""
    if "text/html" in request.headers.get("Accept", ""):
        return request.app[PAGES].refuse(request, told_problem)
    return problem(told_problem)


def only_hosts(allowed: Collection[str]) -> Middleware:
    """Refuse a request meant for another name; the control socket has no name.

    The address that the connection came in at is ours, too: a name can be made to point here, an
    address cannot.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.host.rpartition(":")[0] if _has_port(request.host) else request.host
        name = name.lower()
        if name not in allowed and not by_control(request) and name != own_address(request):
            raise web.HTTPMisdirectedRequest
        return await handler(request)

    return middleware


def own_address(request: web.Request) -> str | None:
    """The address of ours that the request was sent to, as a Host header writes it."""
    end = None if request.transport is None else request.transport.get_extra_info("sockname")
    if not isinstance(end, tuple):
        return None
    address = str(end[0]).partition("%")[0]
    return f"[{address}]" if ":" in address else address


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdecimal() and not host.endswith("]")


def whole_bodies(within_s: float, streamed: Collection[str] = ()) -> Middleware:
    """Read the body before the handler runs; one that says it is too big is not read at all.

    Those to the `streamed` paths are left to their handlers.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        if resource is not None and resource.canonical in streamed:
            return await handler(request)
        most = BODY_BYTES_MAX
        if by_control(request):
            most = CONTROL_BODY_BYTES_MAX
            request = request.clone(client_max_size=most)
        if (request.content_length or 0) > most:
            raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
        if request.body_exists:
            try:
                async with asyncio.timeout(within_s):
                    await request.read()
            except TimeoutError:
                raise web.HTTPRequestTimeout from None
        return await handler(request)

    return middleware
