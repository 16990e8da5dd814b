"""Requests in a station whose time, wires and disk are simulated: every flow, and its bad days."""

import asyncio

import pytest

from gateway.audit import Actor
from gateway.errors import Unavailable, UsageError
from gateway.event import Lane
from kiosk.request_types.ride.dispatch import RideStatus
from kiosk.requests.request import Car, Contact, PendingCancel, Request, RequestAction
from tests.kiosk.requests.harness import FakeDispatcher, Station, limit, plan, station, told
from tests.sim.loop import simulated

STAFF = Actor("staff", "0217")
RESIDENT = Actor("resident")
CAR = Car("京BT3642", "黄绿色", "北京现代", 4)


async def states(made: Station, request: Request, *expected: str, within_s: float = 400) -> None:
    """Wait until the request stands in each of these, one after the other."""
    for state in expected:
        async with asyncio.timeout(within_s):
            while made.of(request).state != state:  # noqa: ASYNC110  # virtual time, and any turn
                await asyncio.sleep(0.05)


def staff_calls(made: Station) -> list[Request]:
    return [one for one in made.room.all_requests() if one.family == "call"]


@simulated
async def test_one_press_and_a_car_comes():
    async with station() as made:
        request = await made.press("ride")
        await states(made, request, "searching")
        ride = made.of(request).ride_id
        made.road.rides[ride] = RideStatus("assigned", CAR)
        await states(made, request, "assigned")
        await asyncio.sleep(1)
        await told(made.room, "platform", ride, RideStatus("arrived"))
        await asyncio.sleep(1)
        assert made.of(request).state == "arrived"
        made.road.rides[ride] = RideStatus("boarded")
        await states(made, request, "boarded")
        await asyncio.sleep(1)
        assert [caption[:4] for caption in made.speaker.captions] == [
            "正在叫车", "已经发出", "叫到车了", "接您的车", "上车了，",
        ]  # fmt: skip
        assert "京BT3642" in made.speaker.captions[3]
        assert made.of(request).owed == ()
        assert staff_calls(made) == []


@simulated
async def test_what_is_asked_says_how_old_the_press_is_and_how_long_it_is_of_use():
    async with station() as made:
        await made.press("ride", contact=Contact(last4="5678"))
        await asyncio.sleep(1)
        (_, asked), *_ = made.road.asked
        assert asked["kind"] == "ride.request"
        assert asked["ttl_s"] == 20
        assert 0 <= asked["press_age_ms"] < 200  # two commits
        assert asked["contact"] == {"last4": "5678"}
        assert made.room.all_requests()[0].masked == "****5678"


@simulated
async def test_ten_presses_are_one_request():
    async with station() as made:
        pressed = await asyncio.gather(*(made.press("ride") for _ in range(10)))
        assert len({one.id for one in pressed}) == 1
        await asyncio.sleep(5)
        asked = [question for _, question in made.road.asked if question["kind"] == "ride.request"]
        assert len(asked) == 1


@simulated
async def test_a_press_that_is_sent_again_is_the_same_even_after_its_end_and_a_restart():
    async with station() as made:
        made.road.mood = "none"
        first = await made.press("ride", "once")
        await states(made, first, "no-car")
        await asyncio.sleep(60)
        await made.restart()
        assert (await made.press("ride", "once")).id == first.id
        assert (await made.press("ride", "again")).id != first.id


@simulated
async def test_nobody_has_a_car_so_a_person_comes():
    async with station() as made:
        made.road.mood = "none"
        request = await made.press("ride")
        await states(made, request, "no-car")
        await asyncio.sleep(1)
        (call,) = staff_calls(made)
        assert (call.linked, call.quiet) == (request.id, True)
        assert made.desk.rung[0][1] == "desk"
        await made.room.apply_action(call.id, RequestAction(act="answer"), STAFF)
        await asyncio.sleep(1)
        assert made.speaker.captions[-2:] == [
            "没有叫到车，附近没有车接单。已经叫工作人员来帮您。也可以拨打95128。",
            "工作人员马上来。",
        ]


@simulated
async def test_no_driver_in_three_minutes_is_no_car_and_the_dispatcher_is_told():
    async with station() as made:
        request = await made.press("ride")
        await states(made, request, "searching", "no-car")
        assert made.of(request).since_ns - request.opened_ns == pytest.approx(180e9, abs=3e9)
        await asyncio.sleep(5)
        assert made.road.live == set()
        assert made.of(request).owed == ()


@simulated
async def test_silence_expires_and_a_car_that_comes_late_is_called_off_and_said():
    async with station() as made:
        made.road.lag_s, made.road.mood = 60.0, "assigned"
        request = await made.press("ride")
        await states(made, request, "expired")
        assert made.of(request).since_ns - request.opened_ns == pytest.approx(20e9, abs=2e9)
        await asyncio.sleep(50)
        made.road.lag_s = 0.05
        await states(made, request, "late")
        await asyncio.sleep(400)
        assert made.road.live == set()
        assert made.of(request).owed == ()
        late = next(said for said in made.speaker.captions if said.startswith("刚才那次没有叫成"))
        assert late.endswith("已经叫工作人员来帮您。也可以拨打95128。")


@simulated
async def test_that_somebody_was_looking_for_a_car_is_no_car_that_was_sent_back():
    async with station() as made:
        request = await made.press("ride")
        await states(made, request, "searching", "no-car")
        await asyncio.sleep(60)
        assert made.road.live == set()
        assert made.of(request).state == "no-car"
        assert any(said.startswith("没有叫到车") for said in made.speaker.captions)
        assert not any("晚" in said for said in made.speaker.captions)


@simulated
async def test_a_car_that_comes_too_late_to_matter_is_called_off_without_a_word():
    async with station() as made:
        made.road.lag_s = 6 * 3600.0
        request = await made.press("ride")
        await states(made, request, "expired")
        said = len(made.speaker.captions)
        await asyncio.sleep(8 * 3600)
        made.road.lag_s = 0.05
        await asyncio.sleep(8 * 3600)
        assert made.of(request).state == "expired"
        assert made.road.live == set()
        assert len(made.speaker.captions) <= said + 3  # the call's own sentences


@simulated
async def test_a_wire_that_breaks_before_the_answer_is_a_doubt_that_is_looked_into():
    async with station(plan(accept_within_s=120)) as made:
        made.road.loses_answers = True
        request = await made.press("ride")
        await asyncio.sleep(0.5)
        made.road.loses_answers = False
        await made.restart()
        assert made.of(request).state == "checking"
        await states(made, request, "searching")
        assert len([1 for _, q in made.road.asked if q["kind"] == "ride.request"]) == 1


@simulated
async def test_what_nobody_can_tell_is_said_and_called_off_until_it_is_confirmed():
    async with station() as made:
        await made.press("ride")
        made.road.loses_answers = True
        await made.restart()
        (request, *_) = made.room.all_requests()
        made.road.loses_asks = True
        await states(made, request, "unknown")
        assert made.speaker.captions[-1].startswith("不确定车叫成没有")
        await asyncio.sleep(3600)
        await made.restart()
        made.road.loses_asks = made.road.loses_answers = False
        await asyncio.sleep(700)
        assert made.of(request).owed == ()
        assert made.road.live == set()


@simulated
async def test_the_next_road_is_asked_only_after_a_certain_no():
    roads = {"platform": FakeDispatcher(), "dispatcher": FakeDispatcher()}
    async with station(plan("platform", "dispatcher", "desk"), **roads) as made:
        roads["platform"].mood = "none"
        request = await made.press("ride")
        await states(made, request, "searching")
        assert made.of(request).ride.road == "dispatcher"
        assert roads["dispatcher"].live == {request.ride_id}


@simulated
async def test_the_desk_takes_a_ride_that_no_road_has():
    async with station(plan("platform", "desk")) as made:
        made.road.open = False
        assert made.room.network_away
        assert made.room.all_possible
        request = await made.press("ride")
        assert made.of(request).ride.road == "desk"
        await made.room.apply_action(request.id, RequestAction(act="accept"), STAFF)
        await made.room.apply_action(
            request.id, RequestAction(act="assign", car=CAR, reply="到南门"), STAFF
        )
        await asyncio.sleep(1)
        assert made.speaker.captions[-1] == (
            "叫到车了，车牌京BT3642，黄绿色北京现代，大约4分钟到。工作人员说：到南门。"
        )
        assert made.road.asked == []


@simulated
async def test_staff_who_take_what_a_dispatcher_is_being_asked_call_it_off_there():
    async with station(plan("platform", "desk")) as made:
        request = await made.press("ride")
        await states(made, request, "searching")
        await made.room.apply_action(request.id, RequestAction(act="assign", car=CAR), STAFF)
        await asyncio.sleep(5)
        assert made.of(request).state == "assigned"
        assert made.road.live == set()
        assert made.of(request).owed == ()


@simulated
async def test_without_a_network_nobody_is_asked_and_it_is_known_before():
    async with station() as made:
        made.road.open = False
        assert made.room.network_away
        assert not made.room.all_possible
        request = await made.press("ride")
        assert made.of(request).state == "away"
        await asyncio.sleep(1)
        assert made.speaker.captions == [
            "网络断了，车没有叫成。已经叫工作人员来帮您。也可以拨打95128。"
        ]
        assert len(staff_calls(made)) == 1


@simulated
async def test_a_driver_who_gives_up_is_replaced_once():
    async with station() as made:
        request = await made.press("ride")
        await states(made, request, "searching")
        first = made.of(request).ride_id
        made.road.rides[first] = RideStatus("assigned", CAR)
        await states(made, request, "assigned")
        made.road.rides[first] = RideStatus("driver-cancelled")
        await states(made, request, "searching")
        second = made.of(request).ride_id
        assert second != first
        assert "司机来不了，正在重新找车，请再等一等。" in made.speaker.captions
        made.road.rides[second] = RideStatus("assigned", CAR)
        await states(made, request, "assigned")
        made.road.rides[second] = RideStatus("driver-cancelled")
        await states(made, request, "no-car")


@simulated
async def test_a_reboot_ends_what_was_being_asked_and_says_so():
    async with station() as made:
        request = await made.press("ride")
        await states(made, request, "searching")
        await made.reboot()
        assert made.of(request).state == "expired"
        await asyncio.sleep(30)
        assert made.road.live == set()
        assert "没有叫成车，这次不会来车" in "".join(made.speaker.captions)


@simulated
async def test_a_car_that_is_coming_comes_over_a_reboot():
    async with station() as made:
        request = await made.press("ride")
        await states(made, request, "searching")
        made.road.rides[made.of(request).ride_id] = RideStatus("assigned", CAR)
        await states(made, request, "assigned")
        await made.reboot()
        assert made.of(request).state == "checking"
        await states(made, request, "assigned")


@simulated
async def test_not_wanted_any_more():
    async with station() as made:
        request = await made.press("ride")
        await states(made, request, "searching")
        await made.room.apply_action(request.id, RequestAction(act="cancel"), RESIDENT)
        await asyncio.sleep(5)
        assert made.of(request).state == "cancelled"
        assert made.road.live == set()
        assert staff_calls(made) == []


@simulated
@pytest.mark.parametrize("act", ["arrive", "board"])
async def test_another_car_than_the_one_that_was_named_calls_that_one_off(act):
    async with station() as made:
        unnamed = await made.press("ride")
        await states(made, unnamed, "searching")
        await made.room.apply_action(unnamed.id, RequestAction(act=act), STAFF)
        await asyncio.sleep(5)
        assert made.road.live == set()
        assert made.of(unnamed).ride.road == "desk"

        await asyncio.sleep(3000)
        other = await made.press("ride")
        await states(made, other, "searching")
        made.road.rides[made.of(other).ride_id] = RideStatus("assigned", CAR)
        await states(made, other, "assigned")
        await made.room.apply_action(other.id, RequestAction(act=act, car=Car("京AD81906")), STAFF)
        await asyncio.sleep(5)
        assert made.road.live == set()


@simulated
async def test_the_desks_no_is_not_the_dispatchers_whose_late_yes_is_called_off():
    async with station() as made:
        made.road.lag_s = 5.0
        request = await made.press("ride")
        await made.room.apply_action(request.id, RequestAction(act="refuse"), STAFF)
        assert made.of(request).state == "no-car"
        await asyncio.sleep(60)
        assert made.road.live == set()
        assert made.of(request).owed == ()


@simulated
async def test_the_car_that_carries_the_person_is_not_called_off():
    async with station() as made:
        request = await made.press("ride")
        await states(made, request, "searching")
        ride = made.of(request).ride_id
        made.road.rides[ride] = RideStatus("arrived", CAR)
        await states(made, request, "arrived")
        await made.room.apply_action(request.id, RequestAction(act="board"), STAFF)
        await asyncio.sleep(60)
        assert made.of(request).owed == ()
        assert made.road.live == {ride}
        assert not any(question["kind"] == "ride.cancel" for _, question in made.road.asked)


@simulated
async def test_a_car_that_waits_for_half_an_hour_is_let_go():
    async with station() as made:
        request = await made.press("ride")
        await states(made, request, "searching")
        made.road.rides[made.of(request).ride_id] = RideStatus("arrived", CAR)
        await states(made, request, "arrived")
        await states(made, request, "boarded", within_s=1900)
        await asyncio.sleep(5)
        assert made.road.live == set()
        assert made.of(request).owed == ()


@simulated
async def test_sealing_and_storing_take_of_the_time_that_a_press_has():
    async with station() as made:
        keep = made.people.seal_contact

        async def slowly(contact, days):
            await asyncio.sleep(25)
            return await keep(contact, days)

        made.people.seal_contact = slowly
        request = await made.press("ride", contact=Contact(last4="5678"))
        await asyncio.sleep(2)
        assert made.of(request).state == "expired"
        assert not any(question["kind"] == "ride.request" for _, question in made.road.asked)


@simulated
async def test_a_call_rings_at_once_and_further_until_somebody_answers():
    async with station() as made:
        began_s = asyncio.get_running_loop().time()
        request = await made.press("staff")
        await asyncio.sleep(130)
        assert [(round(at_s - began_s), to) for at_s, to, _ in made.desk.rung] == [
            (0, "desk"), (30, "duty"), (60, "manager"),
        ]  # fmt: skip
        assert made.of(request).state == "alone"
        assert made.speaker.captions[-1] == "现在没人应答，还在接着叫。请拨打01064700000。"
        await made.room.apply_action(request.id, RequestAction(act="answer"), STAFF)
        await asyncio.sleep(1)
        assert made.speaker.captions[-1] == "工作人员马上来。"
        again = await made.press("staff")
        assert again.state == "answered"
        await asyncio.sleep(61)
        assert (await made.press("staff")).state == "ringing"
        await asyncio.sleep(1)
        assert made.desk.rung[-1][1] == "desk"


@simulated
async def test_a_call_waits_for_no_disk():
    async with station() as made:
        made.journal._closed = True

        async def never(*_args, **_kwargs):
            await asyncio.Event().wait()

        made.room._journal.append = never
        async with asyncio.timeout(0.1):
            await made.press("staff")
            await asyncio.sleep(0.01)
        assert made.desk.rung
        assert made.speaker.captions


@simulated
async def test_gas_goes_to_a_person_and_never_becomes_an_order():
    async with station() as made:
        await made.press("staff")
        request = await made.press("repair", what="gas", where="b3")
        assert (request.family, request.urgent, request.place) == ("call", True, "b3")
        await asyncio.sleep(1)
        assert made.speaker.captions[-1] == "正在叫工作人员，请稍等。也可以拨打96777。"
        assert made.journal.heads()[Lane.EMERGENCY] >= 1
        assert all(one.family == "call" for one in made.room.all_requests())


@simulated
async def test_a_repair_from_the_picture_to_the_face():
    async with station() as made:
        request = await made.press("repair", what="water", where="b3")
        assert len(request.number) == 6
        for act in ("receive", "assign", "start", "finish"):
            await made.room.apply_action(request.id, RequestAction(act=act, by="王师傅"), STAFF)
        await made.room.apply_action(
            request.id, RequestAction(act="complain", rating="bad"), RESIDENT
        )
        assert made.of(request).state == "revisit"
        await made.room.apply_action(request.id, RequestAction(act="reopen"), STAFF)
        await made.room.apply_action(request.id, RequestAction(act="finish"), STAFF)
        await made.room.apply_action(
            request.id, RequestAction(act="praise", rating="good"), RESIDENT
        )
        assert made.of(request).state == "closed"
        await made.room.apply_action(request.id, RequestAction(act="reopen"), RESIDENT)
        await asyncio.sleep(1)
        assert made.speaker.captions[0] == f"已经记下，单号{request.number}。"


@simulated
async def test_nobodys_word_is_a_visit_owed_and_a_closed_order_is_forgotten_at_last():
    async with station() as made:
        request = await made.press("repair", what="door", contact=Contact(phone="13812345678"))
        assert request.masked == "138****5678"
        await made.room.apply_action(request.id, RequestAction(act="finish"), STAFF)
        await asyncio.sleep(47 * 3600)
        assert made.of(request).state == "done"
        await asyncio.sleep(2 * 3600)
        assert made.of(request).state == "revisit"
        await made.room.apply_action(request.id, RequestAction(act="close"), STAFF)
        await asyncio.sleep(7.1 * 86_400)
        assert request.id not in made.room.engine.repository.requests
        assert made.people.kept == {}


@simulated
async def test_two_different_repairs_are_two():
    async with station() as made:
        first = await made.press("repair", what="water")
        assert (await made.press("repair", what="water")).id == first.id
        assert (await made.press("repair", what="power")).id != first.id
        await asyncio.sleep(2)
        assert (await made.press("repair", what="water")).id != first.id


@simulated
async def test_what_makes_no_sense_is_refused():
    async with station() as made:
        for bad in (
            {"service": "taxi"}, {"service": "repair", "what": "roof"},
            {"service": "repair", "what": "water", "where": "moon"},
            {"service": "repair", "what": "water", "note": "打 13812345678"},
        ):  # fmt: skip
            with pytest.raises(UsageError):
                await made.press(**bad)
        request = await made.press("staff")
        for deed, who in (
            (RequestAction(act="answer"), RESIDENT),
            (RequestAction(act="ring"), STAFF),
        ):
            with pytest.raises(UsageError):
                await made.room.apply_action(request.id, deed, who)
        assert len(made.room.all_requests()) == 1


@simulated
async def test_without_storage_a_repair_is_refused_and_a_call_is_not():
    async with station() as made:
        made.journal.volatile = True
        with pytest.raises(Unavailable):
            await made.press("repair", what="water")
        assert (await made.press("staff")).state == "ringing"
        assert (await made.press("ride")).state == "asking"


@simulated
async def test_what_the_speaker_does_not_take_is_said_later():
    async with station() as made:
        made.speaker.fails = 3
        await made.press("staff")
        await asyncio.sleep(10)
        assert made.speaker.captions == ["正在叫工作人员，请稍等。也可以拨打01064700000。"]
        await made.restart()
        await asyncio.sleep(5)
        assert len(made.speaker.captions) == 1  # said once, also over a restart


@simulated
async def test_once_more():
    async with station() as made:
        request = await made.press("staff")
        await asyncio.sleep(1)
        await made.room.repeat_sentence(request.id)
        assert made.speaker.captions[0] == made.speaker.captions[1]


@simulated
async def test_work_orders_are_bounded_and_take_no_room_from_a_ride_or_a_call(monkeypatch):
    limit(monkeypatch, "work", 3)
    monkeypatch.setattr("kiosk.requests.repository.ENDED_MAX", 2)
    async with station() as made:
        for what in ("water", "power", "door"):
            await made.press("repair", what=what)
        with pytest.raises(Unavailable):
            await made.press("repair", what="other")
        await made.press("staff")
        assert (await made.press("ride")).state == "asking"
        for one in made.room.all_requests():
            if one.family == "work":
                await made.room.apply_action(one.id, RequestAction(act="cancel"), STAFF)
        await asyncio.sleep(2)
        assert len([one for one in made.room.all_requests() if one.ended]) == 2


@simulated
@pytest.mark.parametrize("stands", ["searching", "assigned"])
async def test_a_platform_that_leaves_the_settings_leaves_its_ride_to_the_desk(stands):
    roads = {"platform": FakeDispatcher(), "dispatcher": FakeDispatcher()}
    async with station(plan("platform", "dispatcher", "desk"), **roads) as made:
        made.road.holder, made.road.mood = "district", stands
        request = await made.press("ride", contact=Contact(phone="13800001234"))
        await states(made, request, stands)
        made.road.gone = True  # the settings have another platform first now
        made.road.holder = "city"
        await asyncio.sleep(8)
        now = made.of(request)
        assert (now.state, now.ride.road, now.code) == ("asking", "desk", "requests.no-road")
        assert now.owed == (PendingCancel("platform", request.ride_id, "district"),)
        assert made.roads["dispatcher"].asked == []
        assert {holder for _, holder in made.road.holders} == {"district"}
        assert made.speaker.captions[-1].endswith("由工作人员接着给您叫车，请稍等。")
        with pytest.raises(UsageError):  # it was never asked, and speaks of what it cannot know
            await told(made.room, "platform", request.ride_id, RideStatus("none"), "city")
        await made.restart()
        made.road.gone = False
        await asyncio.sleep(400)
        assert made.of(request).owed == ()
        assert made.road.live == set()
        assert {holder for _, holder in made.road.holders} == {"district"}


@simulated
async def test_without_a_desk_in_the_order_staff_are_called_when_the_platform_is_gone():
    async with station() as made:
        made.road.holder = "district"
        request = await made.press("ride")
        await states(made, request, "searching")
        made.road.gone = True
        await states(made, request, "unknown", within_s=60)
        assert len(staff_calls(made)) == 1


@simulated
async def test_a_ride_stays_with_the_uplink_that_was_asked_over_restarts():
    async with station() as made:
        made.road.holder = "district"
        request = await made.press("ride")
        await states(made, request, "searching")
        made.road.holder = "city"
        await made.restart()
        await asyncio.sleep(30)
        for state in (RideStatus("assigned", CAR), RideStatus("none")):
            with pytest.raises(UsageError):
                await told(made.room, "platform", request.ride_id, state, "city")
        await told(made.room, "platform", request.ride_id, RideStatus("assigned", CAR), "district")
        await states(made, request, "assigned")
        await made.room.apply_action(request.id, RequestAction(act="cancel"), STAFF)
        await asyncio.sleep(5)
        assert made.road.live == set()
        assert {holder for _, holder in made.road.holders} == {"district"}
        other = await made.press("ride")
        await states(made, other, "searching")
        assert made.road.holders[-1][1] == "city"


@simulated
async def test_a_ride_of_a_version_that_kept_no_uplink_is_still_told_of():
    async with station() as made:
        request = await made.press("ride")
        await states(made, request, "searching")
        assert made.of(request).ride.holder == ""
        await told(made.room, "platform", request.ride_id, RideStatus("assigned", CAR), "district")
        await states(made, request, "assigned")
