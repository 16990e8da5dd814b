"""Middleware that every request and every response passes.

From the outside inwards: errors become responses, the Host must be ours (a page elsewhere must not
reach us by rebinding its name), and a body is read completely, within limits of size and time, so
that no handler waits for a slow sender.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from http import HTTPStatus
from types import MappingProxyType

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from gateway.errors import StationError
from gateway.faults import OnFault
from gateway.web.authorization import is_by_control
from gateway.web.page_renderer import PAGES
from gateway.web.responses import Problem, http_status, localized_problem, problem_response

BODY_BYTES_MAX = 64 * 1024
# A command on this machine may send the settings of 500 devices.
CONTROL_BODY_BYTES_MAX = 1024 * 1024

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

# How to sign in, on every 401 (RFC 9110, 11.6.1): the form at /signin sets a cookie.
CHALLENGE = {"WWW-Authenticate": 'Cookie realm="yizhan", form-action="/signin"'}


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Set on every response, also on errors and files; a page may restrict itself further."""
    stricter = response.headers.get(POLICY, HEADERS[POLICY])
    response.headers.update({**HEADERS, POLICY: stricter})


def error_middleware(on_fault: OnFault) -> Middleware:
    """Turn exceptions into responses; a mistake of ours is a fault as well.

    If the response has begun, the connection is cut.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as answer:
            if answer.status < HTTPStatus.BAD_REQUEST:
                raise
            allow = {name: answer.headers[name] for name in ("Allow",) if name in answer.headers}
            return refusal_response(request, localized_problem(request, answer.status), allow)
        except StationError as error:
            again_s = error.data.get("retry_after_s")
            wait = {} if again_s is None else {"Retry-After": str(again_s)}
            why = localized_problem(request, http_status(error), error.code, **error.data)
            return refusal_response(request, why, wait)
        except Exception as error:  # the server's edge: one bad request ends alone
            if isinstance(error, ConnectionError) and _left(request):
                raise
            on_fault(f"web.{request.method} {route_pattern(request)}", error)
            if request.writer.output_size:
                _cut_off(request)
                raise ConnectionResetError from None
            return refusal_response(
                request, localized_problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "web.failed")
            )

    return middleware


def route_pattern(request: web.Request) -> str:
    """The path as its route was declared: nothing that a client has sent."""
    resource = request.match_info.route.resource
    return "*" if resource is None else resource.canonical


def _left(request: web.Request) -> bool:
    """Whether the client has disconnected."""
    return request.transport is None or request.transport.is_closing()


def _cut_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def refusal_response(
    request: web.Request, told_problem: Problem, headers: Mapping[str, str] = MappingProxyType({})
) -> web.StreamResponse:
    """A page for people, a problem document for programs, with the headers of its status."""
    if "text/html" in request.headers.get("Accept", ""):
        answer: web.StreamResponse = request.app[PAGES].refuse(request, told_problem)
    else:
        answer = problem_response(told_problem)
    answer.headers.update(headers)
    if told_problem.status == HTTPStatus.UNAUTHORIZED:
        answer.headers.update(CHALLENGE)
    return answer


class ServerLogFilter(logging.Filter):
    """Filters aiohttp's log: what a peer has sent stays out of it.

    A malformed request is the peer's mistake, and its header lines must not be kept; a
    disconnect is not an error; anything else is a fault.
    """

    def __init__(self, on_fault: OnFault) -> None:
        super().__init__()
        self._on_fault = on_fault

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be written as it is."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None or record.levelno < logging.ERROR:
            return True
        if not isinstance(error, HttpProcessingError | ConnectionError):
            self._on_fault("web.connection", error)
        return False


def create_server_log(on_fault: OnFault) -> logging.Logger:
    """A log for one server."""
    made = logging.Logger(__name__)  # noqa: LOG001   # not shared: each server has its own
    made.parent = logging.getLogger("gateway.web")
    made.addFilter(ServerLogFilter(on_fault))
    return made


def host_middleware(allowed: Collection[str]) -> Middleware:
    """Refuse a request for another host name; the control socket has no name.

    The address that the connection came to is also ours: a name can be made to point here, an
    address cannot.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.host.rpartition(":")[0] if _has_port(request.host) else request.host
        name = name.lower()
        if name not in allowed and not is_by_control(request) and name != own_address(request):
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


def body_middleware(within_s: float, streamed: Collection[str] = ()) -> Middleware:
    """Read the body before the handler runs; one that announces too large a size is not read.

    Bodies for the `streamed` paths are left to their handlers.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        if resource is not None and resource.canonical in streamed:
            return await handler(request)
        most = BODY_BYTES_MAX
        if is_by_control(request):
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
