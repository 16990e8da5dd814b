"""What sounds without its record, which a kill took: it bars no loudspeaker, and can be stopped."""

import asyncio

import pytest

from broadcast.material.presets import Presets
from broadcast.options import KeyOptions, KeyOrder
from broadcast.order import OrderClass
from broadcast.triggers.wall_keys import WallKeyActions
from gateway.audit.events import Actor
from gateway.errors import CommandRefused, UsageError
from tests.broadcast.playback.test_airings import voices
from tests.broadcast.playback.test_joins import FIRE
from tests.broadcast.playback.test_service import STAFF, asked, world
from tests.broadcast.playback.test_siren import on_disk
from tests.broadcast.triggers.test_wall_keys import heard
from tests.sim.loop import simulated

E = OrderClass.EMERGENCY


async def orphaned(around, **changed):
    """The emergency "e" sounds for another 35 s, and nobody knows of it any more."""
    around.studio.seconds["e"] = 40
    ordered = asked(around, "e", lives_s=300, **{"class_": E, **changed})
    await around.room.place(ordered)
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
        await around.room._superseded.add(["e"])
        assert (await around.room.place(ordered)).state == "refused"
        await asyncio.sleep(60)
        assert not around.engine.sounding
        await around.room.place(asked(around, "next", class_=E, lives_s=60))
        await asyncio.sleep(30)
        assert voices(around, "horn-b3") == ["e", "next"]


@simulated
async def test_an_orphan_is_stopped_by_its_id_and_does_not_come_again():
    async with world() as around:
        ordered = await orphaned(around)
        receipt = await around.room.cancel("e", STAFF)
        assert (receipt.of, receipt.state) == ("e", "stopped")
        await asyncio.sleep(1)
        assert not around.engine.sounding
        assert (await around.room.place(ordered)).state == "refused"
        await asyncio.sleep(60)
        assert voices(around, "horn-b3") == ["e"]
        with pytest.raises(UsageError):
            await around.room.cancel("other", STAFF)


@simulated
@pytest.mark.parametrize("by_order", [True, False])
async def test_what_an_orphan_is_called_off_by_silences_it(by_order):
    async with world() as around:
        await orphaned(around, zones=("b3",))
        if by_order:
            cancel = asked(around, "n", zones=("b5",), supersedes=("e",))
            await around.room.place(cancel)
        else:
            await around.room.supersede(["e"], STAFF)
        await asyncio.sleep(1)
        assert not around.engine.sounds_at("horn-b3")


@simulated
async def test_what_was_called_off_before_a_kill_is_silenced_after_it():
    async with world() as around:
        await orphaned(around)
        await around.kill()
        await around.room._superseded.add(["e"])
        await around.start()
        await asyncio.sleep(1)
        assert not around.engine.sounding


def fire_keys(around, *inputs):
    """A gateway's keys: each a fire panel's contact."""
    asks = KeyOrder(preset="fire", zone="all", cls="fire")
    keys = {point: KeyOptions(input=f"di.{point}", order=asks) for point in inputs}
    presets = Presets(around.journal, {})
    return WallKeyActions(keys, around.room, presets, around.clock, paging=None)


@simulated
async def test_orphaned_fire_ends_with_the_contacts_and_by_nobody_else():
    async with world() as around:
        await orphaned(around, **FIRE)
        keys = fire_keys(around, "a", "b")
        with pytest.raises(CommandRefused):
            await around.room.cancel("e", STAFF)
        await around.room.supersede(["e"], Actor("platform", "district"))
        heard(keys, False, point="a")
        await asyncio.sleep(1)
        assert around.engine.sounding == {"e"}, "the other contact may be active"
        heard(keys, False, point="b")
        await asyncio.sleep(1)
        assert not around.engine.sounding


@simulated
async def test_orphaned_fire_ends_though_the_contacts_were_read_before_the_audio_process():
    async with world() as around:
        await orphaned(around, **FIRE)
        await around.kill()
        around.engine.away = True
        await around.start()
        keys = fire_keys(around, "a")
        heard(keys, False, point="a")
        around.engine.away = False
        around.room.reconcile(await around.engine.fetch_state())
        await asyncio.sleep(1)
        assert around.engine.sounding == {"e"}
        heard(keys, False, point="a")
        await asyncio.sleep(1)
        assert not around.engine.sounding
