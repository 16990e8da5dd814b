"""Orders are arbitrated loudspeaker by loudspeaker, and end as what happened at each of them."""

import asyncio

import pytest

from broadcast.audio_protocol import messages
from broadcast.order import Authority, LiveContent, OrderClass
from broadcast.playback.scheduler import URGENT_AIRINGS_MAX
from broadcast.policy.quiet_hours import S
from gateway.audit.events import Actor
from gateway.event import Trust
from tests.broadcast.playback.fake_audio import World
from tests.broadcast.playback.test_service import NOON_NS, asked, states, world
from tests.broadcast.policy.zones import HOUSE, PLACES, _zone
from tests.sim.loop import simulated

E = OrderClass.EMERGENCY


def voices(around, speaker):
    """What that loudspeaker sounded, in its order."""
    return [voice.programme.id for voice in around.engine.voices if voice.speaker == speaker]


def whole(around, order_id):
    """The loudspeakers that have had it whole."""
    turns = [h for h in around.engine.heard if h.programme.id.partition("~")[0] == order_id]
    return frozenset().union(*(turn.whole for turn in turns))


@simulated
async def test_a_local_emergency_leaves_the_evacuation_of_the_others_alone():
    async with world() as around:
        around.studio.seconds.update(evac=20, smoke=60)
        await around.room.place(asked(around, "evac", class_=E, lives_s=300))
        await asyncio.sleep(5)
        await around.room.place(asked(around, "smoke", class_=E, zones=("b3",), lives_s=200))
        await asyncio.sleep(1)
        assert around.engine.sounds_at("horn-b3") == {"smoke"}
        assert around.engine.sounds_at("horn-b5") == {"evac"}
        assert states(around) == {"evac": "playing", "smoke": "playing"}
        await asyncio.sleep(100)
        assert voices(around, "horn-b5") == ["evac"]
        assert voices(around, "horn-b3") == ["evac", "smoke", "evac~1"]
        assert whole(around, "evac") == {"horn-b3", "horn-b5"}
        assert states(around) == {"evac": "finished", "smoke": "finished"}


@simulated
async def test_an_evacuation_that_is_heard_elsewhere_is_not_told_as_expired():
    async with world() as around:
        around.studio.seconds.update(evac=20, smoke=200)
        await around.room.place(asked(around, "evac", class_=E, lives_s=60))
        await asyncio.sleep(5)
        await around.room.place(asked(around, "smoke", class_=E, zones=("b3",), lives_s=300))
        await asyncio.sleep(100)
        kept = around.room.require("evac")
        assert (kept.state.value, kept.why) == ("finished", "broadcast.partly")
        assert kept.had == ("horn-b5",)


@simulated
async def test_the_more_local_of_two_emergencies_sounds_whichever_comes_first():
    for first, second in (("all", "b3"), ("b3", "all")):
        async with world() as around:
            await around.room.place(asked(around, "one", class_=E, zones=(first,)))
            await asyncio.sleep(3)
            await around.room.place(asked(around, "two", class_=E, zones=(second,)))
            await asyncio.sleep(3)
            local = {"b3": "two", "all": "one"}[second]
            assert around.engine.sounds_at("horn-b3") == {local}
            assert len(around.engine.sounds_at("horn-b5")) == 1
            await asyncio.sleep(40)
            assert states(around) == {"one": "finished", "two": "finished"}
            for order_id, zone in (("one", first), ("two", second)):
                assert whole(around, order_id) == HOUSE.speakers((zone,))


@simulated
async def test_fire_and_an_emergency_are_never_both_heard_at_one_horn():
    async with world() as around:
        fire = {"class_": OrderClass.FIRE, "authority": Authority.FIRE_INPUT}
        await around.room.place(asked(around, "e", class_=E))
        await asyncio.sleep(3)
        await around.room.place(
            asked(around, "f", zones=("b3",), actor=Actor("system", "key.fire"), **fire)
        )
        await asyncio.sleep(3)
        assert around.engine.sounds_at("horn-b3") == {"f"}
        assert around.engine.sounds_at("horn-b5") == {"e"}
        await asyncio.sleep(40)
        assert states(around) == {"e": "finished", "f": "finished"}
        assert whole(around, "e") == {"horn-b3", "horn-b5"}


@simulated
@pytest.mark.parametrize(
    ("cls", "content"), [(OrderClass.LIVE, {"content": LiveContent()}), (OrderClass.URGENT, {})]
)
async def test_what_is_urgent_in_one_zone_stops_nothing_elsewhere(cls, content):
    async with world() as around:
        await around.room.place(asked(around, "n"))
        await asyncio.sleep(3)
        await around.room.place(asked(around, "u", class_=cls, zones=("b3",), **content))
        await asyncio.sleep(1)
        assert around.engine.sounds_at("horn-b3") == {"u"}
        assert around.engine.sounds_at("horn-b5") == {"n"}
        await around.room.end_live("u") if content else None
        await asyncio.sleep(40)
        assert voices(around, "horn-b5") == ["n"]
        assert voices(around, "horn-b3") == ["n", "u", "n~1"]
        assert states(around) == {"n": "finished", "u": "finished"}


@simulated
async def test_a_notice_begins_where_it_can_and_follows_where_it_waited():
    async with world() as around:
        await around.room.place(asked(around, "u", class_=OrderClass.URGENT, zones=("b3",)))
        await asyncio.sleep(2)
        await around.room.place(asked(around, "n"))
        await asyncio.sleep(1)
        assert around.engine.sounds_at("horn-b5") == {"n"}
        await asyncio.sleep(30)
        assert voices(around, "horn-b3") == ["u", "n~1"]
        assert states(around) == {"u": "finished", "n": "finished"}


@simulated
async def test_music_goes_on_elsewhere_and_joins_in_where_it_was_cut():
    async with world() as around:
        around.studio.seconds["m"] = 100
        await around.room.place(asked(around, "m", class_=OrderClass.BACKGROUND, lives_s=300))
        await asyncio.sleep(10)
        await around.room.place(asked(around, "u", class_=OrderClass.URGENT, zones=("b3",)))
        await asyncio.sleep(2)
        assert around.engine.sounds_at("horn-b5") == {"m"}
        await asyncio.sleep(10)
        assert around.engine.sounds_at("horn-b3") == around.engine.sounds_at("horn-b5") == {"m"}
        await asyncio.sleep(100)
        assert voices(around, "horn-b3") == ["m", "u", "m"]
        assert [h.how for h in around.engine.heard if h.programme.id == "m"] == ["finished"]
        assert states(around) == {"m": "finished", "u": "finished"}


@simulated
async def test_a_microphone_that_is_cut_in_one_zone_goes_on_in_the_others():
    async with world() as around:
        await around.room.place(asked(around, "l", class_=OrderClass.LIVE, content=LiveContent()))
        await asyncio.sleep(2)
        await around.room.place(asked(around, "e", class_=E, zones=("b3",)))
        await asyncio.sleep(2)
        assert around.engine.sounds_at("horn-b5") == {"l"}
        assert await around.room.feed_live("l", b"pcm")
        await asyncio.sleep(20)
        assert around.engine.sounds_at("horn-b3") == set(), "a microphone does not come back"
        await around.room.place(asked(around, "e2", class_=E, zones=("b5",)))
        await asyncio.sleep(1)
        assert states(around)["l"] == "dropped"


@simulated
async def test_an_emergency_that_reaches_nobody_is_tried_until_a_horn_is_there():
    async with world() as around:
        for horn in ("horn-b3", "horn-b5"):
            around.engine.breaks(horn)
        await around.room.place(asked(around, "e", class_=E, lives_s=600))
        await asyncio.sleep(60)
        assert states(around)["e"] in {"playing", "interrupted"}
        around.engine.mends("horn-b3")
        around.engine.mends("horn-b5")
        await asyncio.sleep(30)
        assert states(around)["e"] == "finished"
        assert whole(around, "e") == {"horn-b3", "horn-b5"}


@simulated
async def test_what_reached_nobody_until_its_time_was_up_has_failed():
    async with world() as around:
        around.engine.breaks("horn-b3")
        around.engine.breaks("horn-b5")
        await around.room.place(asked(around, "e", class_=E, lives_s=100))
        await around.room.place(asked(around, "n", lives_s=30))
        await around.room.place(
            asked(around, "live", class_=OrderClass.LIVE, content=LiveContent(), zones=("b5",))
        )
        await asyncio.sleep(200)
        for order_id in ("e", "n"):
            kept = around.room.require(order_id)
            assert (kept.state.value, kept.why) == ("failed", "broadcast.reached-nobody"), order_id
            assert kept.reached == (0, 0, 0, 0)
        turns = [h for h in around.engine.heard if h.programme.id.startswith("e")]
        assert 3 <= len(turns) <= 12, "the attempts are bounded"


@simulated
async def test_the_desk_asks_for_somebody_until_what_nobody_heard_is_ordered_again():
    async with world() as around:
        around.engine.breaks("card")
        await around.room.place(asked(around, "e", class_=E, zones=("hall",), lives_s=30))
        await around.room.place(asked(around, "n", zones=("hall",), lives_s=30))
        await asyncio.sleep(60)
        assert [kept.order.id for kept in around.room.unheard_emergencies()] == ["e"]
        around.engine.mends("card")
        await around.room.place(asked(around, "again", class_=E, zones=("hall",)))
        assert around.room.unheard_emergencies() == []


@simulated
async def test_horns_behind_one_switch_sound_what_they_missed_together():
    async with world() as around:
        for horn in ("horn-b3", "horn-b5"):
            around.engine.breaks(horn)
        await around.room.place(asked(around, "e", class_=E, lives_s=300))
        await asyncio.sleep(11)
        around.engine.mends("horn-b5")
        await asyncio.sleep(0.3)
        around.engine.mends("horn-b3")
        await asyncio.sleep(30)
        assert states(around) == {"e": "finished"}
        assert voices(around, "horn-b3") == voices(around, "horn-b5") == ["e~1"]


@simulated
async def test_a_horn_that_comes_late_gets_an_emergency_that_is_in_time_and_others_once():
    async with world() as around:
        around.engine.breaks("horn-b5")
        await around.room.place(asked(around, "e", class_=E, lives_s=300))
        await asyncio.sleep(60)
        kept = around.room.require("e")
        assert (kept.state.value, kept.why) == ("interrupted", "broadcast.speakers-awaited")
        assert voices(around, "horn-b3") == ["e"]
        around.engine.mends("horn-b5")
        await asyncio.sleep(20)
        assert voices(around, "horn-b3") == ["e"]
        assert voices(around, "horn-b5") == ["e~1"]
        assert states(around) == {"e": "finished"}


@simulated
async def test_one_that_came_in_the_middle_is_told_it_from_its_beginning():
    async with world() as around:
        around.engine.breaks("horn-b5")
        await around.room.place(asked(around, "e", class_=E, lives_s=300))
        await asyncio.sleep(5)
        around.engine.mends("horn-b5")
        await asyncio.sleep(30)
        assert voices(around, "horn-b5") == ["e", "e~1"]
        assert states(around) == {"e": "finished"}


@simulated
async def test_a_notice_does_not_wait_for_a_horn_that_does_not_work():
    async with world() as around:
        around.engine.breaks("horn-b5")
        await around.room.place(asked(around, "n", lives_s=300))
        await asyncio.sleep(15)
        assert states(around) == {"n": "finished"}
        assert around.room.require("n").reached[0] == 1


@simulated
async def test_a_press_is_a_new_order_where_the_last_waits_for_a_broken_horn_alone():
    async with world() as around:
        around.engine.breaks("horn-b5")
        await around.room.place(asked(around, "one", class_=E, lives_s=600, joins="key.e"))
        await asyncio.sleep(30)
        again = asked(around, "two", class_=E, lives_s=600, joins="key.e")
        assert (await around.room.place(again)).of == "two"
        await asyncio.sleep(15)
        assert voices(around, "horn-b3") == ["one", "two"]
        kept = around.room.require("one")
        assert (kept.state.value, kept.why) == ("finished", "broadcast.partly")


@simulated
async def test_a_full_audio_process_is_waited_for():
    async with world() as around:
        around.engine.full = True
        await around.room.place(asked(around, "e", class_=E, lives_s=100))
        await around.room.place(asked(around, "n", zones=("hall",)))
        await asyncio.sleep(2)
        around.engine.full = False
        await asyncio.sleep(30)
        assert states(around) == {"e": "finished", "n": "finished"}


@simulated
async def test_a_killed_gateway_knows_what_sounds_where_and_what_is_owed():
    async with world() as around:
        around.studio.seconds.update(evac=30, smoke=20)
        await around.room.place(asked(around, "evac", class_=E, lives_s=300))
        await asyncio.sleep(5)
        await around.room.place(asked(around, "smoke", class_=E, zones=("b3",), lives_s=300))
        await asyncio.sleep(1)
        await around.kill()
        await asyncio.sleep(2)
        await around.start()
        await asyncio.sleep(100)
        assert voices(around, "horn-b3") == ["evac", "smoke", "evac~1"]
        assert voices(around, "horn-b5") == ["evac"]
        assert states(around) == {"evac": "finished", "smoke": "finished"}


@simulated
@pytest.mark.parametrize("away_s", [1, 60])
async def test_zones_that_leave_the_settings_while_something_plays_stop_no_other_order(away_s):
    async with world() as around:
        around.studio.seconds.update(n=40, m=40)
        await around.room.place(asked(around, "n", zones=("b5",)))
        await around.room.place(asked(around, "m", zones=("b3", "b5"), lives_s=100))
        await around.room.place(asked(around, "h", zones=("b5", "hall"), lives_s=900))
        await asyncio.sleep(3)
        await around.kill()
        await asyncio.sleep(away_s)
        zones = {name: zone for name, zone in HOUSE.zones.items() if name != "b5"}
        around.house = HOUSE._replace(zones=zones)
        await around.start()
        await around.room.place(asked(around, "e", class_=E, zones=("hall",)))
        await asyncio.sleep(1)
        assert "e" in around.engine.sounds_at("card")
        await asyncio.sleep(120)
        ends = states(around)
        assert ends["e"] == "finished"
        assert ends["n"] == "failed"
        assert set(ends.values()) <= {"finished", "failed"}


@simulated
@pytest.mark.parametrize("told", [True, False])
async def test_each_press_of_an_emergency_sounds_where_the_last_was_heard(told):
    """A called horn that is engaged takes nothing, and shows no fault."""
    async with world() as around:
        if told:
            around.engine.breaks("horn-b5")
        else:
            around.engine.broken.add("horn-b5")
        for n in range(4):
            again = asked(around, f"e-{n}", class_=E, lives_s=600, joins="key.e")
            assert (await around.room.place(again)).of == f"e-{n}"
            await asyncio.sleep(4)
            twice = asked(around, f"twice-{n}", class_=E, lives_s=600, joins="key.e")
            assert (await around.room.place(twice)).of == f"e-{n}", "it sounds: one press"
            await asyncio.sleep(115)
        assert voices(around, "horn-b3") == ["e-0", "e-1", "e-2", "e-3"]
        around.engine.mends("horn-b5")
        await asyncio.sleep(60)
        assert voices(around, "horn-b5")[-1].startswith("e-3"), "and the last where it was missed"
        assert voices(around, "horn-b3")[-1] == "e-3"


@simulated
async def test_a_press_sounds_where_it_is_silent_while_another_emergency_keeps_a_horn():
    async with world() as around:
        around.studio.seconds.update(smoke=300)
        smoke = asked(around, "smoke", class_=E, zones=("b5",), lives_s=400)
        await around.room.place(smoke)
        for n in range(3):
            again = asked(around, f"e-{n}", class_=E, lives_s=600, joins="key.e")
            await around.room.place(again)
            await asyncio.sleep(60)
        assert voices(around, "horn-b3") == ["e-0", "e-1", "e-2"]
        await asyncio.sleep(200)
        assert voices(around, "horn-b5") == ["smoke", "e-2~1"]


async def large(*zones):
    """The world with another house."""
    around = World(NOON_NS, house=HOUSE._replace(zones={zone.id: zone for zone in zones}))
    around.clock.learn(Trust.PLATFORM, NOON_NS, S)
    await around.start()
    return around


@simulated
async def test_more_horns_than_one_command_can_name_all_sound():
    horns = [f"h{n}" for n in range(256)]
    around = await large(
        _zone("all", "community", PLACES, *horns), _zone("b5", "community", PLACES, "h9")
    )
    await around.room.place(asked(around, "smoke", class_=E, zones=("b5",)))
    await asyncio.sleep(2)
    await around.room.place(asked(around, "evac", class_=E, zones=("b5", "all"), lives_s=300))
    await asyncio.sleep(2)
    assert around.engine.sounds_at("h9") == {"smoke"}
    assert all(around.engine.sounds_at(horn) == {"evac"} for horn in horns if horn != "h9")
    await asyncio.sleep(60)
    assert whole(around, "evac") == frozenset(horns)
    await around.close()


@simulated
async def test_horns_that_come_back_one_by_one_gather():
    horns = [f"h{n}" for n in range(20)]
    around = await large(_zone("all", "community", PLACES, *horns))
    around.studio.seconds.update(evac=180)
    for horn in horns[1:]:
        around.engine.breaks(horn)
    await around.room.place(asked(around, "evac", class_=E, lives_s=3000))
    await asyncio.sleep(185)
    for horn in horns[1:]:
        around.engine.mends(horn)
        await asyncio.sleep(1.5)
        assert len(around.engine.sounding) <= URGENT_AIRINGS_MAX
    await asyncio.sleep(400)
    assert states(around) == {"evac": "finished"}
    assert whole(around, "evac") == frozenset(horns)
    await around.close()


@simulated
async def test_a_horn_that_rang_and_was_never_answered_counts_as_reached_by_nobody():
    async with world() as around:
        around.engine.ringing = {"horn-b3"}
        for id_, cls in (("e", E), ("n", OrderClass.NOTICE)):
            await around.room.place(asked(around, id_, class_=cls, zones=("b3",), lives_s=40))
            await asyncio.sleep(200)
            kept = around.room.require(id_)
            assert (kept.state.value, kept.why) == ("failed", "broadcast.reached-nobody")
            assert kept.reached == (0, 0, 0, 0)


@simulated
async def test_of_several_horns_the_one_that_was_never_answered_is_taken_back():
    async with world() as around:
        around.engine.ringing = {"horn-b3"}
        await around.room.place(asked(around, "e", class_=E, lives_s=40))
        await asyncio.sleep(5)
        assert around.room.require("e").reached[0] == 2
        await asyncio.sleep(50)
        kept = around.room.require("e")
        assert (kept.state.value, kept.had, kept.reached[0]) == ("finished", ("horn-b5",), 1)


@simulated
async def test_it_is_taken_back_too_where_its_end_came_while_nobody_listened():
    async with world() as around:
        around.engine.ringing = {"horn-b3"}
        await around.room.place(asked(around, "e", class_=E, zones=("b3",), lives_s=40))
        await asyncio.sleep(5)
        assert around.room.require("e").reached[0] == 1
        await around.kill()
        await asyncio.sleep(10)
        await around.start()
        await asyncio.sleep(60)
        kept = around.room.require("e")
        assert (kept.why, kept.reached[0]) == ("broadcast.reached-nobody", 0)


@simulated
async def test_music_that_is_still_read_when_a_notice_begins_is_low_from_its_first_frame():
    async with world() as around:
        around.studio.seconds["m"] = 60
        around.engine.reads_s = 2
        await around.room.place(asked(around, "m", class_=OrderClass.BACKGROUND, lives_s=600))
        await asyncio.sleep(1)
        around.engine.reads_s = 0
        await around.room.place(asked(around, "n", zones=("b3",)))
        await asyncio.sleep(3)
        assert around.engine.sounds_at("horn-b3") == {"m", "n"}
        assert around.engine.levels == [("m", "all", -15.0)]
        await asyncio.sleep(20)
        assert around.engine.levels[-1] == ("m", "all", 0.0)


@simulated
async def test_music_is_as_loud_as_it_should_be_after_a_gateway_was_gone():
    async with world() as around:
        around.studio.seconds.update(m=200, n=20)
        await around.room.place(asked(around, "m", class_=OrderClass.BACKGROUND, lives_s=600))
        await asyncio.sleep(5)
        await around.room.place(asked(around, "n", zones=("b3",)))
        await asyncio.sleep(5)
        for gone_s, db in ((2, -15.0), (30, 0.0)):
            await around.kill()
            await asyncio.sleep(gone_s)
            around.engine.levels.clear()
            await around.start()
            await asyncio.sleep(1)
            told = [level for level in around.engine.levels if level[0] == "m"]
            assert told == [("m", "all", db)]


@simulated
async def test_music_that_nobody_took_has_gone_no_further():
    async with world() as around:
        around.studio.seconds["m"] = 30
        around.engine.broken = {"horn-b3", "horn-b5"}
        await around.room.place(asked(around, "m", class_=OrderClass.BACKGROUND, lives_s=600))
        await asyncio.sleep(40)
        around.engine.mends("horn-b3")
        around.engine.mends("horn-b5")
        await asyncio.sleep(200)
        assert states(around) == {"m": "finished"}
        assert voices(around, "horn-b3") == voices(around, "horn-b5") != []


@simulated
async def test_an_emergency_whose_end_says_nothing_of_who_took_it_sounds_again():
    async with world() as around:
        await around.room.place(asked(around, "e", class_=E, lives_s=60))
        await asyncio.sleep(3)
        around.engine._playing.pop("e").ends.cancel()
        around.engine._tell(messages.ProgrammeFinished("e", 500))
        await asyncio.sleep(50)
        assert states(around) == {"e": "finished"}
        assert [h.programme.id for h in around.engine.heard] == ["e~1"]


@simulated
async def test_what_was_heard_before_a_power_cut_is_not_taken_back_by_a_later_turn():
    async with world() as around:
        around.studio.seconds["e"] = 40
        await around.room.place(asked(around, "e", class_=E, zones=("b3",), lives_s=100))
        await asyncio.sleep(5)
        assert around.room.require("e").reached[0] == 1
        around.engine._playing.pop("e").ends.cancel()  # its process died
        around.engine.ringing = {"horn-b3"}
        await around.kill()
        await around.room._store.records.drain()
        await around.start()
        await asyncio.sleep(200)
        kept = around.room.require("e")
        assert (kept.state.value, kept.why) == ("dropped", "broadcast.ran-out")


@simulated
async def test_an_order_that_is_cut_off_where_its_horns_came_late_was_heard():
    async with world() as around:
        around.engine.broken = {"horn-b3"}
        around.studio.seconds["n"] = 15
        await around.room.place(asked(around, "n", zones=("b3",), lives_s=20))
        await asyncio.sleep(18)
        around.engine.mends("horn-b3")
        await asyncio.sleep(5)
        assert around.engine.sounds_at("horn-b3") == {"n~1"}
        await around.room.place(asked(around, "e", class_=E, zones=("b3",), lives_s=300))
        await asyncio.sleep(60)
        kept = around.room.require("n")
        assert kept.reached[0] == 1
        assert kept.why != "broadcast.reached-nobody"
