"""The connection of an HTTP uplink: three requests, each answered in its own body (docs/feed.md).

    POST <url>/v1/events      a batch; the body of the 200 is the receipt
    POST <url>/v1/ask         one question, with its time to live
    GET  <url>/v1/commands    long poll

Requests that run at the same time have connections of their own, so bulk never delays an alarm.
"""

import asyncio
import re
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp
from aiohttp.connector import AddrInfoType

from gateway.errors import (
    BadReceipt,
    DeliveryRejected,
    PlatformUnreachable,
    SettingsError,
    UpstreamError,
)
from gateway.upstream.uplinks.contract import (
    BROKEN,
    CURSOR_BYTES_MAX,
    NO_RECEIPT,
    TIMEOUT,
    UNREACHABLE,
    Delivery,
    EventBatch,
    PollAnswer,
    PollPosition,
    QueryRefused,
    QueryReply,
    QueryUnanswered,
    decode_receipt,
)
from gateway.upstream.uplinks.credential import Credential
from gateway.upstream.uplinks.http.command_array import split_commands
from gateway.upstream.uplinks.http.options import HttpOptions
from gateway.upstream.uplinks.platform_tls import PlatformTls

ANSWER_BYTES_MAX = 262_144
# Room for the largest answer: 32 commands of the greatest size, and one too large, which must be
# read to be refused.
COMMANDS_BYTES_MAX = 6 * 1_048_576

GZIP_FROM_BYTES = 1024
CONNECT_S = 5.0
ASKS_MAX = 8
COMMANDS_MAX = 32
KEEP_ALIVE_S = 75.0

TLS = "upstream.tls"
BUSY = "upstream.busy"
UNAUTHORISED = "upstream.unauthorised"
TOO_LARGE = "upstream.too-large"
REFUSED = "upstream.refused"
EXPIRED = "upstream.ask-expired"
TOO_MANY_ASKS = "upstream.too-many-asks"

_CODES = {401: UNAUTHORISED, 403: UNAUTHORISED, 413: TOO_LARGE}
_BUSY = (429, 502, 503, 504)
_CURSOR = re.compile(rf"[!-~]{{1,{CURSOR_BYTES_MAX}}}")


class HttpAnswer(NamedTuple):
    """A response of any status."""

    status: int
    body: bytes
    retry_after_s: float | None
    cursor: str = ""

    def refusal(self) -> UpstreamError:
        """The error for this status."""
        if self.status in _BUSY:
            told = {} if self.retry_after_s is None else {"retry_after_s": self.retry_after_s}
            return PlatformUnreachable(BUSY, status=self.status, **told)
        return DeliveryRejected(_CODES.get(self.status, REFUSED), status=self.status)


class CredentialUnreadable(DeliveryRejected):
    """The credential cannot be read any more, so that nothing was sent."""


class HttpUplink:
    """One platform over HTTP/1.1; open it inside the running loop."""

    def __init__(
        self,
        options: HttpOptions,
        *,
        station: str,
        now_ns: Callable[[], int],
        credential: Callable[[], Credential] | None = None,
        tls: PlatformTls | None = None,
    ) -> None:
        """`tls` is needed for an https address only."""
        self._url = options.url.rstrip("/")
        self._station = station
        self._now_ns = now_ns
        self._credential = credential
        self._token: Credential | None = None
        self._tls = tls
        self._asks = asyncio.Semaphore(ASKS_MAX)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # bounded by the callers: two lane senders, one poll, ASKS_MAX questions
                keepalive_timeout=KEEP_ALIVE_S,
                socket_factory=_socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"user-agent": "yizhan", "yizhan-station": station},
            auto_decompress=False,  # so that a decompression bomb stays small
        )

    async def deliver(self, batch: EventBatch, answer_s: float) -> Delivery:
        """POST the batch; the body of the answer is the receipt."""
        body, headers = _packed(batch.body())
        headers["content-type"] = "application/cloudevents-batch+json"
        headers["yizhan-epoch"] = batch.epoch
        answer = await self._call("POST", "/v1/events", answer_s, body=body, headers=headers)
        if answer.status == 200:  # noqa: PLR2004  # the one status that may carry a receipt
            return Delivery(decode_receipt(answer.body), len(body))
        if 200 <= answer.status < 300:  # noqa: PLR2004
            raise BadReceipt(NO_RECEIPT, reason=f"status {answer.status}")
        raise answer.refusal()

    async def ask(
        self, message: bytes, deadline_ns: int
    ) -> QueryReply | QueryRefused | QueryUnanswered:
        """POST the message with the time left; QueryUnanswered in every doubt."""
        if self._asks.locked():
            return QueryRefused(TOO_MANY_ASKS)
        async with self._asks:
            left_s = (deadline_ns - self._now_ns()) / 1e9
            if left_s <= 0:
                return QueryRefused(EXPIRED)
            return await self._ask(message, left_s)

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        """GET the next commands; none if `wait_s` passes without one."""
        place = {"cursor": since.cursor} if since.cursor else {"after": since.after}
        answer = await self._call(
            "GET",
            "/v1/commands",
            wait_s + CONNECT_S,
            query={"station": self._station, **place, "wait": f"{wait_s:g}"},
            most=COMMANDS_BYTES_MAX,
        )
        if answer.status == 204:  # noqa: PLR2004
            return PollAnswer([], answer.cursor)
        if answer.status != 200:  # noqa: PLR2004
            raise answer.refusal()
        return PollAnswer(split_commands(answer.body)[:COMMANDS_MAX], answer.cursor)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def _ask(
        self, message: bytes, left_s: float
    ) -> QueryReply | QueryRefused | QueryUnanswered:
        headers = {"content-type": "application/json", "yizhan-ttl-ms": str(int(left_s * 1000))}
        try:
            answer = await self._call("POST", "/v1/ask", left_s, body=message, headers=headers)
        except PlatformUnreachable as error:
            # Nothing was sent without a connection; after that the outcome is unknown.
            never_heard = error.code in (UNREACHABLE, TLS)
            return QueryRefused(error.code) if never_heard else QueryUnanswered(error.code)
        except CredentialUnreadable as error:
            return QueryRefused(error.code)
        except UpstreamError as error:
            return QueryUnanswered(error.code)
        if answer.status == 200:  # noqa: PLR2004
            return QueryReply(answer.body)
        refused = 400 <= answer.status < 500 or answer.status == 503  # noqa: PLR2004
        return (QueryRefused if refused else QueryUnanswered)(answer.refusal().code)

    async def _call(
        self,
        method: str,
        path: str,
        timeout_s: float,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        most: int = ANSWER_BYTES_MAX,
    ) -> HttpAnswer:
        async with (
            translate_errors(),
            self._session.request(
                method,
                self._url + path,
                data=body,
                params=query,
                headers={**(headers or {}), **self._authorization()},
                timeout=aiohttp.ClientTimeout(
                    total=timeout_s, sock_connect=min(CONNECT_S, timeout_s)
                ),
                allow_redirects=False,  # a redirect could lead to plain http or to another host
                ssl=True if self._tls is None else self._tls.context,
            ) as response,
        ):
            if response.status in (401, 403):
                self._token = None  # it may have been renewed on disk
            return HttpAnswer(
                response.status,
                await _bounded(response, most),
                _retry_after(response.headers.get("retry-after")),
                _cursor(response.headers.get("yizhan-cursor", "")),
            )

    def _authorization(self) -> dict[str, str]:
        if self._credential is None:
            return {}
        if self._token is None:
            try:
                self._token = self._credential()
            except SettingsError as error:
                raise CredentialUnreadable(error.code, **error.data) from error
        return {"authorization": f"Bearer {self._token.reveal()}"}


def _socket(address: AddrInfoType) -> socket.socket:
    """A socket that drops unsent data when it is closed.

    A batch that was given up would else go on filling a slow wire from the kernel's buffer, in
    front of the alarm for which it was given up. Nothing is lost by it: an answer has been read,
    or its absence noticed, before we close.
    """
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return made


@asynccontextmanager
async def translate_errors() -> AsyncIterator[None]:
    """Raise aiohttp's errors as ours; the most specific is matched first."""
    try:
        yield
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as error:
        raise PlatformUnreachable(TLS, reason=str(error)) from error
    except aiohttp.ConnectionTimeoutError as error:
        raise PlatformUnreachable(UNREACHABLE, reason="timeout") from error
    except TimeoutError as error:
        raise PlatformUnreachable(TIMEOUT) from error
    except aiohttp.ClientConnectorError as error:
        raise PlatformUnreachable(UNREACHABLE, reason=error.os_error.strerror) from error
    except aiohttp.ClientResponseError as error:
        raise BadReceipt(NO_RECEIPT, reason=error.message) from error
    except (aiohttp.ClientError, OSError) as error:
        raise PlatformUnreachable(BROKEN, reason=type(error).__name__) from error


async def _bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            raise BadReceipt(NO_RECEIPT, reason=f"more than {most} bytes")
    return bytes(body)


def _packed(body: bytes) -> tuple[bytes, dict[str, str]]:
    if len(body) < GZIP_FROM_BYTES:
        return body, {}
    packer = zlib.compressobj(level=1, wbits=31)
    return packer.compress(body) + packer.flush(), {"content-encoding": "gzip"}


def _retry_after(header: str | None) -> float | None:
    # Seconds only: the form with a date would need a clock that both sides agree on.
    if header is None or not header.strip().isdecimal():
        return None
    return float(header)


def _cursor(header: str) -> str:
    """The header if it is a valid cursor, else "": then polling continues by ids."""
    return header if _CURSOR.fullmatch(header) else ""
