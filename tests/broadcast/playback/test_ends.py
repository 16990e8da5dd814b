"""An order ends as what was heard of it, whatever keeps the rest of it from being heard."""

import asyncio

import pytest

from broadcast.order import OrderClass
from broadcast.policy.quiet_hours import S
from gateway.event import Trust
from tests.broadcast.playback.test_airings import voices
from tests.broadcast.playback.test_joins import FIRE
from tests.broadcast.playback.test_service import NOON_NS, asked, world
from tests.broadcast.policy.zones import HOUSE
from tests.sim.loop import simulated

EVENING_NS = NOON_NS + round(9.5 * 3600 - 120) * S  # 21:28; quiet hours begin at 21:30


def end(around, order_id="n"):
    kept = around.room.require(order_id)
    return kept.state.value, kept.why


async def half_heard(around, fire_s=100, **changed):
    """A notice that the horn of b3 has had whole, while fire keeps that of b5."""
    around.studio.seconds.update(fire=fire_s, n=20)
    await around.room.place(asked(around, "fire", zones=("b5",), lives_s=900, **FIRE))
    await asyncio.sleep(1)
    await around.room.place(asked(around, "n", **{"lives_s": 300, **changed}))
    await asyncio.sleep(30)
    assert voices(around, "horn-b3") == ["n"]
    assert around.room.require("n").open


@simulated
async def test_heard_at_one_horn_and_refused_at_the_other_by_quiet_hours():
    async with world(EVENING_NS) as around:
        await half_heard(around, lives_s=200)
        await asyncio.sleep(300)
        assert end(around) == ("finished", "broadcast.partly")


@simulated
async def test_heard_at_one_horn_and_hushed_at_the_other():
    async with world(EVENING_NS) as around:
        await half_heard(around, fire_s=40, lives_s=100)
        await asyncio.sleep(15)
        assert around.engine.sounds_at("horn-b5") == {"n~1"}
        around.clock.learn(Trust.NTP, around.true_ns() + 300 * S, S)  # it is later than that
        await asyncio.sleep(30)
        assert end(around) == ("finished", "broadcast.partly")


@simulated
async def test_heard_at_one_horn_and_its_words_are_gone_after_a_restart():
    async with world() as around:
        await half_heard(around)
        await around.kill()
        around.studio.fails.add("n")
        await around.start()
        await asyncio.sleep(100)
        assert end(around) == ("finished", "broadcast.partly")


@simulated
async def test_heard_at_one_horn_and_its_zone_left_the_settings():
    async with world() as around:
        await half_heard(around)
        await around.kill()
        zones = {name: zone for name, zone in HOUSE.zones.items() if name != "all"}
        around.house = HOUSE._replace(zones=zones)
        await around.start()
        await asyncio.sleep(1)
        assert end(around) == ("finished", "broadcast.partly")


@simulated
async def test_what_was_heard_in_part_is_not_told_as_refused():
    async with world(EVENING_NS) as around:
        around.studio.seconds.update(fire=60, n=20)
        await around.room.place(asked(around, "n", lives_s=100))
        await asyncio.sleep(10)
        await around.room.place(asked(around, "fire", lives_s=900, **FIRE))
        await asyncio.sleep(3)
        around.clock.learn(Trust.NTP, around.true_ns() + 300 * S, S)
        await asyncio.sleep(70)
        assert end(around)[0] == "dropped"


@simulated
@pytest.mark.parametrize("heard_before", [False, True])
async def test_music_that_reached_nobody_goes_on_where_somebody_heard_it(heard_before):
    async with world() as around:
        around.studio.seconds.update(m=30)
        horns = ("horn-b3", "horn-b5")
        if not heard_before:
            for horn in horns:
                around.engine.breaks(horn)
        await around.room.place(asked(around, "m", class_=OrderClass.BACKGROUND, lives_s=600))
        if heard_before:
            await asyncio.sleep(10)
            await around.room.place(asked(around, "n", class_=OrderClass.URGENT))
            await asyncio.sleep(5)
            assert 0 < around.room.require("m").frame < 750
        else:
            await asyncio.sleep(31)  # at its end it has reached nobody
            assert around.room.require("m").frame == 0
            for horn in horns:
                around.engine.mends(horn)
        await asyncio.sleep(100)
        spans = [
            v.ended_s - v.began_s
            for v in around.engine.voices
            if v.speaker == "horn-b3" and v.programme.id.startswith("m")
        ]
        assert sum(spans) >= 29
