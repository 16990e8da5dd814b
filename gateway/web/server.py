"""The server: sections in, one application out, listening on loopback and the control socket.

All mistakes of a section are found at start-up: a missing permission, a duplicate address, a
template that does not compile.
"""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
from aiohttp import web

from gateway.errors import SettingsError, Unavailable, UsageError
from gateway.event import EventKind
from gateway.faults import OnFault, log_fault
from gateway.health import Vitals
from gateway.journal.events import KINDS as JOURNAL_KINDS
from gateway.journal.ports import FollowedReader
from gateway.web import api, control_socket, healthz, metrics, middleware, openapi
from gateway.web.audience import Audiences
from gateway.web.audit_middleware import AuditMiddleware
from gateway.web.authorization import SIGNED_IN, Gate, LoopbackGate, guard_handler
from gateway.web.connection_admission import BACKLOG, USER_TIMEOUT_MS, admission_factory
from gateway.web.lan_listener import LanLimits, LanListener
from gateway.web.longpoll import LongPolls
from gateway.web.page_renderer import PAGES, PageRenderer
from gateway.web.section import Permission, Route, Section
from gateway.web.sse import StreamHub
from gateway.web.static_files import StaticFiles
from gateway.web.stream import StreamLimits

# aiohttp waits this long for handlers, and again after cancelling them: 2 s of our 3.
STOP_STEP_S = 1.0


HostName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$")]


class WebOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[web]` of `station.toml`.

    `port` is plain HTTP for this machine only, `lan_port` HTTPS for desk computers, once there
    is an account; `names` are further host names of the station. `networks` are admitted beside
    private ones (`["100.64.0.0/10"]`, a district's VPN).
    """

    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8080  # 0: any free port
    lan_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8443
    names: Annotated[tuple[HostName, ...], msgspec.Meta(max_length=8)] = ()
    networks: Annotated[tuple[str, ...], msgspec.Meta(max_length=8)] = ()

    def __post_init__(self) -> None:
        """SettingsError names an invalid network."""
        for each in self.networks:
            try:
                ipaddress.ip_network(each)
            except ValueError:
                raise SettingsError("web.bad-network", network=each[:40]) from None


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits per caller."""

    header_within_s: float = 15.0
    body_within_s: float = 10.0
    here_max: int = 32
    control_max: int = 8
    lan: LanLimits = LanLimits()
    streams: StreamLimits = StreamLimits()


DEFAULT_BOUNDS = ServerLimits()


def build_app(
    sections: Sequence[Section],
    *,
    vitals: Callable[[], Vitals],
    feed: FollowedReader,
    gate: Gate | None = None,
    auditor: AuditMiddleware | None = None,
    names: Collection[str] = (),
    bounds: ServerLimits = DEFAULT_BOUNDS,
    kinds: Iterable[EventKind] = (),
    on_fault: OnFault = log_fault,
) -> web.Application:
    """The whole application. UsageError names what is wrong with a section.

    `kinds` are events of rooms without a section; readers of the feed see no others.
    """
    of_rooms = (kind for section in sections for kind in section.kinds)
    audiences = Audiences((*JOURNAL_KINDS, *kinds, *of_rooms))
    statics = StaticFiles(sections)
    pulses = {name: pulse for section in sections for name, pulse in section.pulses.items()}
    kept = frozenset[str]().union(*(section.streams for section in sections))
    hub = StreamHub(
        feed,
        vitals,
        pulses,
        audiences=audiences,
        limits=bounds.streams,
        on_fault=on_fault,
        kept=kept,
    )
    polls = LongPolls(feed)
    routes = _all_routes(sections, vitals, api.routes(vitals, feed, polls, audiences), hub, statics)
    app = web.Application(
        middlewares=[
            middleware.error_middleware(on_fault),
            middleware.host_middleware(middleware.LOOPBACK_HOSTS.union(names)),
            middleware.body_middleware(
                bounds.body_within_s, {r.path for r in routes if r.streamed}
            ),
        ],
        client_max_size=middleware.BODY_BYTES_MAX,
    )
    app[PAGES] = PageRenderer(sections, statics, vitals)
    app[HUB] = hub
    app[SIGNED_IN] = set()
    app.on_response_prepare.append(middleware.add_headers)
    app.cleanup_ctx.append(hub.running)
    app.on_shutdown.append(hub.close)
    app.on_shutdown.append(polls.close)
    app[ROUTES] = tuple(routes)
    _refuse_twice(routes)
    for route in routes:
        _add(app, route, gate or LoopbackGate(), auditor)
    return app


HUB = web.AppKey("hub", StreamHub)
# Every address with its permission, as the application was built.
ROUTES = web.AppKey("routes", tuple[Route, ...])


def _all_routes(
    sections: Sequence[Section],
    vitals: Callable[[], Vitals],
    facts: Sequence[Route],
    hub: StreamHub,
    statics: StaticFiles,
) -> list[Route]:
    published = [
        *facts,
        hub.route(),
        healthz.route(vitals),
        metrics.route(vitals, lambda: hub.readers),
        *(route for section in sections for route in section.routes),
    ]
    return [
        *published,
        openapi.route(published, vitals().version),
        Route(
            path="/static/{hash}/{room}/{name}",
            handler=statics.serve,
            permission=Permission.PUBLIC,
        ),
    ]


def _refuse_twice(routes: Sequence[Route]) -> None:
    """Refuse duplicate routes: the router would silently serve the first."""
    seen = set()
    for route in routes:
        if (route.method, route.path) in seen:
            raise UsageError("web.bad-route", method=route.method, path=route.path)
        seen.add((route.method, route.path))


def _add(app: web.Application, route: Route, gate: Gate, auditor: AuditMiddleware | None) -> None:
    if route.permission is None:
        raise UsageError("web.no-permission", method=route.method, path=route.path)
    handler = guard_handler(route, route.permission, gate)
    if auditor is not None:
        handler = partial(auditor.handle, route=route, handle=handler)
    try:
        if route.method == "GET":
            app.router.add_get(route.path, handler, allow_head=route.media != "text/event-stream")
        else:
            app.router.add_route(route.method, route.path, handler)
    except (ValueError, RuntimeError) as error:
        raise UsageError("web.bad-route", method=route.method, path=route.path) from error


class WebServer:
    """An application on its sockets."""

    def __init__(
        self,
        app: web.Application,
        options: WebOptions,
        *,
        control: Path | None = None,
        bounds: ServerLimits = DEFAULT_BOUNDS,
        on_fault: OnFault = log_fault,
    ) -> None:
        self.app = app
        self._options = options
        self._control = control
        self._bounds = bounds
        self._local: asyncio.Server | None = None
        self._commands: asyncio.Server | None = None
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=middleware.create_server_log(on_fault),
            keepalive_timeout=bounds.header_within_s,
            lingering_time=1.0,
            shutdown_timeout=STOP_STEP_S,
            handler_cancellation=True,
        )
        self.port = options.port
        self.lan_port = options.lan_port
        self._lan: list[LanListener] = []

    async def bind(self) -> None:
        """Bind port and socket; Unavailable names the one that another process holds.

        Whatever is free is bound all the same, and a second call binds what is missing.
        Connections wait for `start`.
        """
        if self._runner.server is None:
            await self._runner.setup()
        assert self._runner.server is not None
        server = self._runner.server
        loop = asyncio.get_running_loop()
        failed: Unavailable | None = None
        if self._local is None:
            try:
                line = _listen(self._options.port)
            except Unavailable as error:
                failed = error
            else:
                self.port = line.getsockname()[1]
                self._local = await loop.create_server(
                    admission_factory(server, self._bounds.here_max), sock=line, start_serving=False
                )
        if self._control is not None and self._commands is None:
            held = control_socket.bind_socket(self._control)
            held.listen(BACKLOG)
            self._commands = await loop.create_unix_server(
                admission_factory(server, self._bounds.control_max), sock=held, start_serving=False
            )
        if failed is not None:
            raise failed

    @property
    def is_bound(self) -> bool:
        """Whether both port and socket are bound."""
        return self._local is not None and (self._control is None or self._commands is not None)

    async def start(self) -> None:
        """Serve what is bound; raises Unavailable afterwards if something is not."""
        try:
            if not self.is_bound:
                await self.bind()
        finally:
            for server in (self._local, self._commands):
                if server is not None and not server.is_serving():
                    await server.start_serving()

    async def open_lan(self, context: ssl.SSLContext, host: str = "") -> None:
        """Listen for desk computers as well; Unavailable if another process holds the port.

        `host` "" is every address of this machine. Idempotent.
        """
        if self._lan:
            return
        assert self._runner.server is not None
        for line in _listen_lan(host, self._options.lan_port):
            self.lan_port = line.getsockname()[1]
            self._lan.append(
                LanListener(
                    self._runner.server,
                    context,
                    line,
                    bounds=self._bounds.lan,
                    networks=[ipaddress.ip_network(each) for each in self._options.networks],
                    known=self.app[SIGNED_IN],
                )
            )

    @property
    def lan_open(self) -> bool:
        """Whether desk computers can connect."""
        return bool(self._lan)

    async def stop(self) -> None:
        """Close the sockets, end the streams, let running responses finish: within 3 s."""
        for server in (self._local, self._commands):
            if server is not None:
                server.close()
        for desks in self._lan:
            await desks.close()
        await self._runner.cleanup()
        if self._control is not None and self._commands is not None:
            self._control.unlink(missing_ok=True)


def _listen(port: int) -> socket.socket:
    try:
        line = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    except OSError as error:
        raise Unavailable("web.port-held", port=port, why=error.strerror) from error
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    return line


def _listen_lan(host: str, port: int) -> list[socket.socket]:
    """IPv4, and IPv6 if the machine has it, on one port."""
    lines = []
    try:
        lines.append(socket.create_server((host or "0.0.0.0", port), backlog=BACKLOG))  # noqa: S104   # desk computers are on other machines
        port = lines[0].getsockname()[1]
        if not host and socket.has_ipv6:
            with contextlib.suppress(OSError):  # the kernel may run without it
                family = socket.AF_INET6
                lines.append(socket.create_server(("::", port), family=family, backlog=BACKLOG))
    except OSError as error:
        raise Unavailable("web.port-held", port=port, why=error.strerror) from error
    for line in lines:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    return lines
