"""An emergency's siren and its words, whatever is killed when."""

import asyncio
import itertools

import msgspec
import pytest

from broadcast.order import OrderClass
from broadcast.orders.transitions import OrderState
from tests.broadcast.playback.test_service import asked, states, world
from tests.sim.loop import simulated

E = OrderClass.EMERGENCY


def words(around, order_id="e"):
    """The loudspeakers that have had its words whole."""
    turns = [
        heard.whole
        for heard in around.engine.heard
        if heard.programme.id.partition("~")[0] == order_id
        and not heard.programme.id.endswith("~0")
    ]
    return frozenset().union(*turns)


def gaps(around, speaker, until_s):
    """How long that loudspeaker was silent between what it sounded of the emergency."""
    heard = sorted((v.began_s, v.ended_s) for v in around.engine.voices if v.speaker == speaker)
    return [
        round(later - earlier, 3)
        for (_, earlier), (later, _) in itertools.pairwise(heard)
        if later < until_s
    ]


def overlaps(around):
    """Where two voices were heard at one loudspeaker, and of what."""
    voices = sorted(around.engine.voices, key=lambda v: v.began_s)
    return [
        (one.speaker, one.programme.id, other.programme.id)
        for one, other in itertools.combinations(voices, 2)
        if one.speaker == other.speaker and other.began_s < one.ended_s - 0.1
    ]


async def on_disk(around, state: OrderState | None) -> None:
    """All that is on disk of the order; None: nothing."""
    if state is None:
        around.room._store.book._kept.pop("e")
        change = msgspec.structs.replace(
            around.room._store.book.head_row(), key="order/e", body=None
        )
    else:
        kept = around.room.require("e")
        kept = msgspec.structs.replace(
            kept, state=state, siren=False, turn=0, airings=(), had=(), reached=(), clips=()
        )
        change = around.room._store.book.put(kept)
    await around.journal.append([], [change])


@simulated
@pytest.mark.parametrize("state", [OrderState.ACCEPTED, OrderState.PREPARING])
@pytest.mark.parametrize("away_s", [0.1, 2, 15])
async def test_killed_while_its_siren_sounds_and_its_record_was_not_written(state, away_s):
    async with world() as around:
        around.studio.makes_s = 3
        await around.room.place(asked(around, "e", class_=E, lives_s=120))
        await asyncio.sleep(1)
        assert around.engine.sounding == {"e~0"}
        await around.kill()
        await on_disk(around, state)
        await asyncio.sleep(away_s)
        sirens = set(around.engine.sounding)
        await around.start()
        assert around.engine.sounding == sirens, "what sounds is not cut"
        await asyncio.sleep(60)
        assert words(around) == {"horn-b3", "horn-b5"}
        assert states(around) == {"e": "finished"}


@simulated
async def test_between_the_siren_and_the_words_there_is_no_silence():
    async with world() as around:
        around.studio.makes_s = 3
        around.engine.lag_s = 0.3
        await around.room.place(asked(around, "e", class_=E, lives_s=120))
        await asyncio.sleep(30)
        assert gaps(around, "horn-b3", 1e9) == [0]
        assert words(around) == {"horn-b3", "horn-b5"}


@simulated
async def test_killed_between_the_siren_and_the_words_the_siren_goes_on():
    async with world() as around:
        around.studio.makes_s = 3
        around.engine.lag_s = 0.5
        await around.room.place(asked(around, "e", class_=E, lives_s=120))
        await asyncio.sleep(3.7)  # the words are made, and the engine is reading them
        assert around.engine.sounding == {"e~0"}
        await around.kill()
        await asyncio.sleep(2)
        assert around.engine.sounding == {"e~0"}
        await around.start()
        await asyncio.sleep(60)
        assert words(around) == {"horn-b3", "horn-b5"}
        assert states(around) == {"e": "finished"}


@simulated
async def test_killed_at_any_instant_of_the_first_twenty_seconds_nothing_is_lost():
    for step in range(80):
        async with world() as around:
            around.studio.makes_s = 3
            around.engine.lag_s = 0.1
            around.studio.seconds.update(e=12, local=9)
            evacuation = asked(around, "e", class_=E, lives_s=200)
            local = asked(around, "local", class_=E, zones=("b3",), lives_s=200)
            await around.room.place(evacuation)
            begun = asyncio.ensure_future(asyncio.sleep(5))
            begun.add_done_callback(lambda _: asyncio.ensure_future(around.room.place(local)))  # noqa: B023  # within this round
            await asyncio.sleep(step * 0.25)
            await around.kill()
            await asyncio.sleep(0.5)
            await around.start()
            await asyncio.sleep(6)
            for order in (evacuation, local):  # whoever ordered it asks again
                await around.room.place(order)
            await asyncio.sleep(100)
            assert words(around) == {"horn-b3", "horn-b5"}, step
            assert words(around, "local") == {"horn-b3"}, step
            assert states(around) == {"e": "finished", "local": "finished"}, step
            for horn in ("horn-b3", "horn-b5"):
                heard = sorted(
                    (v.began_s, v.ended_s) for v in around.engine.voices if v.speaker == horn
                )
                assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(heard))


@simulated
async def test_a_siren_that_cannot_be_played_costs_no_word():
    async with world() as around:
        around.studio.makes_s = 3
        around.engine.refused = {"e~0"}
        await around.room.place(asked(around, "e", class_=E, lives_s=120))
        await asyncio.sleep(30)
        assert words(around) == {"horn-b3", "horn-b5"}
        assert states(around) == {"e": "finished"}


@simulated
async def test_words_that_are_made_while_the_audio_process_is_full_take_the_sirens_place():
    async with world() as around:
        around.studio.makes_s = 3
        around.engine.full = True
        await around.room.place(asked(around, "e", class_=E, lives_s=120))
        await asyncio.sleep(3.2)
        around.engine.full = False
        await asyncio.sleep(30)
        assert [h.programme.id for h in around.engine.heard] == ["e~1"]
        assert words(around) == {"horn-b3", "horn-b5"}


@simulated
async def test_a_siren_never_answers_for_the_words():
    async with world() as around:
        around.studio.makes_s = 30
        await around.room.place(asked(around, "e", class_=E, lives_s=20))
        await asyncio.sleep(1)
        await around.kill()
        await on_disk(around, OrderState.ACCEPTED)
        await asyncio.sleep(60)
        assert await around.room.heard_state("e") is OrderState.DROPPED
        await around.start()
        await asyncio.sleep(5)
        kept = around.room.require("e")
        assert (kept.state.value, kept.why) == ("dropped", "broadcast.ran-out")


@simulated
async def test_words_of_which_nothing_was_recorded_sound_on_and_are_found_again():
    async with world() as around:
        around.studio.makes_s = 1
        around.studio.seconds["e"] = 20
        order = asked(around, "e", class_=E, lives_s=300)
        await around.room.place(order)
        await asyncio.sleep(5)
        assert around.engine.sounding == {"e~1"}
        await around.kill()
        await on_disk(around, None)
        await asyncio.sleep(1)
        await around.start()
        await asyncio.sleep(1)
        await around.room.place(asked(around, "n"))
        await asyncio.sleep(1)
        assert around.engine.sounds_at("horn-b3") == {"e~1"}, "nothing sounds over it"
        await around.room.place(order)  # the platform hands it out again
        await asyncio.sleep(60)
        assert states(around) == {"e": "finished", "n": "finished"}
        assert [h.programme.id for h in around.engine.heard] == ["e~0", "e~1", "n"]


@simulated
async def test_another_emergency_takes_the_place_of_one_that_nobody_knows_of_any_more():
    async with world() as around:
        around.studio.seconds["e"] = 40
        await around.room.place(asked(around, "e", class_=E, lives_s=300))
        await asyncio.sleep(5)
        await around.kill()
        await on_disk(around, None)
        await around.start()
        await around.room.place(asked(around, "again", class_=E, lives_s=300))
        await asyncio.sleep(1)
        assert around.engine.sounds_at("horn-b3") == {"again"}
        await asyncio.sleep(30)
        assert words(around, "again") == {"horn-b3", "horn-b5"}


@simulated
async def test_no_id_is_given_twice_though_a_kill_took_every_record():
    async with world() as around:
        numbers = []
        for _ in range(20):
            numbers += [around.room.new_id() for _ in range(3)]
            await around.kill()
            await asyncio.sleep(0.2)
            await around.start()
        assert len(set(numbers)) == len(numbers)
        assert all(len(number) < 24 for number in numbers)


@simulated
@pytest.mark.parametrize(("after_s", "siren", "turn"), [(1, True, 0), (6, False, 1)])
async def test_a_row_of_a_release_that_knew_no_airings_is_taken_back(after_s, siren, turn):
    async with world() as around:
        around.studio.makes_s = 3
        around.studio.seconds["e"] = 20
        await around.room.place(asked(around, "e", class_=E, lives_s=300))
        await asyncio.sleep(after_s)
        sounds = set(around.engine.sounding)
        await around.kill()
        kept = around.room.require("e")
        change = around.room._store.book.put(msgspec.structs.replace(kept, siren=siren, turn=turn))
        row = msgspec.json.decode(change.body)
        for field in ("airings", "had", "lost", "unsure"):
            row.pop(field, None)
        old = msgspec.structs.replace(change, body=msgspec.json.encode(row))
        await around.journal.append([], [old])
        await around.start()
        assert around.engine.sounding == sounds
        assert states(around) == {"e": "playing"}
        await asyncio.sleep(60)
        assert words(around) == {"horn-b3", "horn-b5"}
        assert [h.programme.id for h in around.engine.heard] == ["e~0", "e~1"]
        assert states(around) == {"e": "finished"}


@simulated
@pytest.mark.parametrize("killed", [True, False])
async def test_no_siren_sounds_into_the_words_where_a_horn_comes_back_as_they_are_made(killed):
    async with world() as around:
        around.studio.makes_s = 3
        around.studio.seconds["e"] = 30
        await around.room.place(asked(around, "e", class_=E, lives_s=600))
        await asyncio.sleep(1)
        if killed:
            await around.kill()
            await on_disk(around, OrderState.ACCEPTED)
            await asyncio.sleep(0.5)
            await around.start()
            await asyncio.sleep(0.8)
        await asyncio.sleep(1.8)  # the horn answers its call
        around.engine.mends("horn-b3")
        await asyncio.sleep(150)
        assert words(around) == {"horn-b3", "horn-b5"}
        assert overlaps(around) == []


@simulated
async def test_words_that_begin_at_one_horn_alone_cut_the_siren_there():
    async with world() as around:
        around.studio.makes_s = 3
        around.studio.seconds["e"] = 30
        await around.room.place(asked(around, "e", class_=E, lives_s=600))
        await asyncio.sleep(2)
        kept = around.room.require("e")
        around.room._outcomes._let_be(kept, frozenset({"horn-b5"}))
        await asyncio.sleep(1.5)
        assert around.engine.sounds_at("horn-b3") == {"e~1"}
        assert around.engine.sounds_at("horn-b5") == {"e~0"}, "nobody waits in silence"
        await asyncio.sleep(150)
        assert words(around) == {"horn-b3", "horn-b5"}
        assert overlaps(around) == []
