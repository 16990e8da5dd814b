"""The station's API over its control socket, for commands beside a running station."""

import http.client
import os
import socket
from collections.abc import Collection
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec

from gateway.clock.boot import control_sockets
from gateway.errors import StationError, Unavailable
from gateway.texts import terminal_language

ANSWER_WITHIN_S = 60.0


class NoStation(Unavailable):
    """No station is running here."""


class ApiRefusal(StationError):
    """The station refused, with a text."""


class ApiClient:
    """Opens one connection a call, so that a restart of the station does not matter."""

    def __init__(self, path: Path | None = None) -> None:
        """Use that socket, else the first one that exists."""
        places = control_sockets(os.environ)
        self._path = path or next((place for place in places if place.exists()), places[-1])

    def get(self, path: str, shape: Any = Any) -> Any:
        """The answer; NoStation, or ApiRefusal with the station's text."""
        return self._call("GET", path, None, shape)

    def post(
        self, path: str, body: Any, shape: Any = Any, *, also: Collection[HTTPStatus] = ()
    ) -> Any:
        """Post a body; answers with a status of `also` have the shape as well."""
        return self._call("POST", path, msgspec.json.encode(body), shape, also)

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None,
        shape: Any,
        also: Collection[HTTPStatus] = (),
    ) -> Any:
        line = http.client.HTTPConnection("localhost", timeout=ANSWER_WITHIN_S)
        line.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.sock.settimeout(ANSWER_WITHIN_S)
        headers = {"Content-Type": "application/json", "Accept-Language": terminal_language()}
        try:
            line.sock.connect(str(self._path))
        except OSError as error:
            line.close()
            raise NoStation("console.no-station", path=str(self._path)) from error
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            came = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable("console.broken", reason=str(error)) from error
        finally:
            line.close()
        if answer.status not in (HTTPStatus.OK, *also):
            raise _refusal(answer.status, came)
        return msgspec.json.decode(came, type=shape)


class _Problem(msgspec.Struct):
    title: str
    detail: str | None = None


def _refusal(status: int, body: bytes) -> StationError:
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.DecodeError:
        return Unavailable("console.status", status=status)
    return ApiRefusal("console.said", said=problem.title, remedy=problem.detail or "")
