"""Hostile and clumsy callers: every one gets a clear answer or a closed door, none gets more."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientError, web

from gateway.errors import (
    AccessDenied,
    JournalFull,
    NotFound,
    SettingsError,
    Unavailable,
    UsageError,
)
from gateway.web.middleware import HEADERS
from gateway.web.section import Permission, Route, Section
from gateway.web.server import ServerLimits
from tests.web.reader import until
from tests.web.station import Station, station


async def echo(request: web.Request) -> web.StreamResponse:
    return web.Response(body=await request.read())


ERRORS = {
    "usage": UsageError("web.no-number", name="limit"),
    "unavailable": Unavailable("web.unavailable"),
    "full": JournalFull("web.unavailable"),
    "settings": SettingsError("web.failed"),
    "stranger": AccessDenied("web.sign-in-first"),
    "guesser": AccessDenied("access.wait", retry_after_s=7),
    "gone": ConnectionRefusedError("secret"),
    "names": NotFound("web.not-found", request="r", status=1, code="c", self="s", told_problem=0),
}


async def begun(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"the first half")
    raise ZeroDivisionError("secret")


async def fail(request: web.Request) -> web.StreamResponse:
    name = request.query.get("with", "")
    raise ERRORS.get(name, ZeroDivisionError("secret"))


class Extended(Station):
    """A station with two more addresses: one that takes a body, one that fails."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.sections.append(
            Section(
                name="extra",
                routes=(
                    Route(path="/echo", handler=echo, permission=Permission.VIEW, method="POST"),
                    Route(path="/fail", handler=fail, permission=Permission.VIEW),
                    Route(path="/begun/{id}", handler=begun, permission=Permission.VIEW),
                    Route(path="/staff", handler=echo, permission=Permission.STAFF),
                    Route(path="/install", handler=echo, permission=Permission.INSTALL),
                ),
            )
        )


@contextlib.asynccontextmanager
async def raw(made: Station) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", made.server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def answer(made: Station, request: bytes) -> bytes:
    async with raw(made) as (reader, writer), asyncio.timeout(60):
        writer.write(request)
        return await reader.read()


@pytest.mark.parametrize(
    "path", ["/", "/devices/em-b3", "/api/v1/vitals", "/healthz", "/metrics", "/nowhere", "/echo"]
)
async def test_every_answer_carries_the_headers(path: str) -> None:
    async with station(kind=Extended) as made, made.client.get(path) as response:
        for name, value in HEADERS.items():
            assert response.headers[name] == value
        assert "aiohttp" not in str(response.headers)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8080", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("evil.example:8080", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:80", 421),
        ("192.168.1.7:8080", 421),
        ("", 421),
    ],
)
async def test_only_our_own_names(host: str, status: int) -> None:
    async with station() as made:
        response = await made.client.get("/api/v1/clock", headers={"Host": host})
        assert response.status == status


async def test_who_may_look_may_not_act() -> None:
    async with station(kind=Extended) as made:
        for path, status in (("/", 200), ("/staff", 403), ("/install", 403)):
            async with made.client.get(path) as response:
                assert response.status == status


async def test_every_route_asks_the_gate_for_its_permission() -> None:
    asked: list[tuple[str, Permission]] = []

    class Nobody:
        async def allows(self, request: web.Request, permission: Permission) -> bool:
            asked.append((request.path, permission))
            return False

    class Closed(Extended):
        gate = Nobody()

    async with station(kind=Closed) as made:
        routes = [r for r in made.app.router.routes() if r.method != "HEAD"]
        assert len(routes) >= 17
        for route in routes:
            resource = route.resource
            assert resource is not None
            path = resource.canonical.format(id="em-b3", hash="0", room="web", name="x.css")
            async with made.client.request(route.method, path) as response:
                assert response.status == 403, path
                assert (await response.json())["code"] == "web.forbidden"
        assert len(asked) == len(routes)


@pytest.mark.parametrize(("size", "status"), [(65_536, b"200"), (65_537, b"413")])
async def test_a_body_has_a_limit(size: int, status: bytes) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size)
    async with station(kind=Extended) as made:
        whole = await answer(made, head + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
        assert whole.split()[1] == status
        split = await answer(made, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        assert split.split()[1] == status


async def test_a_body_said_to_be_huge_is_refused_before_it_has_come() -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000000\r\n\r\n"
    async with station(kind=Extended) as made:
        assert (await answer(made, head)).startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_comes_too_slowly_is_given_up() -> None:
    async with station(kind=Extended, bounds=ServerLimits(body_within_s=0.2)) as made:
        head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc"
        assert (await answer(made, head)).startswith(b"HTTP/1.1 408 ")


async def test_a_head_that_comes_too_slowly_is_cut_off() -> None:
    async with (
        station(bounds=ServerLimits(header_within_s=0.3)) as made,
        raw(made) as (reader, writer),
    ):
        loop = asyncio.get_running_loop()
        began = loop.time()
        cut = asyncio.ensure_future(reader.read())
        writer.write(b"GET / HTTP/1.1\r\n")
        while not cut.done() and loop.time() < began + 60:
            writer.write(b"X-Drip: 1\r\n")
            await asyncio.wait({cut}, timeout=0.05)
        assert cut.done(), "though something came all the time"
        assert isinstance(cut.exception(), ConnectionError) or cut.result() == b""


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../etc/passwd",
        "/static/0/..%2f..%2f/passwd",
        "/static/x/web/%2e%2e%2fpages.py",
        "/static//etc/passwd",
        "/static/000000000000/web/station.css",
        "/devices/..%2f..%2fetc",
        "/devices/%00",
        "/%ff%fe",
        "/api/v1/devices/nobody",
    ],
)
async def test_no_path_leads_outside(path: str) -> None:
    async with station() as made:
        said = await answer(
            made, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        assert said.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), said[:200]
        assert b"root:" not in said
        assert b"import" not in said


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60 + b"\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\r\n\x00\r\n\r\n",
    ],
)
async def test_garbage_is_refused_and_harms_nobody(garbage: bytes) -> None:
    async with station(bounds=ServerLimits(header_within_s=3.0)) as made:
        said = await answer(made, garbage)
        assert said == b"" or said.split()[1] == b"400"
        async with made.client.get("/healthz") as response:
            assert response.status == 200


async def test_one_connection_too_many_is_told_so() -> None:
    async with station(bounds=ServerLimits(here_max=3)) as made:
        held = [socket.create_connection(("127.0.0.1", made.server.port)) for _ in range(3)]
        try:
            await until(lambda: len(made.server._runner.server.connections) == 3)
            assert (await answer(made, b"")).startswith(b"HTTP/1.1 503 ")
        finally:
            for line in held:
                line.close()
        async with asyncio.timeout(60):
            while True:
                said = await answer(made, b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                if said.startswith(b"HTTP/1.0 200 "):
                    break


@pytest.mark.parametrize(
    ("with_", "status", "code"),
    [
        ("usage", 400, "web.no-number"),
        ("unavailable", 503, "web.unavailable"),
        ("full", 503, "web.unavailable"),
        ("settings", 500, "web.failed"),
        ("stranger", 401, "web.sign-in-first"),
        ("guesser", 429, "access.wait"),
        ("names", 404, "web.not-found"),
        ("nothing known", 500, "web.failed"),
    ],
)
async def test_an_error_becomes_an_answer_that_names_it(
    with_: str, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with station(kind=Extended) as made:
        response = await made.client.get("/fail", params={"with": with_})
        assert response.status == status
        assert response.content_type == "application/problem+json"
        assert (await response.json())["code"] == code
        assert "secret" not in await response.text()
        assert ("WWW-Authenticate" in response.headers) == (status == 401)
        assert response.headers.get("Retry-After") == ("7" if status == 429 else None)
    assert ("secret" in caplog.text) == (with_ == "nothing known")


async def test_people_get_a_page_and_programs_a_document() -> None:
    async with station() as made:
        async with made.client.get("/nowhere", headers={"Accept": "text/html"}) as response:
            assert (response.status, response.content_type) == (404, "text/html")
            assert "没有这一页" in await response.text()
        async with made.client.get("/nowhere", headers={"Accept-Language": "en"}) as response:
            assert (await response.json())["title"] == "There is no such page"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v1/vitals", 405),
        ("DELETE", "/", 405),
        ("HEAD", "/api/v1/events", 405),
        ("HEAD", "/healthz", 200),
        ("BREW", "/", 400),
    ],
)
async def test_a_wrong_method_is_refused(method: str, path: str, status: int) -> None:
    async with station() as made, made.client.request(method, path) as response:
        assert response.status == status
        if status == 405:
            assert "GET" in response.headers["Allow"]
        if status == 405 and method != "HEAD":
            assert (await response.json())["code"] == "web.bad-method"


async def test_a_mistake_of_ours_costs_its_request_alone_and_is_counted() -> None:
    async with station(kind=Extended) as made:
        for with_ in ("", "gone"):
            async with made.client.get("/fail", params={"with": with_}) as response:
                assert (await response.json())["code"] == "web.failed"
        with pytest.raises(ClientError):
            async with made.client.get("/begun/a-resident's-number") as response:
                await response.read()
        async with made.client.get("/healthz") as response:
            assert response.status == 200
    assert [(where, type(error)) for where, error in made.faults] == [
        ("web.GET /fail", ZeroDivisionError),
        ("web.GET /fail", ConnectionRefusedError),
        ("web.GET /begun/{id}", ZeroDivisionError),
    ]


async def test_what_a_peer_sends_stays_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with station() as made:
        said = await answer(made, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: 139\x00\r\n\r\n")
        assert said.split()[1] == b"400"
        assert made.faults == []
    assert caplog.text == ""
