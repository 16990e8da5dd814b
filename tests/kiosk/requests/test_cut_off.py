"""What was said and not heard is said again while it is true; what stands unheard, too."""

import asyncio

from gateway.audit import Actor
from kiosk.request_types.ride.dispatch import RideStatus
from kiosk.requests.request import Car, RequestAction
from kiosk.speech.announcer import ENDED_S
from tests.kiosk.requests.harness import station
from tests.sim.loop import simulated

STAFF = Actor("staff", "0217")
FAILED = "网络断了，车没有叫成。已经叫工作人员来帮您。也可以拨打95128。"
CAR = Car("京BT3642", "黄绿色", "", 4)


@simulated
async def test_an_end_that_was_cut_off_is_said_again_while_it_matters():
    async with station() as made:
        made.road.open = False
        request = await made.press("ride")
        await asyncio.sleep(1)
        for count in (2, 3):
            made.speaker.lost = [request.id]
            await asyncio.sleep(30)
            assert made.speaker.captions.count(FAILED) == count
        await asyncio.sleep(ENDED_S)
        made.speaker.lost = [request.id]
        await asyncio.sleep(60)
        assert made.speaker.captions.count(FAILED) == 3


@simulated
async def test_what_is_not_true_any_more_is_not_said_again():
    async with station() as made:
        request = await made.press("staff")
        await asyncio.sleep(1)
        await made.room.apply_action(request.id, RequestAction(act="answer"), STAFF)
        await asyncio.sleep(1)
        await made.room.apply_action(request.id, RequestAction(act="close"), STAFF)
        made.speaker.lost = [request.id, "hall", "ride-0-0"]
        await asyncio.sleep(20)
        assert made.speaker.captions[-2:] == ["好的，有事再按。"] * 2
        assert made.speaker.captions.count("工作人员马上来。") == 1


@simulated
async def test_a_voice_that_loses_every_sentence_is_tried_ever_more_seldom():
    async with station() as made:
        request = await made.press("staff")
        for _ in range(1200):
            await asyncio.sleep(1)
            made.speaker.lost = [request.id]
        assert 5 <= made.speaker.captions.count(made.speaker.captions[-1]) <= 12


@simulated
async def test_what_became_true_while_the_voice_was_away_is_said_when_it_is_back():
    async with station() as made:
        request = await made.press("ride")
        await asyncio.sleep(2)
        made.speaker.fails = 10**6
        made.road.rides[made.of(request).ride_id] = RideStatus("arrived", CAR)
        await asyncio.sleep(400)  # longer than any sentence may be late
        assert made.of(request).state == "arrived"
        made.speaker.fails = 0
        await asyncio.sleep(5)
        assert made.speaker.captions[-1].startswith("接您的车到了，车牌京BT3642")


@simulated
async def test_a_sentence_that_went_down_with_the_station_is_said_by_the_next_one():
    async with station() as made:
        request = await made.press("ride")
        await asyncio.sleep(2)
        made.road.rides[made.of(request).ride_id] = RideStatus("arrived", CAR)
        await asyncio.sleep(6)
        said = made.speaker.captions.count(made.speaker.captions[-1])
        await made.restart()
        made.speaker.lost = [request.id]
        await asyncio.sleep(10)
        assert made.speaker.captions.count(made.speaker.captions[-1]) == said + 1
