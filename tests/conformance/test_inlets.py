"""Hostile senders at the inlets: split, garbage, floods, slow, oversized; on real sockets."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from drivers.contract import LineDown, PortHeld, PortUnfit
from drivers.inlets.contract import Inlet, MessageOutcome, MessageReceipt
from drivers.inlets.http import HttpBounds, HttpInlet
from drivers.inlets.options import HttpInletOptions, TcpInletOptions
from drivers.inlets.rates import SOURCES_MAX, SourceRates
from drivers.inlets.tcp import TcpBounds, TcpInlet
from drivers.message import DeviceMessage, HttpPath
from tests.conformance.shapes import conformance_of, driver_of
from tests.ports import free_port

SECRET = "s3cret-of-16-letters"
FAST_HTTP = HttpBounds(header_within_s=0.4, body_within_s=0.6, body_bytes_max=200_000)
FAST_TCP = TcpBounds(frame_within_s=0.4, garbage_max=4096, per_s=1000, burst=1000)


class Taken:
    """What an inlet has handed over; it is answered as the test says."""

    def __init__(self) -> None:
        self.messages: list[DeviceMessage] = []
        self.verdict = MessageOutcome.STORED
        self.came = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def take(self, message: DeviceMessage) -> MessageReceipt:
        self.messages.append(message)
        self.came.set()
        await self.goes_on.wait()
        reply = driver_of("toy_panel").reply(message, stored=self.verdict is MessageOutcome.STORED)
        return MessageReceipt(self.verdict, reply)


@contextlib.asynccontextmanager
async def serving(inlet: Inlet, taken: Taken) -> AsyncIterator[None]:
    opened = asyncio.Event()
    task = asyncio.create_task(inlet.serve(taken.take, opened.set))
    waiting = asyncio.create_task(opened.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=5)
        if task.done():
            task.result()
        yield
    finally:
        waiting.cancel()
        task.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)


@pytest.fixture
def keys(tmp_path):
    (tmp_path / "cameras").write_text(SECRET + "\n")
    (tmp_path / "cameras").chmod(0o600)
    return tmp_path


def http(keys, port: int, bounds: HttpBounds = FAST_HTTP) -> HttpInlet:
    options = HttpInletOptions(listen=f"127.0.0.1:{port}", credential="cameras")
    return HttpInlet(options, HttpPath(), keys, bounds)


def tcp(port: int, bounds: TcpBounds = FAST_TCP) -> TcpInlet:
    need = driver_of("toy_panel").inlet
    return TcpInlet(TcpInletOptions(listen=f"127.0.0.1:{port}"), need, bounds)


async def raw(port: int, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """Send the pieces one by one; everything that comes back until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            await asyncio.sleep(pause_s)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                return await reader.read()
        return b""
    finally:
        await let_go([(reader, writer)])


async def let_go(held: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
    for _, writer in held:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def post(body: bytes, path: str = f"/in/attic/{SECRET}", method: str = "POST") -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


async def test_a_post_is_handed_over_whole_however_it_is_split(keys) -> None:
    port, taken = free_port(), Taken()
    async with serving(http(keys, port), taken):
        whole = post(b'{"a": 1}')
        for size in (1, 7, len(whole)):
            pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
            assert status(await raw(port, *pieces)) == 200
        chunked = b"".join(
            [
                f"POST /in/attic/{SECRET} HTTP/1.1\r\nHost: x\r\n".encode(),
                b'Transfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n5\r\n": 1}\r\n0\r\n\r\n',
            ]
        )
        assert status(await raw(port, chunked)) == 200
    assert {message.body for message in taken.messages} == {b'{"a": 1}'}
    assert {(m.topic, m.source) for m in taken.messages} == {("attic", "127.0.0.1")}


async def test_nothing_but_a_post_with_the_secret_comes_in(keys) -> None:
    port, taken = free_port(), Taken()
    bounds = HttpBounds(per_s=1000, burst=1000)
    async with serving(http(keys, port, bounds), taken):
        for wrong, expected in (
            (post(b"", method="GET"), 405),
            (post(b"x", method="PUT"), 405),
            (post(b"x", "/in/attic/" + SECRET[:-1]), 404),
            (post(b"x", "/in/attic/"), 404),
            (post(b"x", f"/in//{SECRET}"), 404),
            (post(b"x", f"/out/attic/{SECRET}"), 404),
            (post(b"x", f"/in/{'a' * 200}/{SECRET}"), 404),
            (post(b"x", "/"), 404),
        ):
            assert status(await raw(port, wrong)) == expected
        for garbage in (b"\x16\x03\x01\x02\x00", b"\x00" * 100, b"POST\r\n\r\n", b"A" * 20_000):
            assert status(await raw(port, garbage + b"\r\n\r\n")) in {0, 400}
    assert taken.messages == []


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (MessageOutcome.STORED, 200),
        (MessageOutcome.REFUSED, 503),
        (MessageOutcome.GARBLED, 400),
        (MessageOutcome.UNKNOWN, 404),
    ],
)
async def test_the_status_says_what_became_of_it_and_only_then(keys, verdict, expected) -> None:
    port, taken = free_port(), Taken()
    taken.verdict = verdict
    taken.goes_on.clear()
    async with serving(http(keys, port), taken):
        asked = asyncio.create_task(raw(port, post(b"{}")))
        async with asyncio.timeout(5):
            await taken.came.wait()
        assert not asked.done()
        taken.goes_on.set()
        assert status(await asked) == expected


async def test_slow_and_oversized_senders_are_closed_and_cost_nobody_else(keys) -> None:
    port, taken = free_port(), Taken()
    inlet = http(keys, port)
    async with serving(inlet, taken):
        slow_head = asyncio.create_task(raw(port, *([b"P"] * 40), pause_s=0.05))
        half = post(b"x" * 100)[:-50]
        slow_body = asyncio.create_task(raw(port, half))
        mute = asyncio.create_task(raw(port))
        large = post(b"x" * 100)[:-100].replace(b"Length: 100", b"Length: 190000")
        slow_pictures = [asyncio.create_task(raw(port, large + b"x" * 1000)) for _ in range(3)]
        await asyncio.sleep(0.1)
        began_s = asyncio.get_running_loop().time()
        assert status(await raw(port, post(b"{}"))) == 200, "an event waits behind no picture"
        assert asyncio.get_running_loop().time() - began_s < 0.4
        too_large = post(b"")[:-4].replace(b"Length: 0", b"Length: 200001") + b"\r\n\r\n"
        assert status(await raw(port, too_large)) == 413
        assert await slow_head == b""
        assert await mute == b""
        assert status(await slow_body) == 408
        assert {status(await each) for each in slow_pictures} == {408}
        endless = f"POST /in/a/{SECRET} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        piece = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        assert status(await raw(port, endless.encode(), *[piece] * 20)) in {413, 0}
    assert [message.body for message in taken.messages] == [b"{}"]
    assert len(inlet.held) == 0


async def test_a_flood_is_refused_and_connections_are_bounded(keys) -> None:
    port, taken = free_port(), Taken()
    bounds = HttpBounds(per_s=0.1, burst=5, source_connections_max=4, header_within_s=2)
    async with serving(http(keys, port, bounds), taken):
        said = [status(await raw(port, post(b"{}"))) for _ in range(12)]
        assert said == [200] * 5 + [429] * 7
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(6)]
        await asyncio.sleep(0.1)
        ended = [reader.at_eof() or reader.exception() is not None for reader, _ in held]
        assert ended.count(True) == 2
        await let_go(held)


async def test_an_inlet_that_cannot_be_opened_says_why(keys) -> None:
    port, taken = free_port(), Taken()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortHeld):
        async with serving(http(keys, port), taken):
            pass
    elsewhere = HttpInletOptions(listen=f"192.0.2.1:{port}", credential="cameras")
    with pytest.raises(PortUnfit) as wrong:
        async with serving(HttpInlet(elsewhere, HttpPath(), keys), taken):
            pass
    assert wrong.value.code == "inlet.no-address"
    for spoil, code in (
        (lambda file: file.chmod(0o644), "inlet.secret-open"),
        (lambda file: file.write_text("short"), "inlet.secret-weak"),
        (lambda file: file.unlink(), "inlet.secret-missing"),
    ):
        (keys / "cameras").write_text(SECRET)
        (keys / "cameras").chmod(0o600)
        spoil(keys / "cameras")
        with pytest.raises(LineDown) as refused:
            async with serving(http(keys, port), taken):
                pass
        assert refused.value.code == code
        assert SECRET not in str(refused.value)


def bodies() -> list[bytes]:
    return [each.message.body for each in conformance_of("toy_panel").conformance_messages()]


async def test_frames_come_out_whole_in_any_split_with_garbage_between(keys) -> None:
    port, taken = free_port(), Taken()
    first, second = bodies()
    stream = b"noise" + first + b"\x00@" + second + first
    async with serving(tcp(port), taken):
        for size in (1, 3, len(stream)):
            taken.messages.clear()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for at in range(0, len(stream), size):
                writer.write(stream[at : at + size])
                await writer.drain()
                await asyncio.sleep(0)
            writer.write_eof()
            async with asyncio.timeout(5):
                replies = await reader.read()
            await let_go([(reader, writer)])
            assert taken.messages[0].body == first
            assert {message.body for message in taken.messages} == {first, second}
            assert replies.startswith(b"+" + first[-1:])


async def test_no_frame_is_confirmed_unless_it_is_stored() -> None:
    port, taken = free_port(), Taken()
    taken.verdict = MessageOutcome.REFUSED
    async with serving(tcp(port), taken):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(bodies()[0])
        writer.write_eof()
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        await let_go([(reader, writer)])
    assert len(taken.messages) == 1


async def test_slow_garbage_and_crowds_are_closed_on_tcp() -> None:
    port, taken = free_port(), Taken()
    inlet = tcp(port)
    async with serving(inlet, taken):
        begun = asyncio.create_task(raw(port, b"@\x20half", pause_s=0.1))
        garbage = asyncio.create_task(raw(port, *[b"\x01" * 1000] * 8))
        assert [await each for each in (begun, garbage)] == [b"", b""]
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        assert [await raw(port) for _ in range(3)] == [b""] * 3
        await let_go(held)
    assert taken.messages == []
    assert len(inlet) == 0


def test_a_bucket_fills_with_time_and_remembers_a_bounded_number_of_senders() -> None:
    rates = SourceRates(per_s=2, burst=4)
    assert [rates.charge("a", 1, 0) for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert rates.charge("b", 1, 0) == 0
    assert rates.charge("a", 1, 0.5) == 0
    for number in range(SOURCES_MAX + 10):
        rates.charge(str(number), 1, 1)
    assert len(rates) == SOURCES_MAX
