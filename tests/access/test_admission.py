"""Who gets a connection: one host of the LAN, without an account, takes nothing from the others.

Other addresses of 127.0.0.0/8 stand for hosts of the LAN; 127.0.0.1 is the machine itself.
"""

import asyncio
import contextlib
import gc
import ipaddress
import resource
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.web.authorization import SIGNED_IN
from gateway.web.lan_listener import LanLimits, is_near_address
from tests.access.harness import Site, browser, site, trusting
from tests.broadcast.audio_process.harness import until

THIEF, OTHER = "127.0.0.66", "127.0.0.7"
BOUNDS = LanLimits()


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as opened:
        await opened.furnish("zhang")
        yield opened


def half_open(made: Site, host: str) -> socket.socket:
    """A connection that says nothing."""
    line = socket.socket()
    line.bind((host, 0))
    line.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        line.connect(("127.0.0.1", made.server.lan_port))
    return line


async def idle(made: Site, host: str) -> asyncio.StreamWriter:
    """A connection that shakes hands and then says nothing."""
    _, writer = await asyncio.open_connection(
        "127.0.0.1", made.server.lan_port, ssl=trusting(made), server_hostname="localhost",
        local_addr=(host, 0),
    )  # fmt: skip
    return writer


async def signs_in(made: Site) -> bool:
    async with browser(made) as desk:
        return (await desk.enter("zhang")).status == 303


def held(made: Site) -> int:
    server = made.server._runner.server
    assert server is not None
    return sum(each.transport is not None for each in server.connections)


def resident_kb() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


async def stand_half_open(made: Site, count: int) -> tuple[int, bool]:
    """So many silent connections of one host: the most handshakes at once; a desk comes in."""
    (door,) = made.server._lan
    lines, most = [], 0
    try:
        for _ in range(count):
            lines.append(half_open(made, THIEF))
            await asyncio.sleep(0)
            most = max(most, len(door._entering))
        return most, await signs_in(made)
    finally:
        for line in lines:
            line.close()


async def test_silent_connections_of_one_host_wait_for_no_handshake(made: Site) -> None:
    assert await stand_half_open(made, 300) == (BOUNDS.peer_handshakes_max, True)


@pytest.mark.proof
async def test_two_thousand_silent_connections_cost_next_to_nothing(made: Site) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    await stand_half_open(made, 100)
    before_kb = resident_kb()
    assert await stand_half_open(made, 2000) == (BOUNDS.peer_handshakes_max, True)
    grown_kb = resident_kb() - before_kb
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(f"2000 half-open connections: {grown_kb} kB, both ends of them")
    assert grown_kb < 10_240


async def test_idle_connections_of_one_host_leave_the_doors_to_the_others(made: Site) -> None:
    lines = [await idle(made, THIEF) for _ in range(64)]
    try:
        await until(lambda: held(made) == BOUNDS.peer_max)
        assert await signs_in(made)
        async with browser(made, plain=True) as kiosk:
            assert (await kiosk.get("/healthz")).status == 200
        writer = await idle(made, OTHER)
        writer.close()
    finally:
        for line in lines:
            line.transport.abort()


async def test_where_many_hosts_fill_the_door_a_stranger_gives_way_and_never_who_has_signed_in(
    made: Site,
) -> None:
    async with browser(made) as desk:
        assert (await desk.enter("zhang")).status == 303
        assert (await desk.get("/desk/")).status == 200
        (own,) = made.app[SIGNED_IN]
        lines = []
        try:
            for n in range(BOUNDS.connections_max + 20):
                lines.append(await idle(made, f"127.0.1.{n + 1}"))  # noqa: PERF401  # closed below
            await until(lambda: held(made) <= BOUNDS.connections_max)
            assert own.transport is not None
            assert (await desk.get("/desk/")).status == 200
        finally:
            for line in lines:
                line.transport.abort()
    await until(lambda: held(made) == 0)
    await signs_in(made)
    assert len(made.app[SIGNED_IN]) <= 1, "who has gone is forgotten"


async def test_a_host_that_speaks_no_tls_is_let_go(made: Site) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", made.server.lan_port, local_addr=(THIEF, 0)
    )
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    with contextlib.suppress(ConnectionResetError, ssl.SSLError):
        await reader.read()
    writer.close()
    assert await signs_in(made)


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("192.168.1.7", True),
        ("10.20.3.4", True),
        ("fd00::7", True),
        ("fe80::1%eth0", True),
        ("::ffff:192.168.1.7", True),
        ("100.64.1.9", True),
        ("8.8.8.8", False),
        ("240e:1:2:3::7", False),
        ("::ffff:8.8.8.8", False),
    ],
)
def test_the_door_is_for_private_networks_and_those_that_the_settings_name(
    host: str, near: bool
) -> None:
    assert is_near_address(host, [ipaddress.ip_network("100.64.0.0/10")]) is near
