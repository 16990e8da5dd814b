"""The live stream `/api/v1/events`: one per page, resumable, bounded, ended on stop.

Two tasks serve all readers: one waits for the journal, one takes the beat; both only wake the
streams. Without readers neither does anything.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

from aiohttp import web

from gateway.errors import AccessDenied, Unavailable, UsageError
from gateway.event import Lane
from gateway.faults import OnFault, log_fault
from gateway.health import Vitals
from gateway.journal.ports import FollowedReader
from gateway.web.audience import Audiences
from gateway.web.authorization import CALLER, is_from_loopback, session_lease, view_permissions
from gateway.web.i18n import translator_for
from gateway.web.live_views import LiveViews
from gateway.web.section import GuardedPulse, Permission, Route
from gateway.web.stream import EventStream, StreamLimits, StreamSource


class StreamHub:
    """All readers of the station's live stream."""

    def __init__(
        self,
        feed: FollowedReader,
        vitals: Callable[[], Vitals],
        pulses: Mapping[str, GuardedPulse],
        *,
        audiences: Audiences,
        limits: StreamLimits,
        on_fault: OnFault = log_fault,
        kept: frozenset[str] = frozenset(),
    ) -> None:
        """`kept`: topics of this machine's own screens, each with a stream reserved for it."""
        self._on_fault = on_fault
        self._kept = kept
        self._own: set[str] = set()
        follower = feed.follower("web", retaining=False)
        self._source = StreamSource(feed, follower, LiveViews(vitals, pulses), audiences, limits)
        self.audiences = audiences
        self._streams: set[EventStream] = set()
        self._wanted = asyncio.Event()
        self._closing = asyncio.Event()
        self.dropped = 0

    @property
    def readers(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def route(self) -> Route:
        return Route(
            path="/api/v1/events",
            handler=self._serve,
            permission=Permission.VIEW,
            summary="Entries as they are committed, and pulses of present values",
            media="text/event-stream",
            query={
                "lanes": "Comma-separated lanes to get entries of; empty for none, absent for all",
                "pulse": "Which view the pulses show: `values`, or a page's",
                "after": "Resume behind this cursor; the header Last-Event-ID says the same",
            },
        )

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """Wake the streams while the application runs (an aiohttp clean-up context)."""
        works = {"web.stream.follow": self._follow, "web.stream.beat": self._beat}
        tasks = [asyncio.create_task(self._keep(*work)) for work in works.items()]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self, _app: web.Application) -> None:
        """End every stream; the readers come back when the station does."""
        self._closing.set()
        self._wake()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        limits = self._source.limits
        stream = self._stream(request)
        own = self._own_of(request)
        shared = len(self._streams) - len(self._own)
        if self._closing.is_set() or (not own and shared >= limits.streams_max):
            raise Unavailable("web.streams-full", max=limits.streams_max)
        response = web.StreamResponse(headers={"Cache-Control": "no-store"})
        response.content_type = "text/event-stream"
        response.charset = "utf-8"
        # A reader may disconnect at any time: before the headers, or between two writes.
        with self._joined(stream, own), contextlib.suppress(ConnectionResetError):
            try:
                await response.prepare(request)
                _bound_buffer(request, limits.write_buffer_bytes)
                await stream.run(response, self._closing, session_lease(request))
            except TimeoutError:
                self._drop(request)
        return response

    def _stream(self, request: web.Request) -> EventStream:
        topic = self._source.pulses.topic(
            request.query.get("pulse", "values"), translator_for(request)
        )
        allowed = view_permissions(request)
        if self._source.pulses.permission(topic) not in allowed:
            raise web.HTTPForbidden if CALLER in request else AccessDenied("web.sign-in-first")
        resume = request.headers.get("Last-Event-ID") or request.query.get("after")
        return EventStream(self._source, topic, _lanes(request.query.get("lanes")), resume, allowed)

    def _own_of(self, request: web.Request) -> str:
        """The free reserved place of this reader, if it is one of our screens; else ""."""
        topic = request.query.get("pulse", "")
        here = is_from_loopback(request) and topic in self._kept
        return topic if here and topic not in self._own else ""

    @contextlib.contextmanager
    def _joined(self, stream: EventStream, own: str) -> Iterator[None]:
        self._streams.add(stream)
        if own:
            self._own.add(own)
        self._wanted.set()
        try:
            yield
        finally:
            self._streams.discard(stream)
            self._own.discard(own)
            if not self._streams:
                self._wanted.clear()

    def _drop(self, request: web.Request) -> None:
        """Cut off a reader that does not read; what its socket holds is lost."""
        self.dropped += 1
        if request.transport is not None:
            request.transport.abort()

    async def _keep(self, edge: str, work: Callable[[], Awaitable[None]]) -> None:
        """Repeat the work while there are readers."""
        while True:
            await self._wanted.wait()
            try:
                await work()
            except Exception as error:  # noqa: BLE001   # an edge: one bad beat must not end all beats
                self._on_fault(edge, error)
                await asyncio.sleep(self._source.limits.pulse_s)

    async def _follow(self) -> None:
        await self._source.follower.wait(after=dict(self._source.feed.heads()))
        self._wake()

    async def _beat(self) -> None:
        self._source.pulses.beat()
        self._wake()
        await asyncio.sleep(self._source.limits.pulse_s)

    def _wake(self) -> None:
        for stream in self._streams:
            stream.news.set()


def _lanes(text: str | None) -> tuple[Lane, ...]:
    """The lanes in `alarm,service`; all for None, none for ""."""
    if text is None:
        return tuple(Lane)
    try:
        return tuple(sorted({Lane.parse(name) for name in text.split(",") if name}))
    except ValueError as error:
        raise UsageError("web.no-such-lane", lane=str(error)[:40]) from None


def _bound_buffer(request: web.Request, size: int) -> None:
    """Limit a reader's buffers: by default a socket alone takes megabytes."""
    if request.transport is None:
        return
    request.transport.set_write_buffer_limits(size)
    line = request.transport.get_extra_info("socket")
    if line is not None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
