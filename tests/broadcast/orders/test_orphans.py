"""What sounds without its record, which a kill took: it bars no loudspeaker, and can be stopped."""

import asyncio

from broadcast.order import Class
from tests.broadcast.orders.test_airings import voices
from tests.broadcast.orders.test_room import asked, world
from tests.broadcast.orders.test_siren import on_disk
from tests.sim.loop import simulated

E = Class.EMERGENCY


async def orphaned(around, **changed):
    """The emergency "e" sounds for another 35 s, and nobody knows of it any more."""
    around.studio.seconds["e"] = 40
    ordered = asked(around, "e", class_=E, lives_s=300, **changed)
    await around.room.order(ordered)
    await asyncio.sleep(5)
    await around.kill()
    await on_disk(around, None)
    await around.start()
    assert around.engine.sounding == {"e"}
    return ordered


@simulated
async def test_an_orphan_of_which_something_was_refused_since_bars_no_loudspeaker():
    async with world() as around:
        ordered = await orphaned(around, zones=("b3",))  # a wider one waits for it
        await around.room._replaced.note(["e"])
        assert (await around.room.order(ordered)).state == "refused"
        await asyncio.sleep(60)
        assert not around.engine.sounding
        await around.room.order(asked(around, "next", class_=E, lives_s=60))
        await asyncio.sleep(30)
        assert voices(around, "horn-b3") == ["e", "next"]
