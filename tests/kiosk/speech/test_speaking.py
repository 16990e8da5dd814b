"""What the kiosk says through the broadcast: order of states, one voice, and who goes before it."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator

import pytest

from broadcast.order import OrderClass
from broadcast.policy.quiet_hours import S
from gateway.audit import Actor
from gateway.errors import Unavailable
from gateway.event import Timestamps, Trust
from gateway.places import PlaceOptions, Places
from gateway.station.kiosk_speech import KioskSpeech
from kiosk.requests.request import Request
from kiosk.speech.sentences import CLASS_PROMPT, CLASS_SERVICE, build_sentence
from tests.broadcast.playback.fake_audio import World
from tests.broadcast.policy.zones import order
from tests.sim.loop import simulated

NOON_NS = 1_790_049_600 * S
NIGHT_NS = NOON_NS + 11 * 3600 * S
PLACES = Places("试验站", {"hall": PlaceOptions(name="大厅")})


class House(World):
    """The broadcast's world with a kiosk in it."""

    def __init__(self, true_ns: int = NOON_NS) -> None:
        super().__init__(true_ns)
        self.clock.learn(Trust.PLATFORM, true_ns, S)
        self.here = True

    async def say(
        self, state: str, zone: str = "hall", *, family: str = "call", about: str = "r-1", **how
    ) -> bool:
        class_ = how.pop("class_", CLASS_PROMPT)
        said = build_sentence(request(family, state, about), "zh", {})
        until = self.clock.deadline(120)
        return await self.speaking.say(said, zone, class_, until, about=about, **how)

    @property
    def speaking(self) -> KioskSpeech:
        if not hasattr(self, "_speaking"):
            self._speaking = KioskSpeech(self.room, self.clock, PLACES, lambda: self.here, "zh")
        return self._speaking

    def texts(self, how: str | None = None) -> list[str]:
        """What has ended, in the order of its beginning."""
        heard = sorted(self.engine.heard, key=lambda one: one.began_s)
        return [
            self.room.require(one.programme.id.partition("~")[0]).order.content.text
            for one in heard
            if how in (None, one.how)
        ]


def request(family: str, state: str, id_: str, **fields) -> Request:
    return Request(
        **fields, id=id_, number="583920", service=family, family=family, kiosk="hall",
        place="hall", state=state, actor=Actor("resident"), pressed=Timestamps("b", 0), opened_ns=0,
        since_ns=0,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def house(true_ns: int = NOON_NS) -> AsyncIterator[House]:
    made = House(true_ns)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


@simulated
async def test_a_newer_state_cuts_the_older_one_and_both_are_never_heard_at_once():
    async with house() as made:
        assert await made.say("ringing")
        await asyncio.sleep(1)
        assert await made.say("answered", class_=CLASS_SERVICE)
        await asyncio.sleep(1)
        assert await made.say("done")
        await asyncio.sleep(30)
        assert made.texts() == [
            "正在叫工作人员，请稍等。",
            "工作人员马上来。",
            "好的，有事再按。",
        ]
        assert made.texts("finished") == ["好的，有事再按。"]
        heard = sorted(made.engine.heard, key=lambda one: one.began_s)
        for one, other in itertools.pairwise(heard):
            assert one.ended_s <= other.began_s


@simulated
async def test_an_arrival_cuts_somebody_elses_prompt_but_a_prompt_waits_for_an_arrival():
    async with house() as made:
        await made.say("ringing", about="r-2")
        await asyncio.sleep(1)
        await made.say("arrived", family="ride", class_=CLASS_SERVICE)
        await asyncio.sleep(1)
        await made.say("cancelled", about="r-2")
        await asyncio.sleep(30)
        assert made.texts("finished") == ["接您的车到了，车牌，请上车。", "好的，不叫了。"]


@simulated
async def test_an_emergency_cuts_the_sentence_and_what_is_not_true_any_more_is_not_resumed():
    async with house() as made:
        await made.say("answered", class_=CLASS_SERVICE)
        await asyncio.sleep(1)
        made.studio.seconds["fire"] = 20
        alarm = order(
            id="fire", class_=OrderClass.EMERGENCY, zones=("hall",), expires=made.clock.deadline(20)
        )
        await made.room.place(alarm)
        await asyncio.sleep(1)
        assert made.engine.sounding == {"fire"}
        await made.say("done")
        await asyncio.sleep(60)
        assert "工作人员马上来。" not in made.texts("finished")
        assert made.texts("finished").count("好的，有事再按。") == 0, "a prompt of then is stale"
        assert [kept.order.id for kept in made.room.orders() if kept.open] == []


@simulated
async def test_what_is_still_true_after_the_emergency_is_said_from_its_beginning():
    async with house() as made:
        await made.say("answered", class_=CLASS_SERVICE)
        await asyncio.sleep(1)
        made.studio.seconds["fire"] = 20
        alarm = order(
            id="fire", class_=OrderClass.EMERGENCY, zones=("hall",), expires=made.clock.deadline(20)
        )
        await made.room.place(alarm)
        await asyncio.sleep(60)
        assert made.texts("finished")[-1] == "工作人员马上来。"


@simulated
async def test_each_sentence_begins_at_its_own_level_however_loud_the_one_before_was():
    async with house() as made:
        levels = []
        for zone in ("hall", "lift"):
            for louder in (False, True, False):
                await made.say("ringing", zone, louder=louder)
                await asyncio.sleep(15)
                levels.append(made.engine.heard[-1].programme.gain_db)
        assert levels == [-6.0, 0.0, -6.0, -16.0, -10.0, -16.0]


@simulated
async def test_at_night_the_community_is_not_called_but_the_hall_and_the_lift_are(caplog):
    async with house(NIGHT_NS) as made:
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert not await made.say("arrived", "all", family="ride", class_=CLASS_SERVICE)
        assert [record.getMessage() for record in caplog.records] == [
            "nothing is heard in all: broadcast.quiet"
        ]
        assert not await made.say("ringing", "mute")
        assert await made.say("arrived", "hall", family="ride", class_=CLASS_SERVICE)
        assert await made.say("ringing", "lift", about="r-2")
        await asyncio.sleep(30)
        assert len(made.texts("finished")) == 2


@simulated
async def test_staff_are_called_in_the_zones_of_the_roster_with_a_chime_and_the_place():
    async with house() as made:
        called = request("call", "escalated", "r-1")
        await made.speaking.ring(called, "duty", ("desk", "hall", "platform"))
        urgent = request("call", "escalated", "r-2", urgent=True)
        await made.speaking.ring(urgent, "duty", ("hall",))
        await asyncio.sleep(30)
        assert made.texts("finished") == [
            "大厅有人找工作人员，请过去看看。",
            "大厅有人急需帮忙，请马上过去。",
        ]
        given = {kept.order.source: kept.order for kept in made.room.orders()}
        assert given["call.r-1.hall"].chime is None
        assert given["call.r-2.hall"].chime == "urgent"
        assert {one.class_ for one in given.values()} == {OrderClass.SERVICE}


@simulated
async def test_while_the_audio_process_is_away_it_says_so_once_and_once_that_it_is_back(caplog):
    async with house() as made:
        made.here = False
        with caplog.at_level(logging.INFO, "gateway.station.kiosk_speech"):
            for _ in range(3):
                with pytest.raises(Unavailable, match=r"audio\.away"):
                    await made.say("ringing")
            made.here = True
            assert await made.say("ringing")
        said = [record.levelname for record in caplog.records]
        assert said == ["WARNING", "INFO"]
        await asyncio.sleep(30)
        assert made.texts("finished") == ["正在叫工作人员，请稍等。"]


async def noisy(made: House, class_: OrderClass, seconds: float) -> None:
    """Something more urgent sounds in the hall for so long."""
    made.studio.seconds["loud"] = seconds
    until = made.clock.deadline(seconds)
    await made.room.place(order(id="loud", class_=class_, zones=("hall",), expires=until))
    await asyncio.sleep(1)


@simulated
async def test_what_an_emergency_cut_off_for_good_is_told_once_and_only_when_it_is_quiet():
    async with house() as made:
        await made.say("done")
        await asyncio.sleep(0.5)
        await noisy(made, OrderClass.EMERGENCY, 20)
        assert made.speaking.drain_cut_off() == ()
        await asyncio.sleep(30)
        assert made.speaking.drain_cut_off() == ("r-1",)
        assert made.speaking.drain_cut_off() == ()
        await made.say("done")
        await asyncio.sleep(30)
        assert made.speaking.drain_cut_off() == ()
        assert made.texts("finished")[-1] == "好的，有事再按。"


@simulated
async def test_what_came_during_an_emergency_and_was_dropped_is_told_afterwards():
    async with house() as made:
        await noisy(made, OrderClass.EMERGENCY, 20)
        await made.say("done")
        await asyncio.sleep(40)
        assert made.speaking.drain_cut_off() == ("r-1",)


@simulated
async def test_what_something_newer_replaced_or_nobody_may_hear_is_not_told():
    async with house(NIGHT_NS) as made:
        await made.say("ringing")
        await asyncio.sleep(0.5)
        await made.say("answered", class_=CLASS_SERVICE)
        assert not await made.say("arrived", "all", family="ride", about="r-2")
        await asyncio.sleep(30)
        assert made.speaking.drain_cut_off() == ()


@simulated
async def test_a_bell_that_is_refused_is_no_call_and_the_feed_reaches_the_desk():
    async with house(NIGHT_NS) as made:
        called = request("call", "escalated", "r-1")
        assert await made.speaking.ring(called, "duty", ("desk", "all")) == ("desk",)
        assert await made.speaking.ring(called, "duty", ("all", "mute")) == ()
        assert await made.speaking.ring(called, "duty", ("hall", "platform")) == (
            "hall", "platform",
        )  # fmt: skip
        made.here = False
        assert await made.speaking.ring(called, "manager", ("hall", "desk")) == ("desk",)


@simulated
async def test_a_bell_waits_for_no_disk():
    async with house() as made:
        made.journal._shell._delay_s = 60.0
        called = request("call", "escalated", "r-1")
        async with asyncio.timeout(5):
            assert await made.speaking.ring(called, "duty", ("hall",)) == ("hall",)
