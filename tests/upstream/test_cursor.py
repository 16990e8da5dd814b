"""Several command servers, whose ids do not come in order: by a cursor none of theirs is lost."""

import asyncio
import contextlib
import json
import random
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.platform.command_issuer import CommandForm, rfc3339, uuid7
from gateway.errors import DeliveryRejected, JournalFull
from gateway.signing import Signer
from gateway.upstream.inbox.builtin_commands import ping_command
from gateway.upstream.inbox.command import CommandKind, ExecutionGuarantee
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.inbox import Inbox
from gateway.upstream.uplinks.contract import PollAnswer, PollPosition
from gateway.upstream.uplinks.http.client import HttpUplink
from gateway.upstream.uplinks.http.options import HttpOptions
from tests.sim.loop import run, simulated
from tests.upstream.harness import loop_clock, until
from tests.upstream.ledger import STATION, MemoryJournal
from tests.upstream.real_uplink import Road, platform_at

HAND = Signer(b"the platform's hand, in the test")
NOW_MS = 1_795_000_000_000


class Note(msgspec.Struct):
    pass


class Servers:
    """A platform of several servers over one queue; the cursor is how far of it was handed out.

    `speaks`: whether it names cursors at all. `lost`: it knows none that it gave before.
    """

    def __init__(self) -> None:
        self.clock, self.journal = loop_clock(), MemoryJournal()
        self.queue: list[tuple[str, bytes]] = []
        self.done: list[str] = []
        self.asked: list[PollPosition] = []
        self.speaks, self.lost = True, False
        self.ended: set[str] = set()
        self.at_once = 3

    def issue(self, skew_ms: int, kind: str = "bell") -> str:
        name = uuid7(NOW_MS + len(self.queue) + skew_ms)
        body = {
            "id": name,
            "kind": kind,
            "station": STATION,
            "issued": rfc3339(NOW_MS),
            "expires": rfc3339(NOW_MS + 86_400_000),
        }
        raw = json.dumps({**body, "signature": HAND.sign(body)}).encode()
        self.queue.append((name, raw))
        return name

    async def act(self, _note: Note, mandate) -> None:
        self.done.append(mandate.id)

    async def commands(self, since: PollPosition, wait_s: float) -> PollAnswer:
        self.asked.append(since)
        await asyncio.sleep(0.01)
        if since.cursor and self.lost:
            raise DeliveryRejected("upstream.refused", status=410)
        if since.cursor:
            begin = int(since.cursor)
            found = self.queue[begin : begin + self.at_once]
            cursor = begin + len(found)
        else:
            found = [one for one in self.queue if one[0] > since.after][: self.at_once]
            cursor = max([self.queue.index(one) + 1 for one in found], default=0)
        if not found:
            await asyncio.sleep(wait_s)
        raws = [raw for name, raw in found if name not in self.ended]
        return PollAnswer(raws, str(cursor) if self.speaks and not self.lost else "")

    @contextlib.asynccontextmanager
    async def listening(self):
        kinds = [
            CommandKind("bell", Note, self.act),
            CommandKind("siren", Note, self.act, ExecutionGuarantee.AT_LEAST_ONCE),
        ]
        inbox = Inbox(
            "d", self.journal, self.clock, station=STATION, kinds=kinds,
            keys=CommandKeys(Path("/nowhere"), HAND.public),
        )  # fmt: skip
        await inbox.load()
        task = asyncio.ensure_future(inbox.run(self, random.Random(1)))
        try:
            yield inbox
        finally:
            task.cancel()
            await asyncio.wait([task])


SKEWS = st.lists(
    st.tuples(
        st.sampled_from([0, 50, -50, -400, 3000, -600_000]),
        st.sampled_from(["bell", "siren"]),
        st.sampled_from([0.0, 0.0, 0.005, 2.0, 70.0]),
        st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=14,
)


async def told(steps) -> Servers:
    """Each server gives its ids; now and then the station is killed."""
    servers = Servers()
    servers.issue(0)
    async with contextlib.AsyncExitStack() as lives:
        await lives.enter_async_context(servers.listening())
        await asyncio.sleep(1)
        for skew_ms, kind, pause_s, killed in steps:
            servers.issue(skew_ms, kind)
            await asyncio.sleep(pause_s)
            if killed:
                await lives.aclose()
                await lives.enter_async_context(servers.listening())
        await asyncio.sleep(300)
    return servers


@given(SKEWS)
@settings(max_examples=15, deadline=None)
def test_no_command_is_lost_and_none_done_twice_whatever_the_servers_clocks_say(steps):
    servers = run(told(steps))
    assert sorted(servers.done) == sorted(name for name, _ in servers.queue)


@simulated
async def test_a_restart_goes_on_at_the_cursor_that_was_kept():
    servers = Servers()
    for _ in range(7):
        servers.issue(0)
    async with servers.listening():
        await until(lambda: len(servers.done) == 7)
        servers.issue(-5000)
        await until(lambda: len(servers.done) == 8, within_s=120)
        await asyncio.sleep(1)
    servers.asked.clear()
    async with servers.listening():
        await asyncio.sleep(200)
    assert {int(since.cursor) for since in servers.asked} <= {7, 8}
    assert len(servers.done) == 8


@simulated
async def test_a_platform_that_lost_its_cursors_is_asked_by_ids_and_may_name_new_ones():
    servers = Servers()
    first = servers.issue(0)
    async with servers.listening():
        await until(lambda: servers.done == [first])
        await until(lambda: servers.asked[-1].cursor == "1")
        servers.lost = True
        servers.ended.add(first)
        second = servers.issue(-60_000)
        await until(lambda: servers.done == [first, second], within_s=120)
        assert servers.asked[-1].cursor == ""
        servers.lost = False
        third = servers.issue(5)
        await until(lambda: servers.done == [first, second, third], within_s=120)
        await until(lambda: servers.asked[-1].cursor != "")


@simulated
async def test_what_could_not_be_recorded_is_asked_for_again_before_the_cursor_moves():
    servers, full = Servers(), True
    append = servers.journal.append

    async def refusing(events, state=()):
        if full:
            raise JournalFull("journal.full")
        return await append(events, state)

    servers.journal.append = refusing
    bell, siren = servers.issue(0), servers.issue(-9, "siren")
    async with servers.listening():
        await asyncio.sleep(30)
        assert servers.done == [siren]
        assert {since.cursor for since in servers.asked} == {""}
        full = False
        await until(lambda: servers.done == [siren, bell])
        await until(lambda: servers.asked[-1].cursor == "2")


@pytest.mark.parametrize(
    ("header", "cursor"),
    [("s2.118951", "s2.118951"), ("x" * 256, "x" * 256), ("x" * 257, ""), ("a b", ""), ("é", "")],
)
async def test_the_header_comes_back_as_it_was_and_only_if_it_can_be_one(header, cursor):
    asked = []

    async def commands(request: web.Request) -> web.Response:
        asked.append(dict(request.query))
        return web.json_response([], headers={"Yizhan-Cursor": header})

    app = web.Application()
    app.add_routes([web.get("/v1/commands", commands)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    uplink = HttpUplink(
        HttpOptions(url=f"http://127.0.0.1:{runner.addresses[0][1]}"),
        station=STATION,
        now_ns=int,
    )
    handed = await uplink.commands(PollPosition("id", ""), 0)
    assert handed == PollAnswer([], cursor)
    await uplink.commands(PollPosition("id", "c&d=1"), 0)
    await uplink.close()
    await runner.cleanup()
    assert asked == [
        {"station": STATION, "after": "id", "wait": "0"},
        {"station": STATION, "cursor": "c&d=1", "wait": "0"},
    ]


async def test_the_reference_platform_speaks_both(tmp_path):
    async with platform_at(tmp_path) as platform, Road(platform.url).running() as road:
        first = platform.orders.issue(CommandForm(STATION, "ping"))
        by_ids = await road.uplink.commands(PollPosition(), 0)
        assert [json.loads(raw)["id"] for raw in by_ids.commands] == [first]
        assert by_ids.cursor
        late = uuid7(NOW_MS - 10**9)  # another server's, and far behind
        row = (late, STATION, "ping", 2**62, json.dumps({"id": late}).encode())
        platform.store.order([row], "unsigned", 0)
        assert (await road.uplink.commands(PollPosition(first), 0)).commands == []
        by_cursor = await road.uplink.commands(PollPosition(first, by_ids.cursor), 0)
        assert [json.loads(raw)["id"] for raw in by_cursor.commands] == [late]
        again = await road.uplink.commands(PollPosition("", by_cursor.cursor), 0)
        assert again == PollAnswer([], by_cursor.cursor)
        for strange in ("999999", "x"):
            with pytest.raises(DeliveryRejected) as refused:
                await road.uplink.commands(PollPosition("", strange), 0)
            assert refused.value.data["status"] == 410


async def test_a_long_queue_is_handed_out_whole_before_a_cursor_is_named(tmp_path):
    async with platform_at(tmp_path) as platform, Road(platform.url).running() as road:
        platform.orders.issue(CommandForm(STATION, "ping", count=70))
        kinds = [ping_command(road.clock)]
        inbox = Inbox(
            "d", road.journal, road.clock, station=STATION, kinds=kinds,
            keys=CommandKeys(Path("/nowhere"), None),
        )  # fmt: skip
        await inbox.load()
        task = asyncio.ensure_future(inbox.run(road.uplink, random.Random(1)))
        await until(lambda: platform.store.tally().get("done", 0) >= 64)
        await until(lambda: inbox._memory.since.cursor != "")
        task.cancel()
        await asyncio.wait([task])
