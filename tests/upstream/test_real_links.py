"""The same over real sockets, to the reference platform."""

import asyncio
import contextlib
import random
import shutil

import pytest

from gateway.event import Lane
from gateway.upstream.feed.throughput import TARGET_S
from tests.upstream.harness import until
from tests.upstream.ledger import EPOCH, STATION
from tests.upstream.real_uplink import Road, key, platform_at
from tests.upstream.throttle import Throttle


async def noisy(road: Road, lane: Lane, count: int) -> None:
    """Facts that gzip can do little about."""
    rng = random.Random(count)
    for _ in range(count):
        await road.fact(lane, why=rng.randbytes(150).hex())


@pytest.mark.slow
async def test_an_alarm_passes_the_backlog_on_a_slow_wire(tmp_path):
    async with platform_at(tmp_path) as platform, contextlib.AsyncExitStack() as stack:
        throttle = Throttle(platform.url, 6_000)
        road = Road(await stack.enter_async_context(throttle.open()))
        await noisy(road, Lane.TELEMETRY, 600)  # 120 kB packed: 20 s
        await stack.enter_async_context(road.running())
        await until(lambda: platform.store.mark(key(Lane.TELEMETRY)).upto > 30)
        for number in range(1, 4):
            await road.fact(Lane.EMERGENCY)
            await until(lambda n=number: road.follower.position[Lane.EMERGENCY] == n, 3 * TARGET_S)
        assert 30 < platform.store.mark(key(Lane.TELEMETRY)).upto < 600
        throttle.bps = 1e7
        await until(road.settled)
        assert platform.store.kept[key(Lane.TELEMETRY)] == 600


@pytest.mark.slow
async def test_a_batch_that_is_given_up_leaves_the_wire(tmp_path):
    async with platform_at(tmp_path) as platform, contextlib.AsyncExitStack() as stack:
        throttle = Throttle(platform.url, 1e7)
        road = Road(await stack.enter_async_context(throttle.open()))
        await stack.enter_async_context(road.running())
        await noisy(road, Lane.TELEMETRY, 300)
        await until(road.settled)
        throttle.bps = 1_500  # and the next batch of 20 kB takes 13 s, which nobody knows yet
        await noisy(road, Lane.TELEMETRY, 100)
        await asyncio.sleep(0.5)
        await road.fact(Lane.EMERGENCY)
        await until(lambda: road.follower.position[Lane.EMERGENCY] == 1, 4 * TARGET_S)
        assert platform.store.mark(key(Lane.TELEMETRY)).upto < 400
        throttle.bps = 1e7
        await until(road.settled)


async def test_the_reference_platform_put_back_to_a_backup_gets_everything_again(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("gateway.upstream.feed.lane_sender.IDLE_S", 0.2)
    backup = tmp_path / "backup"
    async with platform_at(tmp_path / "a") as platform:
        port = int(platform.url.rsplit(":", 1)[1])
        road = Road(platform.url)
        running = road.running()
        await running.__aenter__()
        await road.fact(Lane.ALARM, 5)
        await until(road.settled)
        platform.store._db.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
        await road.fact(Lane.ALARM, 200)
        await road.fact(Lane.EMERGENCY)
        await until(road.settled)
    backup.mkdir()
    shutil.copy(tmp_path / "copy.db", backup / "platform.db")
    async with platform_at(backup, port=port) as platform:
        await until(lambda: platform.store.mark(key(Lane.EMERGENCY)).upto == 1)
        await until(lambda: platform.store.mark(key(Lane.ALARM)).upto == 205)
        await until(lambda: road.sender.vitals.state == "up")
        await running.__aexit__(None, None, None)


async def test_the_reference_platform_takes_the_newest_first_where_it_says_what_it_holds(tmp_path):
    async with platform_at(tmp_path) as platform:
        platform.receiver.newest_first = True
        road = Road(platform.url)
        await road.fact(Lane.TELEMETRY, 3_000)
        async with road.running():
            await until(road.settled)
        came = platform.store._db.execute(
            "SELECT seq FROM event WHERE (station, epoch, lane) = (?, ?, 'telemetry')"
            " ORDER BY came_ms, seq",
            (STATION, EPOCH),
        ).fetchall()
        first = [seq for (seq,) in came[:200]]
        assert 3_000 in first
        assert 1 in first
        assert platform.store.kept[key(Lane.TELEMETRY)] == 3_000
        assert platform.store.duplicates.total() == 0
        assert platform.page.state()["lanes"][0]["held"] == []
