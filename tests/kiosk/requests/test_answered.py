"""Calls that were answered, orders that nobody closes, and what is claimed of a bell."""

import asyncio

import pytest

from gateway.audit import Actor
from gateway.errors import UsageError
from kiosk.request_types.call.rules import ASK_S, LAPSE_S
from kiosk.request_types.work.options import WorkOptions
from kiosk.requests.repository import MANY
from kiosk.requests.request import Press, RequestAction
from kiosk.requests.request_type import OPEN_MAX
from tests.kiosk.requests.harness import Station, plan, station
from tests.sim.loop import simulated

STAFF, RESIDENT = Actor("staff", "0217"), Actor("resident")
HOUR_S, DAY_S = 3600, 86_400


def calls(made: Station) -> list[str]:
    return [one.state for one in made.room.all_requests() if one.family == "call"]


async def answered(made: Station, **fields):
    request = await made.press("staff", **fields)
    await made.room.apply_action(request.id, RequestAction(act="answer"), STAFF)
    return request


@simulated
@pytest.mark.parametrize("pause_s", [1, 600, 3 * HOUR_S])
async def test_a_call_that_was_answered_is_no_reason_not_to_call_staff_for_a_failed_ride(pause_s):
    async with station() as made:
        await answered(made)
        await asyncio.sleep(pause_s)
        rung = len(made.desk.rung)
        made.road.open = False
        assert (await made.press("ride")).state == "away"
        await asyncio.sleep(40)
        assert [to for _, to, _ in made.desk.rung[rung:]] == ["desk", "duty"]


@simulated
async def test_a_call_that_a_resident_may_take_back_is_not_who_was_called_for_a_ride():
    async with station() as made:
        rings = await made.press("staff")
        made.road.open = False
        await made.press("ride")
        await made.room.apply_action(rings.id, RequestAction(act="cancel"), RESIDENT)
        assert calls(made) == ["cancelled", "ringing"]
        await asyncio.sleep(2)
        await made.press("ride")
        assert calls(made) == ["cancelled", "ringing"], "it rings for that already"


@simulated
async def test_an_answered_call_asks_whether_somebody_has_come_and_ends_by_itself_in_silence():
    async with station() as made:
        request = await answered(made)
        await asyncio.sleep(ASK_S - 5)
        assert made.speaker.captions[-1] == "工作人员马上来。"
        await asyncio.sleep(10)
        assert made.speaker.captions[-1] == "有人来了吗？来了请按一，还没来请按二。"
        said = len(made.speaker.captions)
        await made.restart()
        await asyncio.sleep(LAPSE_S - ASK_S - 20)
        assert made.of(request).state == "answered"
        await asyncio.sleep(40)
        assert made.of(request).state == "done"
        assert len(made.speaker.captions) == said
        with pytest.raises(UsageError):
            await made.room.apply_action(request.id, RequestAction(act="come"), RESIDENT)


@simulated
async def test_the_person_says_that_somebody_has_come_or_that_nobody_has():
    async with station() as made:
        request = await answered(made)
        await asyncio.sleep(ASK_S + 5)
        await made.room.apply_action(request.id, RequestAction(act="ring"), RESIDENT)
        assert (made.of(request).state, made.of(request).asked) == ("ringing", False)
        await asyncio.sleep(31)
        assert [to for _, to, _ in made.desk.rung] == ["desk", "desk", "duty"]
        await made.room.apply_action(request.id, RequestAction(act="answer"), STAFF)
        await asyncio.sleep(ASK_S + 5)
        await made.room.apply_action(request.id, RequestAction(act="come"), RESIDENT)
        await asyncio.sleep(1)
        assert made.of(request).state == "done"
        assert made.speaker.captions[-1] == "好的，有事再按。"


@simulated
async def test_that_a_second_person_was_called_is_said_only_if_the_bell_was_accepted():
    async with station() as made:
        made.desk.dead = {"desk", "hall"}
        request = await made.press("staff")
        await asyncio.sleep(45)
        assert [to for _, to, _ in made.desk.rung] == ["desk", "duty"]
        assert made.of(request).state == "ringing"
        assert not any("第二位" in said for said in made.speaker.captions)
        await asyncio.sleep(20)  # the manager hears of it by the platform
        assert [to for _, to, _ in made.desk.rung] == ["desk", "duty", "manager"]
        assert made.of(request).state == "escalated"
        assert made.speaker.captions[-1] == "还在叫人，已经叫了第二位。"
        await asyncio.sleep(600)
        assert len(made.desk.rung) == 3, "a step is taken once"


@simulated
async def test_a_bell_that_breaks_calls_nobody_and_the_next_step_is_taken():
    async with station() as made:
        ring = made.desk.ring

        async def broken(request, to, by):
            await ring(request, to, by)
            if to == "duty":
                raise ValueError(to)
            return by

        made.desk.ring = broken
        request = await made.press("staff")
        await asyncio.sleep(59)
        assert made.of(request).state == "ringing"
        await asyncio.sleep(5)
        assert made.of(request).state == "escalated"
        assert [to for _, to, _ in made.desk.rung] == ["desk", "duty", "manager"]


async def repairs(made: Station, count: int) -> None:
    """So many by linkages, each of a place and a linkage of its own."""
    for number in range(count):
        press = Press(press=f"w{number}", kiosk="", service="repair", what="other", where="b3")
        await made.room.submit_press(press, Actor("linkage", f"leak-{number}"))


@simulated
async def test_three_hundred_repairs_that_nobody_closed_refuse_no_ride_and_no_call():
    async with station() as made:
        await repairs(made, OPEN_MAX)
        assert (await made.press("ride")).state == "asking"
        made.road.open = False
        await asyncio.sleep(2)
        assert (await made.press("ride", kiosk="yard")).state == "away"
        assert (await made.press("staff", kiosk="yard")).state == "ringing"


@simulated
async def test_a_leak_that_trips_every_ten_minutes_is_one_order_until_it_is_mended():
    async with station() as made:
        leak = Actor("linkage", "leak-b3")
        for number in range(40):
            press = Press(press=f"t{number}", kiosk="", service="repair", what="other", where="b3")
            made_one = await made.room.submit_press(press, leak)
            await asyncio.sleep(600)
        assert len(made.room.all_requests()) == 1
        await made.room.apply_action(made_one.id, RequestAction(act="finish"), STAFF)
        again = await made.room.submit_press(
            Press(press="t99", kiosk="", service="repair", what="other", where="b3"), leak
        )
        assert again.id != made_one.id


@simulated
async def test_staff_hear_of_it_at_two_hundred_and_close_many_at_once_in_silence():
    async with station() as made:
        await repairs(made, MANY - 2)
        assert made.room.overload_count == 0
        mended = await made.press("repair", what="door")
        call = await answered(made)
        await made.room.apply_action(mended.id, RequestAction(act="finish"), STAFF)
        assert made.room.overload_count == MANY
        await asyncio.sleep(2)
        said = len(made.speaker.captions)
        ride = await made.press("ride")
        await asyncio.sleep(2)
        rings = await made.press("staff", kiosk="yard")
        await asyncio.sleep(1)
        spoken = len(made.speaker.captions)
        wanted = [one.id for one in made.room.all_requests()]
        await made.room.close_requests([*wanted, "work-0-0"], STAFF)
        await asyncio.sleep(2)
        assert made.of(ride).ended is False, "a ride ends by itself"
        assert made.of(rings).state == "ringing", "somebody waits"
        assert (made.of(mended).state, made.of(mended).by) == ("closed", "0217")
        assert made.of(call).state == "done"
        assert {one.state for one in made.room.all_requests() if not one.kiosk} == {"cancelled"}
        assert len(made.speaker.captions) == spoken > said


@simulated
async def test_an_order_without_a_face_closes_by_itself_and_one_with_a_bad_face_stays():
    async with station() as made:
        silent = await made.press("repair", what="door")
        bad = await made.press("repair", what="power")
        for one in (silent, bad):
            await made.room.apply_action(one.id, RequestAction(act="finish"), STAFF)
        await made.room.apply_action(bad.id, RequestAction(act="complain", rating="bad"), RESIDENT)
        days = WorkOptions().close_after_days
        await asyncio.sleep((days - 1) * DAY_S)
        assert made.of(silent).state == "revisit"
        said = len(made.speaker.captions)
        await asyncio.sleep(1.2 * DAY_S)
        assert made.of(silent).state == "closed"
        assert made.of(bad).state == "revisit"
        assert len(made.speaker.captions) == said


@simulated
async def test_only_staff_look_for_a_car_and_the_words_say_so():
    async with station(plan("desk")) as made:
        assert not made.room.network_away, "there is no network that could be away"
        assert made.room.all_possible
        await made.press("ride")
        await asyncio.sleep(1)
        assert made.speaker.captions == ["正在请工作人员帮您叫车，请稍等。"]


@simulated
async def test_danger_is_called_again_and_again_and_anything_else_once():
    async with station() as made:
        await made.press("repair", what="gas", where="b3")
        await asyncio.sleep(300)
        assert [to for _, to, _ in made.desk.rung][:3] == ["desk", "duty", "manager"]
        assert [to for _, to, _ in made.desk.rung].count("manager") > 3
        assert sum("第二位" in said for said in made.speaker.captions) == 1
        await asyncio.sleep(86_400)
        assert len(made.desk.rung) < 250


@simulated
async def test_a_danger_that_nobody_has_ended_rings_again_instead_of_ending():
    async with station() as made:
        request = await made.press("repair", what="gas", where="b3")
        await made.room.apply_action(request.id, RequestAction(act="answer"), STAFF)
        rung = len(made.desk.rung)
        await asyncio.sleep(LAPSE_S + 5)
        assert made.of(request).state == "ringing"
        assert len(made.desk.rung) > rung
        await made.room.apply_action(request.id, RequestAction(act="answer"), STAFF)
        await made.room.apply_action(request.id, RequestAction(act="close"), STAFF)
        await asyncio.sleep(2 * LAPSE_S)
        assert made.of(request).state == "done"
