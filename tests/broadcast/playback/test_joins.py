"""Which presses are one: those of what sounds, or is about to, wherever it still can."""

import asyncio

import pytest

from broadcast.order import Authority, OrderClass
from gateway.audit.events import Actor
from tests.broadcast.playback.test_airings import voices
from tests.broadcast.playback.test_service import asked, states, world
from tests.sim.loop import simulated

E = OrderClass.EMERGENCY
FIRE = {
    "class_": OrderClass.FIRE,
    "authority": Authority.FIRE_INPUT,
    "actor": Actor("system", "key.fire"),
}


def press(around, n, **changed):
    changed = {"class_": E, "lives_s": 600, "joins": "key.e", **changed}
    return around.room.place(asked(around, f"e-{n}", **changed))


@simulated
async def test_each_press_sounds_where_the_last_was_heard_while_fire_keeps_a_horn():
    async with world() as around:
        around.studio.seconds["fire"] = 660
        await around.room.place(asked(around, "fire", zones=("b5",), lives_s=1800, **FIRE))
        await asyncio.sleep(1)
        for n in range(4):
            assert (await press(around, n)).of == f"e-{n}"
            await asyncio.sleep(120)
        assert voices(around, "horn-b3") == ["e-0", "e-1", "e-2", "e-3"]


@simulated
async def test_a_press_sounds_where_the_last_was_heard_while_that_sounds_at_a_late_horn():
    async with world() as around:
        around.engine.breaks("horn-b5")
        await press(around, 0)
        await asyncio.sleep(15)
        around.engine.mends("horn-b5")
        await asyncio.sleep(4)
        assert around.engine.sounds_at("horn-b5") == {"e-0~1"}
        assert (await press(around, 1)).of == "e-1"
        await asyncio.sleep(40)
        assert voices(around, "horn-b3") == ["e-0", "e-1"]


@simulated
@pytest.mark.parametrize("cls", [OrderClass.NOTICE, OrderClass.URGENT])
async def test_a_bell_that_waits_for_one_horn_is_heard_at_the_others_at_each_press(cls):
    async with world() as around:
        around.studio.seconds["fire"] = 300
        await around.room.place(asked(around, "fire", zones=("b5",), lives_s=600, **FIRE))
        await asyncio.sleep(1)
        for n in range(3):
            assert (await press(around, n, class_=cls)).of == f"e-{n}"
            assert (await press(around, f"twice-{n}", class_=cls)).of == f"e-{n}"
            await asyncio.sleep(60)
        assert voices(around, "horn-b3") == ["e-0", "e-1", "e-2"]


@simulated
async def test_a_press_is_no_part_of_what_has_expired_while_the_audio_process_was_away():
    async with world() as around:
        around.studio.seconds.update({"e-0": 60})
        await press(around, 0, lives_s=300)
        await asyncio.sleep(10)
        around.engine.away = True
        listeners, around.engine._listeners = around.engine._listeners, []
        around.engine.reboot()  # it died, and its word with it
        around.engine._listeners = listeners
        await asyncio.sleep(310)
        assert (await press(around, 1, lives_s=300)).of == "e-1"
        await asyncio.sleep(30)
        around.engine.away = False
        around.room.reconcile(await around.engine.fetch_state())
        await asyncio.sleep(30)
        assert voices(around, "horn-b3")[-1] == "e-1"
        assert states(around)["e-1"] == "finished"
        assert around.room.require("e-0").why == "broadcast.ran-out"


@simulated
async def test_a_press_that_is_refused_ends_nothing():
    async with world() as around:
        around.studio.seconds["fire"] = 100
        await around.room.place(asked(around, "fire", zones=("b5",), lives_s=600, **FIRE))
        await asyncio.sleep(1)
        await press(around, 0, class_=OrderClass.NOTICE)
        await asyncio.sleep(30)
        assert (await press(around, 1, class_=OrderClass.NOTICE, lives_s=0)).state == "expired"
        await asyncio.sleep(200)
        assert voices(around, "horn-b5") == ["fire", "e-0~1"]
        assert states(around)["e-0"] == "finished"


@simulated
async def test_a_press_of_what_reached_nobody_tries_it_at_once():
    async with world() as around:
        around.engine.broken.update(("horn-b3", "horn-b5"))  # engaged: no fault is told
        around.studio.seconds.update({"e-0": 1})
        await press(around, 0)
        await asyncio.sleep(160)  # each attempt waits longer than the last
        await asyncio.sleep(around.room._outcomes.retry_delays_s()[0] - 20)
        around.engine.broken.clear()
        assert (await press(around, 1)).of == "e-0"
        await asyncio.sleep(2)
        assert len(voices(around, "horn-b3")) == 1
