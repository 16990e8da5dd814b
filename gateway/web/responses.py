"""Responses that are not pages: JSON, and problems in the reader's language (RFC 9457)."""

from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from gateway.errors import (
    AccessDenied,
    JournalError,
    NotFound,
    StateConflict,
    StationError,
    Unavailable,
    UsageError,
)
from gateway.web.i18n import translator_for

_encoder = msgspec.json.Encoder()

CODES = {
    HTTPStatus.BAD_REQUEST: "web.bad-request",
    HTTPStatus.UNAUTHORIZED: "web.sign-in-first",
    HTTPStatus.FORBIDDEN: "web.forbidden",
    HTTPStatus.NOT_FOUND: "web.not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "web.bad-method",
    HTTPStatus.REQUEST_TIMEOUT: "web.too-slow",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "web.too-big",
    HTTPStatus.MISDIRECTED_REQUEST: "web.bad-host",
    HTTPStatus.SERVICE_UNAVAILABLE: "web.unavailable",
}


# Denials with a status other than 403.
DENIALS = {
    "web.sign-in-first": HTTPStatus.UNAUTHORIZED,
    "web.locked": HTTPStatus.UNAUTHORIZED,
    "access.wrong": HTTPStatus.UNAUTHORIZED,
    "access.wait": HTTPStatus.TOO_MANY_REQUESTS,
}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong: `code` for programs, `title` and `detail` (the remedy) for people."""

    code: str
    title: str
    status: int
    detail: str | None = None


def json_response(value: Any, *, status: int = HTTPStatus.OK) -> web.Response:
    """Any struct as JSON; never cached by the browser, because it is true only now."""
    response = web.Response(body=_encoder.encode(value), status=status)
    response.content_type = "application/json"
    response.headers["Cache-Control"] = "no-store"
    return response


def localized_problem(
    request: web.Request, status: int, code: str | None = None, /, **data: Any
) -> Problem:
    words = translator_for(request)
    code = code or CODES.get(HTTPStatus(status), "web.refused")
    title, detail = words(code, **data), words.remedy(code, **data)
    return Problem(code=code, title=title, status=int(status), detail=detail)


def problem_response(what: Problem) -> web.Response:
    response = json_response(what, status=what.status)
    response.content_type = "application/problem+json"
    return response


def http_status(error: StationError) -> HTTPStatus:
    """The HTTP status of an error."""
    if isinstance(error, NotFound):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, StateConflict):
        return HTTPStatus.CONFLICT
    if isinstance(error, UsageError):
        return HTTPStatus.BAD_REQUEST
    if isinstance(error, AccessDenied):
        return DENIALS.get(error.code, HTTPStatus.FORBIDDEN)
    if isinstance(error, Unavailable | JournalError):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.INTERNAL_SERVER_ERROR
