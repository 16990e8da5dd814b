"""The room over the real journal, in virtual time: what is heard, recorded, and remains."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from broadcast.audio_protocol import messages
from broadcast.material.presets import Presets
from broadcast.order import Authority, LiveContent, OrderClass
from broadcast.orders.transitions import OrderState
from broadcast.policy.quiet_hours import S
from broadcast.triggers.commands import BroadcastCommands
from gateway.audit.events import Actor
from gateway.clock import Deadline
from gateway.errors import CommandRefused, JournalFull, StationError, UsageError
from gateway.event import Lane, Trust
from gateway.upstream.inbox.command import Mandate
from tests.broadcast.playback.fake_audio import World
from tests.broadcast.playback.random_nights import heard_at
from tests.broadcast.policy.zones import order
from tests.sim.loop import simulated

NOON_NS = 1_790_049_600 * S
STAFF = Actor("staff", "0217")


@contextlib.asynccontextmanager
async def world(true_ns: int = NOON_NS, *, told: bool = True) -> AsyncIterator[World]:
    made = World(true_ns)
    if told:
        made.clock.learn(Trust.PLATFORM, true_ns, S)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def asked(around: World, id_: str = "o-1", *, lives_s: float = 60, **changed: Any) -> Any:
    at_ns = around.clock.now_ns() + round(lives_s * S)
    return order(id=id_, expires=Deadline(around.clock.boot, at_ns), **changed)


def states(around: World) -> dict[str, str]:
    return {kept.order.id: kept.state.value for kept in around.room.orders()}


async def told(around: World, lane: Lane = Lane.SERVICE) -> list[tuple[str, str]]:
    entries = await around.journal.read(lane, 0)
    bodies = [msgspec.json.decode(b"{" + entry.body) for entry in entries]
    return [(body["data"]["order"], body["type"].split(".")[3]) for body in bodies]


@simulated
async def test_an_order_is_recorded_then_heard_and_its_receipt_says_so():
    async with world() as around:
        receipt = await around.room.place(asked(around))
        assert receipt.state in {"accepted", "preparing", "playing"}
        assert (await told(around))[0] == ("o-1", "accepted")
        await asyncio.sleep(20)
        assert [heard.how for heard in around.engine.heard] == ["finished"]
        assert await told(around) == [
            ("o-1", "accepted"),
            ("o-1", "preparing"),
            ("o-1", "playing"),
            ("o-1", "finished"),
        ]
        final = around.room.receipt(around.room.require("o-1"))
        assert final.state == "finished"
        assert final.detail["seconds"] == 10
        assert 0 < final.detail["waited_ms"] < 300


@simulated
async def test_ten_presses_of_a_key_are_one():
    async with world() as around:
        receipts = [
            await around.room.place(asked(around, f"o-{n}", joins="key.notice")) for n in range(10)
        ]
        assert {receipt.of for receipt in receipts} == {"o-0"}
        assert [r.reason_code for r in receipts] == [None] + ["broadcast.joined"] * 9
        await asyncio.sleep(20)
        assert len(around.engine.heard) == 1
        await around.room.place(asked(around, "o-10", joins="key.notice"))
        await asyncio.sleep(20)
        assert len(around.engine.heard) == 2


@simulated
async def test_the_same_order_again_is_answered_and_not_heard():
    async with world() as around:
        first = asked(around)
        await around.room.place(first)
        await asyncio.sleep(20)
        again = await around.room.place(first)
        assert (again.state, again.reason_code) == ("finished", "broadcast.duplicate")
        await asyncio.sleep(20)
        assert len(around.engine.heard) == 1


@simulated
async def test_an_emergency_cuts_off_a_notice_which_then_begins_anew():
    async with world() as around:
        await around.room.place(asked(around, "n"))
        await asyncio.sleep(5)
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY))
        await asyncio.sleep(2)
        assert around.engine.sounding == {"e"}
        assert states(around) == {"n": "interrupted", "e": "playing"}
        await asyncio.sleep(30)
        assert [(h.programme.id, h.how) for h in around.engine.heard] == [
            ("n", "cut"),
            ("e", "finished"),
            ("n~1", "finished"),
        ]
        assert states(around) == {"n": "finished", "e": "finished"}


@simulated
async def test_what_was_cut_off_too_late_has_been_heard_and_is_not_heard_again():
    async with world() as around:
        await around.room.place(asked(around, "n"))
        await asyncio.sleep(9.5)
        around.engine.lag_s = 2  # the stop comes when the notice's ten seconds are over
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY))
        await asyncio.sleep(0.3)
        assert states(around)["n"] == "interrupted"
        await asyncio.sleep(40)
        assert [(h.programme.id, h.how) for h in around.engine.heard] == [
            ("n", "finished"),
            ("e", "finished"),
        ]
        assert states(around) == {"n": "finished", "e": "finished"}


@simulated
async def test_the_delay_of_a_preemption_is_that_of_the_engine():
    async with world() as around:
        around.studio.makes_s = 0
        await around.room.place(asked(around, "n"))
        await asyncio.sleep(5)
        began_s = asyncio.get_running_loop().time()
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY))
        await asyncio.sleep(15)
        heard = next(h for h in around.engine.heard if h.programme.id == "e")
        assert heard.began_s - began_s <= 2 * around.engine.lag_s + 0.001


@simulated
async def test_music_goes_on_where_it_was_cut_and_is_low_under_a_notice():
    async with world() as around:
        around.studio.seconds["m"] = 100
        await around.room.place(asked(around, "m", class_=OrderClass.BACKGROUND, lives_s=300))
        await asyncio.sleep(10)
        await around.room.place(asked(around, "n"))
        await asyncio.sleep(2)
        assert around.engine.sounding == {"m", "n"}
        assert around.engine.levels == [("m", "all", -15.0)]
        await asyncio.sleep(20)
        assert around.engine.levels[-1] == ("m", "all", 0.0)
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY))
        await asyncio.sleep(120)
        cut, onward = (h for h in around.engine.heard if h.programme.id.startswith("m"))
        assert (cut.how, onward.how) == ("cut", "finished")
        lasted_s = cut.ended_s - cut.began_s + onward.ended_s - onward.began_s
        assert lasted_s == pytest.approx(100, abs=0.1)


@simulated
async def test_a_horn_next_to_somebody_is_left_out_of_what_is_not_for_them():
    async with world() as around:
        await around.room.place(asked(around, zones=("stairs",)))
        await asyncio.sleep(15)
        alarm = asked(around, "o-2", zones=("stairs",), class_=OrderClass.EMERGENCY)
        await around.room.place(alarm)
        await asyncio.sleep(15)
        assert [heard_at(heard) for heard in around.engine.heard] == [
            {"stairs"},
            {"lift", "stairs"},
        ]


@simulated
async def test_stop_silences_everything_below_the_emergency():
    async with world() as around:
        for id_, changed in {
            "n": {"zones": ("hall",)},
            "e": {"class_": OrderClass.EMERGENCY, "zones": ("b5",)},
            "waits": {"zones": ("b5",)},
        }.items():
            await around.room.place(asked(around, id_, **changed))
        await asyncio.sleep(2)
        receipts = await around.room.stop((), STAFF)
        assert {(r.of, r.state, r.reason_code) for r in receipts} == {
            ("n", "stopped", "broadcast.by-hand"),
            ("waits", "stopped", "broadcast.by-hand"),
        }
        await asyncio.sleep(0.1)
        assert around.engine.sounding == {"e"}
        assert (await around.room.cancel("e", STAFF)).state == "stopped"
        await asyncio.sleep(0.1)
        assert around.engine.sounding == set()


@simulated
async def test_stop_of_a_zone_reaches_what_shares_its_loudspeakers():
    async with world() as around:
        await around.room.place(asked(around, "all"))
        await around.room.place(asked(around, "hall", zones=("hall",)))
        await asyncio.sleep(1)
        assert [r.of for r in await around.room.stop(("b3",), STAFF)] == ["all"]
        assert [kept.order.id for kept in around.room.playing_in("hall")] == ["hall"]
        with pytest.raises(UsageError):
            await around.room.cancel("nothing", STAFF)


@simulated
async def test_the_fire_input_alone_ends_what_it_began():
    async with world() as around:
        fire = {"class_": OrderClass.FIRE, "actor": Actor("system", "key.fire")}
        made = asked(around, "f", authority=Authority.FIRE_INPUT, **fire)
        assert (await around.room.place(made)).reason_code is None
        with pytest.raises(CommandRefused):
            await around.room.cancel("f", STAFF)
        assert (await around.room.cancel("f", Actor("system", "key.fire"))).state == "stopped"


@simulated
async def test_what_lives_until_morning_sounds_in_the_morning():
    late_ns = NOON_NS + 10 * 3600 * S  # 22:00
    async with world(late_ns) as around:
        await around.room.place(asked(around, "early", lives_s=60))
        await around.room.place(asked(around, "n", lives_s=12 * 3600))
        await asyncio.sleep(60)
        assert states(around) == {"early": "refused", "n": "held"}
        await asyncio.sleep(10 * 3600)
        (heard,) = around.engine.heard
        assert heard.programme.id == "n"
        assert heard.began_s - around._since_s == pytest.approx(9 * 3600, abs=15)


@simulated
async def test_music_ends_when_quiet_hours_begin():
    evening_ns = NOON_NS + 9 * 3600 * S  # 21:00
    async with world(evening_ns) as around:
        around.studio.seconds["m"] = 1_000
        await around.room.place(asked(around, "m", class_=OrderClass.BACKGROUND, lives_s=300))
        live = {"class_": OrderClass.LIVE, "content": LiveContent(), "zones": ("b5",)}
        await asyncio.sleep(1_700)
        await around.room.place(asked(around, "live", lives_s=30, **live))
        await asyncio.sleep(60)
        assert await around.room.feed_live("live", b"pcm")
        assert around.engine.fed == [b"pcm"]
        await asyncio.sleep(60)
        assert states(around) == {"m": "finished", "live": "dropped"}
        assert around.engine.heard[-1].ended_s - around._since_s < 1_800
        assert not await around.room.feed_live("live", b"pcm")


@simulated
async def test_a_microphone_is_put_down():
    async with world() as around:
        await around.room.place(asked(around, "l", class_=OrderClass.LIVE, content=LiveContent()))
        await asyncio.sleep(5)
        await around.room.end_live("l")
        await asyncio.sleep(1)
        assert states(around) == {"l": "finished"}


@simulated
async def test_a_killed_gateway_finds_the_emergency_still_sounding_and_answers_truly():
    async with world() as around:
        around.studio.seconds["e"] = 40
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY))
        await asyncio.sleep(10)
        await around.kill()
        await asyncio.sleep(5)
        assert around.engine.sounding == {"e"}
        await around.start()
        assert states(around) == {"e": "playing"}
        await asyncio.sleep(40)
        assert states(around) == {"e": "finished"}
        assert [h.how for h in around.engine.heard] == ["finished"]


@simulated
async def test_the_siren_of_an_emergency_does_not_wait_for_its_words():
    async with world() as around:
        around.studio.makes_s = 1.5
        await around.room.place(asked(around, "n"))
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY))
        await asyncio.sleep(0.3)
        assert around.engine.sounding == {"e~0"}, "and a notice has no siren"
        await asyncio.sleep(1.7)
        assert around.engine.sounding == {"e~1"}
        await asyncio.sleep(30)
        assert [(h.programme.id, h.how) for h in around.engine.heard] == [
            ("e~0", "cut"),
            ("e~1", "finished"),
            ("n", "finished"),
        ]
        assert states(around) == {"n": "finished", "e": "finished"}
        assert around.room.require("e").clips == ("sha",)


@simulated
async def test_words_that_come_after_the_siren_has_ended_are_heard():
    async with world() as around:
        around.studio.makes_s, around.studio.seconds["e"] = 25, 10
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY))
        await asyncio.sleep(24)
        assert [(h.programme.id, h.how) for h in around.engine.heard] == [("e~0", "finished")]
        assert states(around) == {"e": "interrupted"}
        await asyncio.sleep(20)
        assert [(h.programme.id, h.how) for h in around.engine.heard][1:] == [("e~1", "finished")]
        assert states(around) == {"e": "finished"}


@simulated
async def test_the_siren_falls_silent_with_an_emergency_that_fails_or_is_stopped():
    async with world() as around:
        around.studio.makes_s = 1
        around.studio.fails.add("f")
        await around.room.place(asked(around, "f", class_=OrderClass.EMERGENCY))
        await around.room.place(asked(around, "s", zones=("hall",), class_=OrderClass.EMERGENCY))
        await asyncio.sleep(0.5)
        assert around.engine.sounding == {"f~0", "s~0"}
        await around.room.cancel("s", STAFF)
        await asyncio.sleep(2)
        assert around.engine.sounding == set()
        assert states(around) == {"f": "failed", "s": "stopped"}


@simulated
@pytest.mark.parametrize("away_s", [1, 30])
async def test_killed_while_its_siren_sounds_an_emergency_gets_its_words_all_the_same(away_s):
    async with world() as around:
        around.studio.makes_s = 3
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY, lives_s=120))
        await asyncio.sleep(1)
        await around.kill()
        await asyncio.sleep(away_s)
        await around.start()
        await asyncio.sleep(60)
        assert [(h.programme.id, h.how) for h in around.engine.heard] == [
            ("e~0", "cut" if away_s == 1 else "finished"),
            ("e~1", "finished"),
        ]
        assert states(around) == {"e": "finished"}


@simulated
async def test_what_ended_while_the_gateway_was_away_is_known():
    async with world() as around:
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY))
        await around.room.place(asked(around, "n", zones=("hall",)))
        await asyncio.sleep(2)
        await around.kill()
        await asyncio.sleep(30)
        await around.start()
        await asyncio.sleep(1)
        assert states(around) == {"e": "finished", "n": "finished"}
        assert len(around.engine.heard) == 2


@simulated
async def test_after_a_kill_nothing_but_an_emergency_sounds_again():
    async with world() as around:
        around.engine.away = True
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY))
        await around.room.place(asked(around, "n", zones=("hall",)))
        around.engine.lag_s = 5
        around.engine.away = False
        await asyncio.sleep(1)
        await around.kill()
        around.engine.lag_s = 0.01
        await around.start()
        await asyncio.sleep(20)
        assert states(around)["e"] == "finished"
        assert states(around)["n"] == "failed"
        assert [h.programme.id for h in around.engine.heard] == ["e"]


@simulated
async def test_after_a_power_cut_everything_has_expired():
    async with world() as around:
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY))
        await around.room.place(asked(around, "waits", lives_s=9_999))
        await asyncio.sleep(2)
        await around.reboot()
        await around.start()
        await asyncio.sleep(30)
        assert states(around) == {"e": "failed", "waits": "expired"}
        assert [h.how for h in around.engine.heard] == ["power"]


@contextlib.asynccontextmanager
async def cut_off(**changed: Any) -> AsyncIterator[World]:
    """An emergency of ten minutes, known in UTC, and the power that came back 20 s later."""
    async with world() as around:
        around.clock.learn(Trust.NTP, around.true_ns(), S // 100)
        deadline = around.clock.deadline(600)
        await around.room.place(
            order(id="e", expires=deadline, class_=OrderClass.EMERGENCY, **changed)
        )
        await asyncio.sleep(2)
        assert states(around) == {"e": "playing"}
        await around.reboot()
        await around.start()
        await asyncio.sleep(60)
        assert states(around) == {"e": "interrupted"}
        assert len(around.engine.heard) == 1
        yield around


@simulated
async def test_after_a_power_cut_an_emergency_goes_on_once_the_time_is_known():
    async with cut_off() as around:
        around.clock.learn(Trust.NTP, around.true_ns(), S // 100)
        await asyncio.sleep(20)
        assert states(around) == {"e": "finished"}
        assert [h.how for h in around.engine.heard] == ["power", "finished"]
        assert [state for _, state in await told(around, Lane.EMERGENCY)][-3:] == [
            "interrupted",
            "playing",
            "finished",
        ]


@simulated
async def test_an_answer_at_the_desk_is_enough_for_it_and_one_platforms_word_is_not():
    async with cut_off() as around:
        around.clock.learn(Trust.PLATFORM, around.true_ns(), S, "district")
        await asyncio.sleep(60)
        assert states(around) == {"e": "interrupted"}
        assert around.clock.status().doubt == "order"  # the desk asks
        around.clock.learn(Trust.PERSON, around.true_ns(), 90 * S)
        await asyncio.sleep(60)
        assert states(around) == {"e": "finished"}
        assert around.clock.status().doubt == ""
    async with cut_off() as around:
        around.clock.learn(Trust.PERSON, around.true_ns(), 90 * S)
        await asyncio.sleep(20)
        assert states(around) == {"e": "finished"}


@simulated
async def test_a_platforms_own_emergency_goes_on_by_that_platforms_time():
    theirs = Actor("platform", "district")
    for uplink, state in (("police", "interrupted"), ("district", "finished")):
        async with cut_off(actor=theirs, authority=Authority.SIGNATURE) as around:
            around.clock.learn(Trust.PLATFORM, around.true_ns(), S, uplink)
            await asyncio.sleep(30)
            assert states(around) == {"e": state}


@simulated
async def test_one_that_has_expired_meanwhile_stays_silent_whatever_is_said():
    for source in (Trust.NTP, Trust.PERSON):
        async with cut_off() as around:
            await asyncio.sleep(600)
            around.clock.learn(source, around.true_ns(), S)
            await asyncio.sleep(60)
            assert states(around) == {"e": "failed"}
            assert around.room.require("e").why == "broadcast.unknown", (
                "it sounded, who knows how far"
            )
            around.clock.learn(Trust.NTP, around.true_ns() - 600 * S, S)
            await asyncio.sleep(60)
            assert len(around.engine.heard) == 1


@simulated
async def test_whoever_orders_it_anew_or_stops_it_need_not_wait_for_the_time():
    async with cut_off(joins="fire") as around:
        anew = asked(around, "again", class_=OrderClass.EMERGENCY, joins="fire")
        assert (await around.room.place(anew)).state not in {"refused", "expired"}
        await asyncio.sleep(20)
        assert states(around) == {"e": "stopped", "again": "finished"}
    async with cut_off() as around:
        await around.room.cancel("e", STAFF)
        around.clock.learn(Trust.NTP, around.true_ns(), S // 100)
        await asyncio.sleep(60)
        assert states(around) == {"e": "stopped"}
        assert len(around.engine.heard) == 1


@simulated
async def test_a_second_power_cut_changes_nothing_of_that():
    async with cut_off() as around:
        await around.reboot()
        await around.start()
        await asyncio.sleep(30)
        assert states(around) == {"e": "interrupted"}
        around.clock.learn(Trust.NTP, around.true_ns(), S // 100)
        await asyncio.sleep(20)
        assert states(around) == {"e": "finished"}


@simulated
async def test_an_emergency_tries_until_the_audio_process_is_there():
    async with world() as around:
        around.engine.away = True
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY, lives_s=30))
        await around.room.place(asked(around, "n", zones=("hall",)))
        await asyncio.sleep(10)
        assert states(around) == {"e": "playing", "n": "failed"}
        around.engine.away = False
        await asyncio.sleep(12)
        assert states(around)["e"] == "finished"


@simulated
async def test_an_emergency_is_never_late():
    async with world() as around:
        around.engine.away = True
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY, lives_s=30))
        await asyncio.sleep(31)
        around.engine.away = False
        await asyncio.sleep(30)
        assert states(around) == {"e": "expired"}
        assert around.engine.heard == []


@simulated
async def test_an_emergency_that_its_own_expiry_cuts_off_was_heard_and_is_not_called_late():
    async with world() as around:
        around.studio.seconds["e"] = 60
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY, lives_s=20))
        await asyncio.sleep(30)
        assert states(around) == {"e": "dropped"}
        assert around.room.require("e").why == "broadcast.ran-out"
        assert [h.how for h in around.engine.heard] == ["expired"]


@simulated
@pytest.mark.parametrize(
    ("lasts_s", "away", "became", "answered"),
    [
        (5, False, "finished", "broadcast.played-before"),
        (40, False, "dropped", "broadcast.played-before"),
        (0, False, "expired", "broadcast.expired"),
        (5, True, "expired", "audio.away"),
    ],
)
async def test_an_emergency_whose_time_passed_while_we_were_dead_is_asked_after(
    lasts_s, away, became, answered
):
    async with world() as around:
        around.studio.seconds["e"] = lasts_s
        around.engine.away = not lasts_s
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY, lives_s=20))
        await asyncio.sleep(1)
        await around.kill()
        kept = around.room.require("e")
        kept = msgspec.structs.replace(kept, state=OrderState.ACCEPTED, airings=(), reached=())
        await around.journal.append([], [around.room._store.book.put(kept)])  # all that was on disk
        await asyncio.sleep(30)
        around.engine.away = away
        await around.start()
        remote = BroadcastCommands(
            "d", around.room, Presets(around.journal, {}), around.clock, None
        )
        try:
            told = (await remote.settle(None, Mandate("e", kept.order.expires)))["reason_code"]
        except StationError as error:
            told = error.code
        assert told == answered
        await asyncio.sleep(5)
        assert states(around) == {"e": became}
        assert len(around.engine.heard) == (1 if lasts_s else 0)


@simulated
async def test_what_cannot_be_made_fails_with_its_reason():
    async with world() as around:
        around.studio.fails.add("o-1")
        await around.room.place(asked(around))
        await asyncio.sleep(1)
        kept = around.room.require("o-1")
        assert (kept.state, kept.why) == (OrderState.FAILED, "voice.no-engine")


@simulated
async def test_a_journal_that_refuses_stops_a_notice_and_no_emergency():
    async with world() as around:

        async def refuse(*_: Any) -> Any:
            raise JournalFull("journal.full")

        around.journal.append = refuse  # type: ignore[method-assign]
        await around.room.place(asked(around, "e", class_=OrderClass.EMERGENCY))
        receipt = await around.room.place(asked(around, "n", zones=("hall",)))
        assert (receipt.state, receipt.reason_code) == ("failed", "broadcast.unrecorded")
        await around.room.place(asked(around, "key", zones=("hall",), at_once=True))
        await asyncio.sleep(20)
        heard = {h.programme.id for h in around.engine.heard}
        assert heard == {"e", "key"}, "whoever stands at the wall is heard, record or none"
        assert around.room.refusals.lost > 0


@simulated
async def test_what_a_microphone_heard_after_the_end_is_kept_and_told():
    async with world() as around:
        around.room.monitor.speakers = frozenset({"horn-b3", "horn-b5"})
        await around.room.place(asked(around))
        await asyncio.sleep(2)
        around.engine._tell(messages.ProgrammeStarted("o-1", 1, speakers=("horn-b3", "horn-b5")))
        await asyncio.sleep(20)
        assert around.room.require("o-1").reached == (2, 0, 0, 0)
        around.engine._tell(messages.ProgrammeHeard("o-1", "horn-b3"))
        around.engine._tell(messages.ProgrammeHeard("o-1", "nobody"))
        await asyncio.sleep(1)
        assert (await told(around))[-1] == ("o-1", "heard")
        await around.kill()
        await around.start()
        kept = around.room.require("o-1")
        assert (kept.state, kept.reached) == (OrderState.FINISHED, (2, 0, 0, 1))


@simulated
async def test_an_update_takes_the_place_of_what_it_updates():
    async with world() as around:
        await around.room.place(asked(around, "cap-1", class_=OrderClass.EMERGENCY))
        await asyncio.sleep(2)
        newer = asked(around, "cap-2", class_=OrderClass.EMERGENCY, supersedes=("cap-1",))
        await around.room.place(newer)
        await asyncio.sleep(20)
        assert states(around) == {"cap-1": "stopped", "cap-2": "finished"}
        assert around.room.require("cap-1").why == "broadcast.superseded"


@simulated
async def test_the_book_is_bounded_and_never_full_for_an_emergency():
    async with world() as around:
        around.studio.seconds.update({f"n-{n}": 200 for n in range(100)})
        receipts = [
            await around.room.place(asked(around, f"n-{n}", lives_s=9_000)) for n in range(80)
        ]
        refused = [r for r in receipts if r.reason_code == "broadcast.too-many"]
        assert len(refused) == 20
        for n in range(320):
            await around.room.place(
                asked(around, f"e-{n}", class_=OrderClass.EMERGENCY, lives_s=1, zones=("hall",))
            )
            await asyncio.sleep(0.1)
        assert len(around.room.orders()) <= 300
        assert around.room.require("e-319").state is not OrderState.REFUSED


@simulated
async def test_what_waits_for_the_morning_keeps_out_no_bell_and_no_alarm():
    at_once = {"zones": ("hall",), "lives_s": 30, "at_once": True}
    linkage = {"authority": Authority.LINKAGE, "actor": Actor("linkage", "duty")}
    async with world(NOON_NS + 12 * 3600 * S) as around:
        held = [await around.room.place(asked(around, f"n-{n}", lives_s=80_000)) for n in range(60)]
        assert [r.state for r in held].count("refused") == 20
        assert held[-1].reason_code == "broadcast.too-many"
        bell = asked(around, "bell", class_=OrderClass.SERVICE, **at_once, **linkage)
        assert (await around.room.place(bell)).state != "refused"
        words = asked(around, "words", class_=OrderClass.PROMPT, actor=Actor("resident"), **at_once)
        assert (await around.room.place(words)).state != "refused"
        hall = [asked(around, f"hall-{n}", zones=("hall",), lives_s=3_000) for n in range(80)]
        states = [(await around.room.place(each)).state for each in hall]
        assert states.count("refused") == 20, "sixty notices have room beside them"
        alarm = asked(around, "alarm", class_=OrderClass.URGENT, zones=("hall",), **linkage)
        assert (await around.room.place(alarm)).state != "refused"


@simulated
async def test_the_memory_of_what_is_over_keeps_out_no_bell():
    async with world() as around:
        for n in range(300):
            await around.room.place(asked(around, f"n-{n}", lives_s=80_000))
            await around.room.cancel(f"n-{n}", STAFF)
        bell = asked(around, "bell", class_=OrderClass.SERVICE, zones=("hall",), at_once=True)
        assert (await around.room.place(bell)).state != "refused"
        assert (await around.room.place(asked(around, "n"))).reason_code == "broadcast.too-many"
        assert len(around.room.orders()) <= 300


@simulated
async def test_stop_passes_by_what_is_due_tomorrow():
    async with world() as around:
        begins, lives_s = around.clock.deadline(20 * 3600), 26 * 3600
        tomorrow = asked(around, "tomorrow", lives_s=lives_s, not_before=begins)
        await around.room.place(tomorrow)
        await around.room.place(asked(around, "other", lives_s=lives_s, not_before=begins))
        await around.room.place(asked(around, "music", class_=OrderClass.BACKGROUND))
        await asyncio.sleep(2)
        assert [r.of for r in await around.room.stop((), STAFF)] == ["music"]
        assert (await around.room.cancel("other", STAFF)).state == "stopped"
        await asyncio.sleep(21 * 3600)
        assert [h.programme.id for h in around.engine.heard] == ["music", "tomorrow"]
