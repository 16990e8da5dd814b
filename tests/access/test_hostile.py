"""Hostile callers over real TLS: every one is refused, each in its own way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.access import codes
from gateway.web.authorization import SESSION_COOKIE
from gateway.web.lan_listener import LanLimits
from gateway.web.section import Permission, Route
from gateway.web.server import ROUTES, ServerLimits
from tests.access.composed import addressed, composed
from tests.access.harness import PASSWORDS, Browser, Site, browser, site, trusting


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Site]:
    bounds = ServerLimits(body_within_s=1, header_within_s=3, lan=LanLimits(handshake_within_s=3))
    async with site(tmp_path, bounds=bounds) as opened:
        await opened.furnish("zhang", "boss")
        yield opened


FORGED = {
    "no origin at all": {},
    "another origin": {"Origin": "https://evil.example"},
    "a null origin": {"Origin": "null"},
    "plain instead of TLS": {"Origin": "http://localhost"},
    "another port": {"Origin": "https://localhost:1"},
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "a neighbour's site": {"Sec-Fetch-Site": "same-site"},
    "typed into the address bar": {"Sec-Fetch-Site": "none"},
}


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Site]:
    """With the routes of every room."""
    async with composed(tmp_path) as opened:
        await opened.furnish("zhang", "boss")
        yield opened


async def sign_in(made: Site, reader: Browser) -> None:
    """As the most powerful person there is."""
    signed = await made.access.sign_in("boss", PASSWORDS["boss"], made.place())
    reader.keep(SESSION_COOKIE, signed.token)


def acting(made: Site) -> list[Route]:
    pressed = [route for route in made.app[ROUTES] if route.method != "GET"]
    assert len(pressed) >= 60
    return pressed


async def refusals(made: Site) -> list[str]:
    """Why, of the acts that were refused."""
    return [past.act.why for past in await made.acts(500) if past.act.why]


async def test_no_page_elsewhere_can_press_anything(whole: Site) -> None:
    """Every route that acts, with the cookies of the most powerful person and the right token."""
    async with browser(whole) as reader:
        await sign_in(whole, reader)
        token = codes.form_token(reader.cookie(SESSION_COOKIE))
        for how, headers in FORGED.items():
            for route in acting(whole):
                answer = await reader.session.post(
                    reader.base + addressed(route),
                    data={"form": token},
                    headers=headers,
                    allow_redirects=False,
                )
                said = (answer.status, (await answer.json())["code"])
                assert said == (403, "web.foreign-page"), (how, route.path)
        assert set(await refusals(whole)) == {"web.foreign-page"}
        assert (await reader.get("/desk/record")).status == 200, "still signed in"


async def test_a_form_must_carry_the_token_of_its_own_reader(whole: Site) -> None:
    other = await whole.access.sign_in("zhang", PASSWORDS["zhang"], whole.place())
    async with browser(whole) as reader:
        await sign_in(whole, reader)
        strange = ["", "x", "0" * 64, codes.form_token(other.token)]
        for token in strange:
            for route in acting(whole):
                answer = await reader.session.post(
                    reader.base + addressed(route),
                    data={"form": token} if token else {},
                    headers={"Origin": reader.base},
                    allow_redirects=False,
                )
                here = route.permission is Permission.HERE  # no cookie gives it: nothing to abuse
                said = (answer.status, (await answer.json())["code"])
                assert said == (403, "web.forbidden" if here else "web.stale-form"), route.path


async def test_a_script_of_ours_may_carry_the_token_in_a_header(made: Site) -> None:
    async with browser(made) as reader:
        await reader.enter("boss")
        answer = await reader.session.post(
            reader.base + "/api/v1/accounts/zhang/disable",
            headers={
                "Origin": reader.base,
                "X-Form": codes.form_token(reader.cookie(SESSION_COOKIE)),
            },
        )
        assert answer.status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("test-1.local:8443", 200),
        ("127.0.0.1:8443", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("192.168.1.77", 421),
        ("127.0.0.2", 421),
        ("[::1].evil.example", 421),
        ("", 421),
    ],
)
async def test_a_name_that_was_pointed_at_us_is_not_ours(
    made: Site, host: str, status: int
) -> None:
    async with browser(made) as reader:
        assert (await reader.get("/signin", headers={"Host": host})).status == status


@pytest.mark.parametrize(
    "path",
    [
        "/static/../keys/tls.pem",
        "/static/x/web/..%2f..%2fkeys%2fclaim.key",
        "/static/x/web/%2e%2e/%2e%2e/tls.pem",
        "/trust/..%2f..%2ftls-authority.pem",
        "/trust/%2e%2e/keys/tls.pem",
        "//keys/tls.pem",
        "/signin/pages/signin.html",
    ],
)
async def test_a_path_never_leaves_the_station(made: Site, path: str) -> None:
    answer = await raw(made, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n".encode())
    assert answer.split()[1] in (b"404", b"401", b"400")
    assert b"PRIVATE KEY" not in answer


async def raw(made: Site, head: bytes, body: bytes = b"", pause_s: float = 0) -> bytes:
    """Speak TLS by hand: a head, perhaps a pause, a body, until the other side closes."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", made.server.lan_port, ssl=trusting(made), server_hostname="localhost"
    )
    try:
        async with asyncio.timeout(60):
            writer.write(head + b"Connection: close\r\n\r\n" + body)
            await asyncio.sleep(pause_s)
            return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_body_too_large_or_too_slow_is_refused_unread(made: Site) -> None:
    head = b"POST /signin/enter HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
    assert (await raw(made, head % 10**9)).split()[1] == b"413"
    assert (await raw(made, head % 70_000, b"x" * 70_000)).split()[1] == b"413"
    assert (await raw(made, head % 100, b"id=zhang")).split()[1] == b"408"
    chunked = b"POST /signin/enter HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    assert (await raw(made, chunked, b"5\r\nid=zh")).split()[1] == b"408"
    assert made.access.evaluator.evaluations == 2, "the furnishing's, and no others"


async def test_a_head_or_a_handshake_that_never_ends_is_closed(made: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", made.server.lan_port)
    async with asyncio.timeout(60):
        assert await reader.read() == b"", "no handshake came"
    writer.close()


async def test_plain_http_at_the_tls_door_gets_nothing(made: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", made.server.lan_port)
    writer.write(b"GET /signin HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            assert b"HTTP/1" not in await reader.read()
    writer.close()


@pytest.mark.parametrize("size", [0, 1, 43, 4000])
async def test_any_cookie_is_nobodys(made: Site, size: int) -> None:
    async with browser(made) as reader:
        reader.keep(SESSION_COOKIE, "z" * size)
        assert (await reader.get("/desk/record")).status == 401


async def test_a_person_is_led_to_sign_in_and_back(made: Site) -> None:
    async with browser(made) as reader:
        answer = await reader.get("/desk/record?who=zhang", headers={"Accept": "text/html"})
        assert answer.status == 303
        where = answer.headers["Location"]
        assert where == "/signin?next=/desk/record?who%3Dzhang"
        page = await reader.page(where)
        assert 'name="next" value="/desk/record?who=zhang"' in page
        entered = await reader.post(
            "/signin/enter", id="zhang", password=PASSWORDS["zhang"], next="/desk/record?who=zhang"
        )
        assert entered.headers["Location"] == "/desk/record?who=zhang"


async def test_data_in_a_name_never_becomes_markup(made: Site) -> None:
    async with browser(made) as reader:
        await reader.enter("boss")
        evil = "<b onclick=x>张</b>"
        await reader.post("/signin/keys/add", id="evil", name=evil, role="staff")
        for path in ("/signin/keys", "/desk/record"):
            page = await reader.page(path)
            assert "<b onclick" not in page
            assert "&lt;b onclick" in page
