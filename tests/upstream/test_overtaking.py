"""An emergency waits for no alarms that hang, fail or are slow, in virtual time."""

import asyncio
from itertools import pairwise

import pytest

from gateway.event import Lane
from gateway.upstream.feed.throughput import ANSWER_S
from tests.sim.loop import simulated
from tests.upstream.harness import until
from tests.upstream.links import ALARM_BYTES, HEADERS_BYTES, Link, LinkedPlatform, Wire


@pytest.mark.parametrize("after_s", [(1,), (2,), (4,), (6,), (1, 2), (1, 2.5, 6, 12)])
@simulated
async def test_no_emergency_waits_for_alarms_that_hang(after_s):
    link = Link(LinkedPlatform(Wire(1e6)), {})
    sending = asyncio.ensure_future(link.sender.run())
    await asyncio.sleep(5)
    link.platform.alarms_take_s = 1_000
    link.fact(Lane.ALARM, 5)
    for before_s, at_s in pairwise((0, *after_s)):
        await asyncio.sleep(at_s - before_s)
        link.fact(Lane.EMERGENCY)
    await asyncio.sleep(0.5)
    assert len(link.waits_s(Lane.EMERGENCY)) == len(after_s)
    assert max(link.waits_s(Lane.EMERGENCY)) < 0.2
    assert link.follower.position[Lane.EMERGENCY] == len(after_s)  # its receipt waits for no other
    assert link.platform.late == 0
    await asyncio.sleep(20)
    assert link.platform.late == 1
    link.platform.alarms_take_s = 0.0
    await asyncio.sleep(30)
    assert link.all_there()
    assert link.platform.twice == 0
    sending.cancel()


@simulated
async def test_no_emergency_waits_for_a_platform_that_takes_its_time_over_alarms():
    link = Link(LinkedPlatform(Wire(1e6)), {Lane.ALARM: 100_000})
    sending = asyncio.ensure_future(link.sender.run())
    await asyncio.sleep(3)
    link.platform.alarms_take_s = 12.0
    for number in range(6):
        await asyncio.sleep(7.3 + number * 1.7)
        link.fact(Lane.EMERGENCY)
    await asyncio.sleep(0.5)
    assert link.emergencies_there()
    assert max(link.waits_s(Lane.EMERGENCY)) < 0.2
    assert link.platform.twice == 0
    sending.cancel()


@simulated
async def test_no_emergency_waits_for_alarms_on_a_wire_that_has_become_slow():
    link = Link(LinkedPlatform(Wire(1_000)), {Lane.ALARM: 100_000})
    sending = asyncio.ensure_future(link.sender.run())
    await until(lambda: link.platform.batches > 6, 600, every_s=0.1)
    link.platform.wire.bps = 200  # a batch takes 15 s now
    await asyncio.sleep(7)
    link.fact(Lane.EMERGENCY)
    await until(link.emergencies_there, every_s=0.1)
    own_s = (ALARM_BYTES + HEADERS_BYTES) / 200
    assert link.waits_s(Lane.EMERGENCY)[0] < 2 * own_s + 0.2  # they share the wire
    assert link.platform.twice == 0
    sending.cancel()


@simulated
async def test_no_emergency_waits_for_the_next_attempt_to_send_alarms():
    link = Link(LinkedPlatform(Wire(1e6)), {})
    sending = asyncio.ensure_future(link.sender.run())
    await asyncio.sleep(5)
    link.platform.alarms_take_s = 1_000
    link.fact(Lane.ALARM)
    for number in range(1, 6):  # the pauses grow to seconds
        await until(lambda: link.platform.late == number, 60, every_s=0.05)  # noqa: B023  # awaited here
        await asyncio.sleep(0.05)
        link.fact(Lane.EMERGENCY)
        await asyncio.sleep(0.2)
        assert link.follower.position[Lane.EMERGENCY] == number
    sending.cancel()


@simulated
async def test_an_emergency_that_ends_with_a_batch_of_alarms_leaves_again_at_once():
    link = Link(LinkedPlatform(Wire(1e6, rtt_s=0.4)), {})
    sending = asyncio.ensure_future(link.sender.run())
    await asyncio.sleep(5)
    link.platform.alarms_take_s = 1_000
    link.fact(Lane.ALARM)
    await asyncio.sleep(ANSWER_S - 0.05)
    link.fact(Lane.EMERGENCY)
    await asyncio.sleep(1)
    assert link.platform.late == 1
    assert link.follower.position[Lane.EMERGENCY] == 1
    assert link.waits_s(Lane.EMERGENCY)[0] < 2 * 0.2 + 0.02  # once in vain, as far as it had come
    sending.cancel()
