"""The HTTP inlet: a server of its own for devices that POST, and for nothing else.

    POST /in/<the device's address>/<secret>

200 says that the journal has committed; 503 asks the device to repeat. Each connection carries one
request: most devices open a new one for each event anyway, and a slow one is easy to close.
"""

import asyncio
import contextlib
import hmac
import logging
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from drivers.inlets.contract import MessageOutcome, OnMessage
from drivers.inlets.options import HttpInletOptions, host_and_port
from drivers.inlets.rates import SourceRates
from drivers.inlets.secret import load_secret
from drivers.inlets.sockets import listen
from drivers.message import DeviceMessage, HttpPath

_ROOT = "in"
_TOPIC_MAX = 120
_STATUS = {
    MessageOutcome.STORED: HTTPStatus.OK,
    MessageOutcome.REFUSED: HTTPStatus.SERVICE_UNAVAILABLE,
    MessageOutcome.GARBLED: HTTPStatus.BAD_REQUEST,
    MessageOutcome.UNKNOWN: HTTPStatus.NOT_FOUND,
}

# A wrong secret costs a sender as much as this many messages.
_GUESS_COST = 5.0
_AGAIN_S = "5"


class HttpBounds(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one sender, and of all together."""

    connections_max: int = 64
    source_connections_max: int = 8
    per_s: float = 10.0
    burst: float = 40.0
    header_within_s: float = 10.0
    body_within_s: float = 20.0
    body_bytes_max: int = 4 * 1024 * 1024
    # Larger bodies (pictures) need one of few slots, so that events never wait for pictures.
    small_bytes_max: int = 64 * 1024
    large_bodies_max: int = 2


DEFAULT_HTTP_BOUNDS = HttpBounds()


class HttpInlet:
    """One listening address."""

    def __init__(
        self,
        options: HttpInletOptions,
        need: HttpPath,
        keys: Path | None,
        bounds: HttpBounds = DEFAULT_HTTP_BOUNDS,
    ) -> None:
        self._options = options
        self._need = need
        self._keys = keys
        self._bounds = bounds
        self._rates = SourceRates(per_s=bounds.per_s, burst=bounds.burst)
        self._large = asyncio.Semaphore(bounds.large_bodies_max)
        self._secret = b""
        self.held = _Connections(bounds)

    async def serve(self, on_message: OnMessage, on_open: Callable[[], None]) -> None:
        """Listen until cancelled; LineDown if that fails."""
        self._secret = load_secret(self._options.credential, self._keys)
        line = listen(*host_and_port(self._options.listen))

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            answer = await self._answer(request, on_message)
            answer.force_close()
            return answer

        server = web.Server(
            handle, access_log=None, logger=_server_log(), lingering_time=1.0, auto_decompress=False
        )
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: _Admission(server, self.held), sock=line)
        on_open()
        try:
            await loop.create_future()
        finally:
            listener.close()
            await server.shutdown(1.0)

    async def _answer(self, request: web.BaseRequest, on_message: OnMessage) -> web.Response:
        self.held.record_request(request.transport)
        refusal, topic = self._admit(request)
        if refusal is not None:
            return refusal
        try:
            async with asyncio.timeout(self._bounds.body_within_s):
                body = await self._body(request)
        except TimeoutError:
            return _refuse(HTTPStatus.REQUEST_TIMEOUT)
        except (web.RequestPayloadError, ConnectionError):
            return _refuse(HTTPStatus.BAD_REQUEST)
        if body is None:
            return _refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        message = DeviceMessage(
            body=body, source=request.remote or "", topic=topic, type=request.content_type
        )
        receipt = await on_message(message)
        again = {"Retry-After": _AGAIN_S} if receipt.verdict is MessageOutcome.REFUSED else {}
        return web.Response(
            status=_STATUS[receipt.verdict],
            body=receipt.reply or b"",
            content_type=self._need.reply_type,
            headers=again,
        )

    def _admit(self, request: web.BaseRequest) -> tuple[web.Response | None, str]:
        """Why the request is refused, or None; and the device's address in the path."""
        source = request.remote or ""
        if self._rates.charge(source, 1.0, _now_s()) > 0:
            again = {"Retry-After": _AGAIN_S}
            return _refuse(HTTPStatus.TOO_MANY_REQUESTS, again), ""
        if request.method != "POST":
            return _refuse(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "POST"}), ""
        topic = self._topic(request.path)
        if topic is None:
            self._rates.charge(source, _GUESS_COST - 1.0, _now_s())
            return _refuse(HTTPStatus.NOT_FOUND), ""
        return None, topic

    def _topic(self, path: str) -> str | None:
        """The device's address in the path; None if the secret is wrong."""
        root, _, rest = path.removeprefix("/").partition("/")
        topic, _, secret = rest.rpartition("/")
        right = hmac.compare_digest(secret.encode("utf-8", "replace"), self._secret)
        return topic if right and root == _ROOT and 0 < len(topic) <= _TOPIC_MAX else None

    async def _body(self, request: web.BaseRequest) -> bytes | None:
        """The whole body; None if it exceeds the limit."""
        declared = request.content_length or 0
        if declared > self._bounds.body_bytes_max:
            return None
        async with contextlib.AsyncExitStack() as slot:
            if large := declared > self._bounds.small_bytes_max:
                await slot.enter_async_context(self._large)
            body = bytearray()
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > self._bounds.body_bytes_max:
                    return None
                if not large and len(body) > self._bounds.small_bytes_max:
                    large = True
                    await slot.enter_async_context(self._large)
            return bytes(body)


class _Connections:
    """The open connections: the number of each sender's, and the deadline for each request."""

    def __init__(self, bounds: HttpBounds) -> None:
        self._bounds = bounds
        self._sources: dict[asyncio.Transport, str] = {}
        self._timers: dict[asyncio.BaseTransport, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return sum(not each.is_closing() for each in self._sources)

    def admit(self, transport: asyncio.Transport) -> bool:
        """Whether another connection is allowed."""
        for closed in [each for each in self._sources if each.is_closing()]:
            self.record_request(closed)
            del self._sources[closed]
        source = str((transport.get_extra_info("peername") or ("?",))[0])
        held = Counter(self._sources.values())
        full = held.total() >= self._bounds.connections_max
        if full or held[source] >= self._bounds.source_connections_max:
            return False
        self._sources[transport] = source
        loop = asyncio.get_running_loop()
        self._timers[transport] = loop.call_later(self._bounds.header_within_s, transport.abort)
        return True

    def record_request(self, transport: asyncio.BaseTransport | None) -> None:
        """Its request has been read up to the body."""
        timer = None if transport is None else self._timers.pop(transport, None)
        if timer is not None:
            timer.cancel()


class _Admission(asyncio.Protocol):
    """Decides about a connection before aiohttp's own protocol sees it."""

    def __init__(self, server: web.Server, held: _Connections) -> None:
        self._server = server
        self._held = held

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if not self._held.admit(transport):
            transport.abort()
            return
        inner = self._server()
        transport.set_protocol(inner)
        inner.connection_made(transport)


class _PeersMistakes(logging.Filter):
    """Keeps invalid HTTP of peers out of the log; our own mistakes are logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError | ConnectionError | None)


def _server_log() -> logging.Logger:
    made = logging.Logger(__name__)  # noqa: LOG001  # aiohttp's own is shared with the pages
    made.parent = logging.getLogger(__name__)
    made.addFilter(_PeersMistakes())
    return made


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _refuse(status: HTTPStatus, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, headers=headers)
