"""Slow roads and slow platforms, in virtual time: alarms arrive, and the backlog falls."""

import asyncio
import os
import random
from itertools import pairwise
from statistics import quantiles

import pytest

from gateway.demo.platform.watermark import Watermark
from gateway.event import Lane
from gateway.upstream.feed.lane_sender import HOLD_S
from gateway.upstream.feed.throughput import SLOW_BELOW, TARGET_S
from tests.sim.loop import run, simulated
from tests.upstream.harness import until
from tests.upstream.links import (
    ALARM_BYTES,
    ANSWER_BYTES,
    HEADERS_BYTES,
    Link,
    LinkedPlatform,
    Wire,
)

SEED = int(os.environ.get("YIZHAN_SEED", "20261130"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))


@pytest.mark.parametrize("turns", [True, False])
@pytest.mark.parametrize("bps", [300, 1_000, 5_000])
@simulated
async def test_alarms_arrive_over_a_slow_wire_with_a_backlog(bps, turns):
    link = Link(LinkedPlatform(Wire(bps, turns=turns)), {Lane.ALARM: 100, Lane.TELEMETRY: 5_000})
    await link.run(600, {Lane.ALARM: 0.05, Lane.EMERGENCY: 0.02})
    own_s = (ALARM_BYTES + HEADERS_BYTES + ANSWER_BYTES) / bps
    assert link.missing(Lane.EMERGENCY) <= 1
    assert max(link.waits_s(Lane.EMERGENCY)) < own_s + 2 * (TARGET_S + HOLD_S)
    assert link.missing(Lane.ALARM) <= (60 if bps == 300 else 2)
    assert link.platform.late <= 3
    assert link.platform.bulk_beside_alarms == 0
    if bps > 300:
        assert link.platform.stored(Lane.TELEMETRY) > 100


@simulated
async def test_a_platform_that_takes_two_seconds_a_batch_is_caught_up_with():
    link = Link(LinkedPlatform(Wire(1e6), busy_s=2.0), {Lane.TELEMETRY: 2_000})
    await link.run(240, {Lane.TELEMETRY: 60, Lane.ALARM: 0.1})
    assert link.missing(Lane.TELEMETRY) < 60 * 10
    assert link.platform.most_under_way > 1
    assert max(link.waits_s(Lane.ALARM)) < 4.5  # one under way before it, and its own
    assert link.platform.twice == 0


@pytest.mark.parametrize(
    ("bps", "busy_s", "beside"), [(300, 0.0, 1), (1_000, 0.0, 1), (5_000, 0.0, 4), (1e6, 5.0, 1)]
)
@simulated
async def test_an_emergency_does_not_wait_for_alarms_that_are_under_way(bps, busy_s, beside):
    link = Link(LinkedPlatform(Wire(bps), busy_s=busy_s), {Lane.ALARM: 100_000})
    sending = asyncio.ensure_future(link.sender.run())
    await until(lambda: link.platform.batches > 6, 600)
    for number in range(5):
        await asyncio.sleep(7 + number)
        link.fact(Lane.EMERGENCY)
        await until(link.emergencies_there, 60)
    assert link.missing(Lane.ALARM) > 0
    sending.cancel()
    own_s = (ALARM_BYTES + HEADERS_BYTES) / bps + busy_s
    assert max(link.waits_s(Lane.EMERGENCY)) < (1 + beside) * own_s + 0.2  # they share the wire
    assert link.platform.twice == 0


@simulated
async def test_bulk_that_a_dying_wire_holds_up_makes_room_for_an_alarm():
    wire = Wire(50_000, turns=False)
    link = Link(LinkedPlatform(wire), {Lane.TELEMETRY: 50_000})
    running = asyncio.ensure_future(link.run(1e6, {}))
    await asyncio.sleep(10)
    wire.bps = 100  # a full batch takes half a minute now
    await asyncio.sleep(1)
    await until(wire.busy)
    link.fact(Lane.EMERGENCY)
    await until(lambda: ("emergency", 1) in link.platform.came_s)
    running.cancel()
    own_s = (ALARM_BYTES + HEADERS_BYTES) / 100
    assert link.waits_s(Lane.EMERGENCY)[0] < HOLD_S + 1.5 * own_s + 1


@simulated
async def test_the_newest_comes_first_after_weeks_away_and_the_rest_behind_it():
    platform = LinkedPlatform(Wire(20_000), holds=True)
    platform.away = True
    link = Link(platform, {Lane.SERVICE: 2_000, Lane.TELEMETRY: 500_000})
    sending = asyncio.ensure_future(link.run(1e6, {Lane.TELEMETRY: 2.0}))
    await asyncio.sleep(600)
    platform.away = False
    opened_s = asyncio.get_running_loop().time()
    await until(lambda: platform.batches > 0, 70)
    link.fact(Lane.SERVICE)
    link.fact(Lane.TELEMETRY)
    newest = {lane: len(link.journal.lanes[lane]) for lane in (Lane.SERVICE, Lane.TELEMETRY)}
    await asyncio.sleep(20)
    came = {lane: platform.came_s[lane.wire, seq] - opened_s for lane, seq in newest.items()}
    assert max(came.values()) < 75  # the wait of a courier that sat it out, and seconds
    before = platform.marks["telemetry"].upto
    await asyncio.sleep(60)
    assert platform.marks["telemetry"].upto > before + 5_000
    assert max(link.waits_s(Lane.TELEMETRY)[-150:]) < 10
    assert len(platform.early("telemetry")) == 1
    assert link.follower.position[Lane.TELEMETRY] <= platform.marks["telemetry"].upto
    assert platform.twice == 0
    sending.cancel()


@simulated
async def test_a_platform_that_does_not_say_what_it_holds_gets_the_oldest_first():
    link = Link(LinkedPlatform(Wire(20_000)), {Lane.TELEMETRY: 20_000})
    await link.run(20, {Lane.TELEMETRY: 2.0})
    assert link.platform.early("telemetry") == []
    assert link.platform.marks["telemetry"].upto > 1_000


@simulated
async def test_a_second_outage_leaves_a_second_hole_and_both_are_filled():
    platform = LinkedPlatform(Wire(50_000), holds=True)
    link = Link(platform, {Lane.TELEMETRY: 10_000})
    await link.run(8, {})
    platform.away = True
    link.fact(Lane.TELEMETRY, 2_000)
    await link.run(60, {})
    platform.away = False
    await link.run(3, {})
    assert len(platform.early("telemetry")) == 2
    assert platform.came_s["telemetry", 12_000]
    await link.finish(within_s=600)
    assert platform.twice == 0


@simulated
async def test_what_the_quota_took_is_a_gap_between_the_two_ends():
    platform = LinkedPlatform(Wire(50_000), holds=True)
    link = Link(platform, {Lane.TELEMETRY: 20_000})
    await link.run(4, {})
    first = platform.marks["telemetry"].upto + 1_000
    link.journal.evict(Lane.TELEMETRY, first, 19_990)  # in part what is there already
    await link.finish(within_s=600)
    assert platform.marks["telemetry"].upto == 20_000
    assert platform.gaps["telemetry"] <= 19_990 - first + 1


@simulated
async def test_a_platform_that_stops_saying_what_it_holds_gets_the_oldest_first_again():
    platform = LinkedPlatform(Wire(50_000), holds=True)
    link = Link(platform, {Lane.TELEMETRY: 8_000})
    await link.run(4, {})
    assert platform.early("telemetry")
    platform.holds = False
    link.fact(Lane.TELEMETRY, 700)
    await link.run(2, {})
    assert link.sender.vitals.state == "up"
    (_, live), *more = platform.early("telemetry")[::-1]
    assert live == 8_700  # what left before the answer was there, and no more
    assert len(more) <= 1
    upto = platform.marks["telemetry"].upto
    await link.run(2, {})
    assert platform.early("telemetry")[-1][1] == live
    assert platform.marks["telemetry"].upto > upto
    await link.finish(within_s=600)


def test_a_platform_that_lost_a_part_of_what_it_held_gets_it_again():
    async def story(rng: random.Random) -> None:
        platform = LinkedPlatform(Wire(50_000), holds=True)
        link = Link(platform, {Lane.TELEMETRY: 4_000, Lane.ALARM: 2_000})
        for _ in range(3):
            await link.run(rng.uniform(0.5, 6), {})
            for lane in (Lane.TELEMETRY, Lane.ALARM):
                mark = platform.marks[lane.wire] = Watermark(rng.randrange(1_500))
                if rng.random() < 0.5:
                    mark.add(1_600, 1_600 + rng.randrange(400))
            link.fact(Lane.TELEMETRY, rng.choice([0, 1, 900]))
        await link.finish(within_s=900)

    for number in range(2):
        run(story(random.Random(number)))


async def bad_day(rng: random.Random) -> tuple[int, int]:
    """A road, a platform and a process of which nothing lasts; how much there was, how much twice.

    Each turn one of them changes while the rest goes on: the wire's speed, an outage, a kill, a
    platform that is slow, that was put back to a backup, or that does not say what it holds.
    """
    wire = Wire(rng.choice([300, 2_000, 50_000]), rng.uniform(0, 1), turns=rng.random() < 0.5)
    platform = LinkedPlatform(wire, holds=rng.random() < 0.7)
    link = Link(platform, {Lane.TELEMETRY: rng.choice([0, 3_000]), Lane.ALARM: 50}, rng.random())
    rates = {Lane.TELEMETRY: 1.0, Lane.SERVICE: 0.1, Lane.ALARM: 0.02, Lane.EMERGENCY: 0.01}
    before = dict(link.follower.position)
    for _ in range(rng.randrange(4, 12)):
        match rng.randrange(6):
            case 0:
                wire.bps = rng.choice([100, 300, 2_000, 50_000])
            case 1:
                platform.away = not platform.away
            case 2:
                link.restart(before)
            case 3:
                platform.busy_s = rng.choice([0.0, 0.2, 2.0, 8.0])
            case 4:
                lane = rng.choice([*platform.marks])
                platform.marks[lane] = Watermark(rng.randrange(platform.marks[lane].upto + 1))
            case 5:
                platform.holds = not platform.holds
        link.fact(rng.choice([*Lane]), rng.choice([0, 1, 30, 800]))
        before = dict(link.follower.position)
        await link.run(rng.choice([0.5, 5, 60, 400]), rates)
    platform.away, platform.busy_s, wire.bps = False, min(platform.busy_s, 2.0), 20_000
    await link.finish(within_s=3_600)
    assert sum(platform.gaps.values()) == 0
    assert link.sender.vitals.state == "up"
    return sum(map(len, link.journal.lanes.values())), platform.twice


def test_no_bad_day_loses_a_number():
    for number in range(3):
        run(bad_day(random.Random(number)))


@pytest.mark.proof
@pytest.mark.timeout(7200)
def test_no_bad_day_loses_a_number_at_length():
    days = max(10, round(400 * SHARE))
    told = [run(bad_day(random.Random(SEED + number))) for number in range(days)]
    print(
        f"{days} bad days, seed {SEED}: {sum(count for count, _ in told)} numbers, every one"
        f" there; {sum(twice for _, twice in told)} sent twice"
    )


async def day(bps: float, busy_s: float, rng: random.Random, hours: float) -> dict[str, float]:
    """Hours of a road with everything on it, then the rest; what it came to."""
    wire = Wire(bps, rng.uniform(0.05, 0.6), turns=rng.random() < 0.5)
    platform = LinkedPlatform(wire, busy_s=busy_s)
    platform.holds = rng.random() < 0.5
    backlog = {Lane.TELEMETRY: 6_000, Lane.SERVICE: 400, Lane.ALARM: 200, Lane.EMERGENCY: 20}
    link = Link(platform, backlog, rng.randrange(1 << 30))
    fits = bps / 40  # events of which a full batch takes some 20 bytes each, and then some
    bulk = 60.0 if busy_s else max(0.2, fits * 0.3)
    rates = {Lane.TELEMETRY: bulk, Lane.SERVICE: bulk / 60, Lane.ALARM: 0.02, Lane.EMERGENCY: 0.004}
    left = [backlog[Lane.TELEMETRY] + backlog[Lane.SERVICE]]
    for _ in range(4):
        await link.run(hours * 900, rates)
        left.append(sum(link.missing(lane) for lane in (Lane.SERVICE, Lane.TELEMETRY)))
    # behind what was under way when it came: a batch of alarms, and one of bulk
    own_s = (ALARM_BYTES + HEADERS_BYTES + ANSWER_BYTES) / bps + busy_s + wire.rtt_s
    assert max(link.waits_s(Lane.EMERGENCY)) < 2 * own_s + 2 * (TARGET_S + HOLD_S)
    assert platform.bulk_beside_alarms <= (0 if bps < SLOW_BELOW else platform.batches) + 2
    await link.finish(within_s=40 * 3600)
    under_way = 100 + 10 * bulk  # what a road that has caught up is behind
    falls = all(after < max(before, under_way) for before, after in pairwise(left))
    assert falls, f"a quarter in which it does not: {left}"
    assert sum(platform.gaps.values()) == 0
    return {
        "alarm": quantiles(link.waits_s(Lane.ALARM), n=100, method="inclusive")[-1],
        "emergency": max(link.waits_s(Lane.EMERGENCY)),
        "late": platform.late,
        "twice": platform.twice / len(platform.came_s),
        "left": left[-1],
    }


@pytest.mark.proof
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    ("bps", "busy_s"), [(300, 0.0), (1_000, 0.0), (5_000, 0.0), (1e6, 2.0), (20_000, 2.0)]
)
def test_alarms_arrive_and_the_backlog_falls_on_every_road(bps, busy_s):
    days, hours = max(1, round(12 * SHARE)), 2.0
    told = [run(day(bps, busy_s, random.Random(SEED + day_), hours)) for day_ in range(days)]
    figures = {name: max(each[name] for each in told) for name in told[0]}
    print(
        f"{bps:.0f} B/s, {busy_s:g} s a batch: {days} × {hours:g} h, seed {SEED}:"
        f" every number there; emergencies at most {figures['emergency']:.1f} s on their way,"
        f" alarms p99 {figures['alarm']:.1f} s with 200 before them;"
        f" {figures['late']} without an answer in time, {figures['twice']:.1%} sent twice,"
        f" {figures['left']} of 6,400 left"
    )
