import asyncio
import datetime
import ssl

import pytest
from aiohttp import web

from gateway.demo.platform.fault_modes import FaultMode
from gateway.errors import BadReceipt, DeliveryRejected, PlatformUnreachable, SettingsError
from gateway.event import Lane
from gateway.upstream.feed.throughput import ANSWER_S
from gateway.upstream.uplinks.contract import (
    EventBatch,
    PollPosition,
    QueryRefused,
    QueryReply,
    QueryUnanswered,
)
from gateway.upstream.uplinks.credential import Credential
from gateway.upstream.uplinks.http.client import ANSWER_BYTES_MAX, ASKS_MAX, HttpUplink
from gateway.upstream.uplinks.http.options import HttpOptions
from gateway.upstream.uplinks.platform_tls import PlatformTls
from tests.sim.clock import SimulatedClock
from tests.upstream.harness import loop_clock, until
from tests.upstream.ledger import EPOCH, STATION
from tests.upstream.real_uplink import Road, key, platform_at

BATCH = EventBatch(STATION, EPOCH)


async def test_events_reach_the_platform_and_are_receipted(tmp_path):
    async with platform_at(tmp_path) as platform, Road(platform.url).running() as road:
        await road.fact(Lane.TELEMETRY, 250)
        await road.fact(Lane.EMERGENCY)
        await until(road.settled)
        assert platform.store.mark(key(Lane.TELEMETRY)).upto == 250
        assert platform.store.kept[key(Lane.TELEMETRY)] == 250
        assert platform.store.duplicates.total() == 0
        assert road.sender.vitals.state == "up"
        at, took_ns = road.learnt[0]
        assert datetime.datetime.fromisoformat(at).tzinfo is not None
        assert 0 < took_ns < 60e9


async def test_readings_that_arrive_one_by_one_do_not_wait(tmp_path):
    async with platform_at(tmp_path) as platform, Road(platform.url).running() as road:
        await until(lambda: road.sender.vitals.state == "up")
        for count in range(1, 21):
            await road.fact()
            await until(road.settled)
            assert platform.store.mark(key(Lane.TELEMETRY)).upto == count
        assert road.sender.latency_ms is not None


@pytest.mark.parametrize(
    ("mood", "state", "code"),
    [
        (FaultMode.AWAY, "down", "upstream.broken"),
        (FaultMode.REFUSES, "refused", "upstream.refused"),
        (FaultMode.BUSY, "down", "upstream.busy"),
        (FaultMode.GARBAGE, "refused", "upstream.no-receipt"),
        (FaultMode.SILENT, "refused", "upstream.no-receipt"),
        (FaultMode.FORGETFUL, "down", "upstream.broken"),
    ],
)
async def test_a_misbehaving_platform_is_named_and_loses_nothing(tmp_path, mood, state, code):
    async with platform_at(tmp_path) as platform, Road(platform.url).running() as road:
        await until(lambda: road.sender.vitals.state == "up")
        platform.temper.change(mood)
        await road.fact(Lane.ALARM, 3)
        await until(lambda: road.sender.vitals.state == state)
        assert road.sender.vitals.code == code
        assert road.follower.position[Lane.ALARM] == 0
        platform.temper.change(FaultMode.NORMAL)
        await until(road.settled)
        assert road.sender.vitals.state == "up"
        assert platform.store.kept[key(Lane.ALARM)] == 3


async def test_a_frozen_bulk_request_does_not_hold_up_an_alarm(tmp_path):
    async with platform_at(tmp_path) as platform, Road(platform.url).running() as road:
        await until(lambda: road.sender.vitals.state == "up")
        platform.temper.change(FaultMode.FROZEN)
        await road.fact(Lane.TELEMETRY, 100)
        await until(lambda: platform.temper._changed._waiters)  # the batch is there, and stays
        platform.temper.mood = FaultMode.NORMAL  # without letting go of what hangs
        await road.fact(Lane.EMERGENCY)
        await until(lambda: road.follower.position[Lane.EMERGENCY] == 1, ANSWER_S / 2)
        assert road.follower.position[Lane.TELEMETRY] == 0


async def test_no_answer_in_time_is_unreachable(tmp_path):
    async with platform_at(tmp_path) as platform:
        platform.temper.change(FaultMode.FROZEN)
        uplink = HttpUplink(HttpOptions(url=platform.url), station=STATION, now_ns=int)
        with pytest.raises(PlatformUnreachable, match="timeout"):
            await uplink.deliver(BATCH, 0.2)
        await uplink.close()


async def test_nobody_listening_is_unreachable(unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}"
    uplink = HttpUplink(HttpOptions(url=url), station=STATION, now_ns=int)
    with pytest.raises(PlatformUnreachable, match=r"upstream\.unreachable"):
        await uplink.deliver(BATCH, ANSWER_S)
    await uplink.close()


async def test_the_platform_may_stay_away_and_come_back_elsewhere_in_time(tmp_path):
    async with platform_at(tmp_path / "a") as platform:
        port = int(platform.url.rsplit(":", 1)[1])
        road = Road(platform.url)
        async with road.running():
            await road.fact(count=10)
            await until(road.settled)
            await platform.stop()
            await road.fact(count=10)
            await until(lambda: road.sender.vitals.state == "down")
            async with platform_at(tmp_path / "a", port=port) as again:
                await until(road.settled)
                assert again.store.kept[key(Lane.TELEMETRY)] == 20
            platform.store = again.store


class Scripted:
    """A server that answers everything in one way and keeps what it was asked."""

    def __init__(self, answer: web.Response | None = None, **headers: str) -> None:
        self.answer = answer or web.Response(status=204, headers=headers)
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.requests.append(request)
        self.bodies.append(await request.read())
        return web.Response(
            status=self.answer.status, body=self.answer.body, headers=self.answer.headers
        )


class Served:
    def __init__(self, scripted: Scripted, *, tls: ssl.SSLContext | None = None) -> None:
        self.scripted = scripted
        self._tls = tls
        self._runner = web.ServerRunner(web.Server(scripted), shutdown_timeout=0.5)

    async def __aenter__(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        port = self._runner.addresses[0][1]
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{port}/base/"

    async def __aexit__(self, *_args: object) -> None:
        await self._runner.cleanup()


async def deliver(url: str, batch: EventBatch = BATCH, **options: object):
    asked = HttpOptions(url=url, **options)
    tls = PlatformTls(SimulatedClock(), ca_file=asked.ca_file, own=None)
    uplink = HttpUplink(asked, station=STATION, now_ns=int, tls=tls)
    try:
        return (await uplink.deliver(batch, ANSWER_S)).receipt
    finally:
        await uplink.close()


@pytest.mark.parametrize(
    ("status", "headers", "error", "code", "data"),
    [
        (204, {}, BadReceipt, "upstream.no-receipt", {}),
        (302, {"location": "http://198.51.100.1/"}, DeliveryRejected, "upstream.refused", {}),
        (400, {}, DeliveryRejected, "upstream.refused", {"status": 400}),
        (401, {}, DeliveryRejected, "upstream.unauthorised", {"status": 401}),
        (413, {}, DeliveryRejected, "upstream.too-large", {"status": 413}),
        (429, {"retry-after": "7"}, PlatformUnreachable, "upstream.busy", {"retry_after_s": 7.0}),
        (
            503,
            {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"},
            PlatformUnreachable,
            "upstream.busy",
            {},
        ),
        (500, {}, DeliveryRejected, "upstream.refused", {"status": 500}),
    ],
)
async def test_every_status_has_its_error(status, headers, error, code, data):
    async with Served(Scripted(web.Response(status=status, headers=headers))) as url:
        with pytest.raises(error) as raised:
            await deliver(url)
    assert raised.value.code == code
    assert data.items() <= raised.value.data.items()
    assert ("retry_after_s" in raised.value.data) == ("retry_after_s" in data)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b'{"epoch": 7, "upto": {}}',
        b'{"epoch": "x", "upto": {"alarm": "7"}}',
        b'{"epoch": "x", "upto": {"alarm": 7.5}}',
        b'{"epoch": "x", "upto": {"alarm": true}}',
        b'{"epoch": "x", "upto": {}, "missing": [["alarm", 1]]}',
        b"\xff\xfe{",
        b"[" * 100_000,
        b" " * (ANSWER_BYTES_MAX + 1),
    ],
)
async def test_a_200_that_is_no_receipt(body):
    async with Served(Scripted(web.Response(body=body))) as url:
        with pytest.raises(BadReceipt) as raised:
            await deliver(url)
    assert raised.value.code == "upstream.no-receipt"


async def test_a_receipt_may_hold_more_than_we_know():
    body = b'{"epoch": "x", "upto": {"alarm": 7}, "later": {"a": 1}}'
    async with Served(Scripted(web.Response(body=body))) as url:
        receipt = await deliver(url)
    assert receipt.upto == {"alarm": 7}


async def test_a_server_that_speaks_no_http():
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises((BadReceipt, PlatformUnreachable)):
            await deliver(f"http://127.0.0.1:{port}")


async def test_what_a_batch_looks_like_on_the_wire():
    server = Scripted(web.Response(body=b'{"epoch": "x", "upto": {}}'))
    async with Served(server) as url:
        road = Road(url)
        await road.fact(count=50)
        entries = tuple(await road.journal.read(Lane.TELEMETRY, 0, 50))
        await road.uplink.deliver(EventBatch(STATION, EPOCH, entries), ANSWER_S)
        await road.uplink.deliver(EventBatch(STATION, EPOCH, entries[:1]), ANSWER_S)
        await road.uplink.close()
    large, small = server.requests
    assert large.path == "/base/v1/events"
    assert large.headers["Content-Type"] == "application/cloudevents-batch+json"
    assert large.headers["Yizhan-Station"] == STATION
    assert large.headers["Yizhan-Epoch"] == EPOCH
    assert large.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in small.headers
    assert server.bodies[0] == EventBatch(STATION, EPOCH, entries).body()
    assert "Authorization" not in large.headers


async def test_a_credential_is_sent_kept_out_of_sight_and_read_again_after_401(tmp_path):
    tokens = iter(["old", "good"])
    async with platform_at(tmp_path, token="good") as platform:
        road = Road(platform.url, token=lambda: Credential(next(tokens)))
        with pytest.raises(DeliveryRejected) as raised:
            await road.uplink.deliver(BATCH, ANSWER_S)
        assert raised.value.data["status"] == 401
        assert "old" not in repr(raised.value)
        assert (await road.uplink.deliver(BATCH, ANSWER_S)).receipt.epoch == EPOCH
        await road.uplink.close()
    assert "secret" not in repr(Credential("secret"))


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(certificate):
    server_side, ca_file = certificate
    async with Served(Scripted(), tls=server_side) as url:
        with pytest.raises(PlatformUnreachable) as raised:
            await deliver(url)
        assert raised.value.code == "upstream.tls"
        with pytest.raises(BadReceipt):  # trusted; the 204 is another matter
            await deliver(url, ca_file=str(ca_file))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://iot.example.cn/yizhan", "upstream.plain-http"),
        ("http://127.0.0.1.example.cn/", "upstream.plain-http"),
        ("ftp://iot.example.cn/", "upstream.bad-url"),
        ("https://me:secret@iot.example.cn/", "upstream.bad-url"),
        ("https:///yizhan", "upstream.bad-url"),
        ("https://iot.example.cn/?a=1", "upstream.bad-url"),
    ],
)
def test_addresses_that_are_refused(url, code):
    with pytest.raises(SettingsError) as raised:
        HttpOptions(url=url)
    assert (raised.value.code, raised.value.data["key"]) == (code, "url")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["https://iot.example.cn/yizhan", "http://127.0.0.1:8090", "http://[::1]:8090"]
)
def test_addresses_that_are_taken(url):
    assert HttpOptions(url=url).url == url
    assert HttpOptions(url="http://10.0.0.9", plain=True).plain


async def test_ask_brings_the_reply_and_tells_the_time_to_live():
    server = Scripted(web.Response(body=b'{"car": 3}'))
    async with Served(server) as url:
        clock = loop_clock()
        uplink = HttpUplink(HttpOptions(url=url), station=STATION, now_ns=clock.now_ns)
        answer = await uplink.ask(b'{"kind":"ride"}', clock.now_ns() + 60_000_000_000)
        await uplink.close()
    assert answer == QueryReply(b'{"car": 3}')
    assert 30_000 < int(server.requests[0].headers["Yizhan-TTL-ms"]) <= 60_000
    assert server.requests[0].path == "/base/v1/ask"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (404, QueryRefused("upstream.refused")),
        (503, QueryRefused("upstream.busy")),
        (500, QueryUnanswered("upstream.refused")),
        (502, QueryUnanswered("upstream.busy")),
        (202, QueryUnanswered("upstream.refused")),
    ],
)
async def test_ask_tells_certainly_not_from_nobody_knows(status, answer):
    async with Served(Scripted(web.Response(status=status))) as url:
        clock = loop_clock()
        uplink = HttpUplink(HttpOptions(url=url), station=STATION, now_ns=clock.now_ns)
        assert await uplink.ask(b"{}", clock.now_ns() + 60_000_000_000) == answer
        await uplink.close()


async def test_ask_keeps_its_deadline(tmp_path, unused_tcp_port):
    clock = loop_clock()
    async with platform_at(tmp_path) as platform:
        platform.temper.change(FaultMode.FROZEN)
        uplink = HttpUplink(HttpOptions(url=platform.url), station=STATION, now_ns=clock.now_ns)
        began = clock.now_ns()
        assert await uplink.ask(b"{}", began + 200_000_000) == QueryUnanswered("upstream.timeout")
        assert clock.now_ns() - began < ANSWER_S * 1e9 / 2
        assert await uplink.ask(b"{}", clock.now_ns() - 1) == QueryRefused("upstream.ask-expired")
        await uplink.close()
    url = f"http://127.0.0.1:{unused_tcp_port}"
    uplink = HttpUplink(HttpOptions(url=url), station=STATION, now_ns=clock.now_ns)
    answer = await uplink.ask(b"{}", clock.now_ns() + 60_000_000_000)
    assert answer == QueryRefused("upstream.unreachable")
    await uplink.close()


async def test_too_many_questions_at_once_are_refused(tmp_path):
    async with platform_at(tmp_path) as platform:
        platform.temper.change(FaultMode.FROZEN)
        clock = loop_clock()
        uplink = HttpUplink(HttpOptions(url=platform.url), station=STATION, now_ns=clock.now_ns)
        deadline_ns = clock.now_ns() + 1_500_000_000
        answers = await asyncio.gather(
            *(uplink.ask(b"{}", deadline_ns) for _ in range(ASKS_MAX + 2))
        )
        await uplink.close()
    assert answers.count(QueryRefused("upstream.too-many-asks")) == 2
    assert answers.count(QueryUnanswered("upstream.timeout")) == ASKS_MAX


async def test_commands_that_cannot_be_read():
    async with Served(Scripted(web.Response(body=b'{"not": "a list"}'))) as url:
        uplink = HttpUplink(HttpOptions(url=url), station=STATION, now_ns=int)
        with pytest.raises(BadReceipt) as raised:
            await uplink.commands(PollPosition(), 0)
        await uplink.close()
    assert raised.value.code == "upstream.no-commands"
