"""Commands over real HTTP: from the platform's button to the receipt on its page."""

import asyncio
import contextlib
import random
from pathlib import Path

from gateway.demo.platform.command_issuer import CommandForm
from gateway.demo.platform.fault_modes import FaultMode
from gateway.event import Lane
from gateway.upstream.inbox.builtin_commands import feed_replay_command, ping_command
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.inbox import Inbox
from tests.upstream.harness import until
from tests.upstream.ledger import STATION
from tests.upstream.real_uplink import Road, key, platform_at


@contextlib.asynccontextmanager
async def listening(road: Road):
    kinds = [ping_command(road.clock), feed_replay_command(road.sender, road.journal, road.clock)]
    keys = CommandKeys(Path("/nowhere"), None)
    inbox = Inbox("district", road.journal, road.clock, station=STATION, kinds=kinds, keys=keys)
    await inbox.load()
    task = asyncio.ensure_future(inbox.run(road.uplink, random.Random(1)))
    try:
        yield inbox
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_from_the_button_to_the_receipt(tmp_path):
    async with (
        platform_at(tmp_path) as platform,
        Road(platform.url).running() as road,
        listening(road),
    ):
        await road.fact(Lane.TELEMETRY, 150)
        await until(road.settled)
        data = {"lane": "telemetry", "from": 21, "to": 140}
        platform.orders.issue(CommandForm(STATION, "ping"))
        platform.orders.issue(CommandForm(STATION, "feed.replay", data))
        platform.orders.issue(CommandForm(STATION, "broadcast.order"))
        platform.orders.issue(CommandForm("elsewhere", "ping"))

        def ended() -> bool:
            states = [order.state for order in platform.store.orders() if order.station == STATION]
            return states == ["refused", "done", "done"]

        await until(ended)
        refused, replay, _ping = (
            order for order in platform.store.orders() if order.station == STATION
        )
        assert refused.reason == "inbox.unsigned"
        assert replay.detail == '{"events": 120, "gaps": 0, "to": 140}'
        assert platform.store.duplicates[key(Lane.TELEMETRY)] == 120


async def test_a_command_given_while_the_receipts_are_lost_is_carried_out_once(tmp_path):
    async with platform_at(tmp_path) as platform, Road(platform.url).running() as road:
        async with listening(road):
            platform.temper.change(FaultMode.FORGETFUL)
            platform.orders.issue(CommandForm(STATION, "ping"))
            await asyncio.sleep(0.5)
            platform.temper.change(FaultMode.NORMAL)
            await until(lambda: platform.store.orders()[0].state == "done")
        async with listening(road):  # as after a restart: the state says what was seen
            platform.orders.issue(CommandForm(STATION, "ping"))
            await until(lambda: platform.store.orders()[0].state == "done")
    receipts = [e for e in road.journal.lanes[Lane.SERVICE] if b"command.receipt" in e.body]
    assert len(receipts) == 4
