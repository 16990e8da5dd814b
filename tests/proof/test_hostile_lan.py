"""A real station while somebody on its network does what a network lets anybody do.

2,000 connections that say nothing, 64 that shake hands and say nothing more, a viewer with 16 live
streams who signs in 66 times, and guessers: the smoke detector is heard as before, STOP stops, and
the memory stays. Other addresses of 127.0.0.0/8 stand for hosts of the LAN.
"""

import asyncio
import contextlib
import resource
import socket
import ssl
import statistics
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from gateway.access import codes
from gateway.web.authorization import FORM_COOKIE, SESSION_COOKIE
from tests.broadcast.chain.end_to_end import Packet, Street, now_ns
from tests.ports import free_port

pytestmark = [pytest.mark.proof, pytest.mark.slow]

EMERGENCY = 8
ROUNDS = 8
PASSWORD = "battery staple lantern"
THIEF, IDLER, VIEWER, GUESSER = (f"127.0.0.{n}" for n in (66, 67, 68, 69))
GROWN_KB_MAX = 10_240


class OpenStreet(Street):
    """With the door to the network on a port of its own."""

    lan_port = 0

    def write_settings(self, *, quiet: bool) -> None:
        super().write_settings(quiet=quiet)
        self.lan_port = self.lan_port or free_port()
        file = self.folder / "station.toml"
        text = file.read_text("utf-8")
        file.write_text(text.replace("[web]\n", f"[web]\nlan_port = {self.lan_port}\n"), "utf-8")

    @property
    def https(self) -> str:
        return f"https://localhost:{self.lan_port}"


def context() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


@contextlib.asynccontextmanager
async def reader(host: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser at that host of the LAN."""
    line = aiohttp.TCPConnector(ssl=context(), local_addr=(host, 0), limit=0)
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(connector=line, cookie_jar=jar) as session:
        yield session


async def form(session: aiohttp.ClientSession, url: str, path: str, **fields: str) -> int:
    """As the station's own page sends it."""
    async with session.get(f"{url}/signin"):
        pass
    cookies = session.cookie_jar.filter_cookies(URL(url))
    cookie = cookies.get(SESSION_COOKIE) or cookies[FORM_COOKIE]
    async with session.post(
        f"{url}{path}", data={"form": codes.form_token(cookie.value), **fields},
        headers={"Origin": url}, allow_redirects=False,
    ) as answer:  # fmt: skip
        return answer.status


def half_open(port: int) -> socket.socket:
    line = socket.socket()
    line.bind((THIEF, 0))
    line.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        line.connect(("127.0.0.1", port))
    return line


async def crowd(street: OpenStreet, resting: asyncio.Event) -> None:
    """All of it, until cancelled; once it is `resting` it only holds what it has."""
    async with contextlib.AsyncExitStack() as stack:
        silent = stack.enter_context(contextlib.ExitStack())
        viewer = await stack.enter_async_context(reader(VIEWER))
        guesser = await stack.enter_async_context(reader(GUESSER))
        url = street.https
        assert await form(viewer, url, "/signin/enter", id="guest", password=PASSWORD) == 303
        for _ in range(16):
            with contextlib.suppress(aiohttp.ClientError):
                stream = await viewer.get(f"{url}/api/v1/events")
                silent.callback(stream.close)
        for _ in range(64):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", street.lan_port, ssl=context(), local_addr=(IDLER, 0)
                )
                stack.push_async_callback(leave, writer)
        lines = [half_open(street.lan_port) for _ in range(2_000)]
        for line in lines:
            silent.callback(line.close)
        while not resting.is_set():
            for session, id_, password in ((viewer, "guest", PASSWORD), (guesser, "zhang", "x")):
                with contextlib.suppress(aiohttp.ClientError, KeyError):
                    await form(session, url, "/signin/enter", id=id_, password=password)
            lines = [half_open(street.lan_port) for _ in range(100)]
            await asyncio.sleep(0.05)
            for line in lines:
                line.close()
        await asyncio.get_running_loop().create_future()


async def leave(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def resident_kb(street: Street) -> int:
    pages = Path(f"/proc/{street.station.pid}/statm").read_text("utf-8").split()[1]
    return int(pages) * resource.getpagesize() // 1024


async def rounds(street: Street) -> dict[str, list[float]]:
    """Milliseconds from the frame to the first packet, and from STOP to the last one."""
    found: dict[str, list[float]] = {"heard": [], "stopped": []}
    ear = street.ears["horn-b3"]
    for _ in range(ROUNDS):
        frame = await street.close_contact("smoke")
        packet = await ear.first(EMERGENCY, frame)
        (order, *_) = reversed(await street.orders_from("linkage.smoke-b3"))
        found["heard"].append((packet.at_ns - frame) / 1e6)
        stopping = now_ns()
        await street.post(f"/api/v1/orders/{order}/stop", {})
        await street.becomes(order, "stopped")
        await asyncio.sleep(0.5)
        audible: list[Packet] = ear.since(stopping, EMERGENCY)
        found["stopped"].append(max((p.at_ns - stopping for p in audible), default=0) / 1e6)
        await street.open_contacts("smoke")
        await street.hush()
    return found


def told(name: str, found: dict[str, list[float]]) -> None:
    for what, each in found.items():
        print(f"{name}: {what} after {statistics.median(each):.0f} ms, at most {max(each):.0f} ms")


async def test_who_is_on_the_network_takes_nothing_from_the_emergency(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    async with OpenStreet(tmp_path).playing() as street:
        assert isinstance(street, OpenStreet)
        await street.open()
        for id_, role in (("boss", "installer"), ("guest", "viewer")):
            add = f"/api/v1/accounts/{id_}/add?name={id_}&role={role}"
            code = (await street.post(add, None))["code"]
            await street.until(lambda: is_open(street))
            fields = {"id": id_, "code": code, "password": PASSWORD, "again": PASSWORD}
            async with reader("127.0.0.1") as desk:
                assert await form(desk, street.https, "/signin/first", **fields) == 303
        quiet = await rounds(street)
        before_kb = resident_kb(street)
        resting = asyncio.Event()
        crowding = asyncio.create_task(crowd(street, resting))
        await asyncio.sleep(5)
        loud = await rounds(street)
        busy_kb = resident_kb(street) - before_kb
        resting.set()
        await asyncio.sleep(4)  # scrypt has its 32 MB for the password that is being tried
        grown_kb = resident_kb(street) - before_kb
        crowding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await crowding
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    told("alone", quiet)
    told("in the crowd", loud)
    print(f"memory of the gateway: {grown_kb:+} kB, {busy_kb:+} kB while passwords are tried")
    assert len(loud["heard"]) == ROUNDS
    assert grown_kb <= GROWN_KB_MAX


async def is_open(street: OpenStreet) -> bool:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", street.lan_port)
        writer.close()
        return True
    return False
