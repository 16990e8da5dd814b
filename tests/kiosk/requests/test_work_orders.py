"""What is promised of a work order, and faults that several have reported."""

import asyncio

import msgspec

from gateway.audit import Actor
from kiosk.request_types.work.options import WorkOptions
from kiosk.requests.catalogue import ServiceTargets, load_services
from kiosk.requests.request import RequestAction
from kiosk.requests.rules import RequestDue
from tests.kiosk.requests.harness import plan, station
from tests.sim.loop import simulated

STAFF, RESIDENT = Actor("staff", "0217"), Actor("resident")
WATER_MIN = load_services()["repair"].find_option("water").within


@simulated
async def test_what_is_promised_of_an_order_is_kept_or_told_upwards_until_somebody_moves():
    async with station() as made:
        request = await made.press("repair", what="water", where="b3")
        assert made.room.engine.rules("work").next_due(request) == RequestDue(
            "take", request.opened_ns + WATER_MIN.take_min * 60 * 10**9
        )
        await asyncio.sleep(WATER_MIN.take_min * 60 - 40)
        assert made.desk.rung == []
        await asyncio.sleep(170)
        assert [to for _, to, _ in made.desk.rung] == ["desk", "duty", "manager"]
        await asyncio.sleep(3600)
        assert len(made.desk.rung) == 3
        assert made.of(request).state == "reported"
        assert made.of(request).late == "take"
        said = list(made.speaker.captions)
        assert len(said) == 1  # whoever has reported it is not told of the promise

        await made.room.apply_action(request.id, RequestAction(act="assign", by="王师傅"), STAFF)
        await made.restart()
        await asyncio.sleep(WATER_MIN.come_min * 60)
        assert [to for _, to, _ in made.desk.rung[3:]] == ["desk", "duty", "manager"]
        assert made.of(request).late == "come"
        await made.room.apply_action(request.id, RequestAction(act="start"), STAFF)
        assert made.room.engine.rules("work").next_due(made.of(request)) is None


@simulated
async def test_a_visit_owed_is_owed_by_a_time_and_an_order_opened_again_counts_anew():
    async with station() as made:
        request = await made.press("repair", what="water", where="b3")
        await made.room.apply_action(request.id, RequestAction(act="finish"), STAFF)
        await made.room.apply_action(
            request.id, RequestAction(act="complain", rating="bad"), RESIDENT
        )
        await asyncio.sleep(WATER_MIN.revisit_min * 60 + 60)
        assert made.of(request).late == "revisit"
        await made.room.apply_action(request.id, RequestAction(act="reopen"), STAFF)
        reopened = made.of(request)
        assert reopened.late == ""
        assert made.room.engine.rules("work").next_due(reopened).at_ns > made.room.now().lived_ns


@simulated
async def test_a_station_may_promise_something_else():
    settings = plan()
    work = WorkOptions(within={"water": ServiceTargets(take_min=1, come_min=2, revisit_min=3)})
    async with station(msgspec.structs.replace(settings, services={"repair": work})) as made:
        await made.press("repair", what="water", where="b3")
        await asyncio.sleep(95)
        assert [to for _, to, _ in made.desk.rung] == ["desk", "duty"]


@simulated
async def test_the_same_fault_at_the_same_place_is_done_once_and_nobody_is_forgotten():
    async with station() as made:
        first = await made.press("repair", what="lift", where="b3")
        await asyncio.sleep(300)
        second = await made.press("repair", what="lift", where="b3", kiosk="yard")
        third = await made.press("repair", what="lift", where="hall")
        other = [await made.press("repair", what="other", where="b3", kiosk=kiosk)
                 for kiosk in ("hall", "yard")]  # fmt: skip
        assert (second.linked, second.number != first.number) == (first.id, True)
        assert [one.linked for one in (first, third, *other)] == [""] * 4
        await made.room.apply_action(first.id, RequestAction(act="assign", by="王师傅"), STAFF)
        assert (made.of(second).state, made.of(second).by) == ("assigned", "王师傅")
        await made.restart()
        await made.room.apply_action(first.id, RequestAction(act="finish"), STAFF)
        assert [made.of(one).state for one in (first, second, third)] == [
            "done", "done", "reported",
        ]  # fmt: skip
        await made.room.apply_action(first.id, RequestAction(act="praise", rating="good"), RESIDENT)
        assert made.of(second).state == "done"  # each has a face of its own
        await asyncio.sleep(2)
        again = await made.press("repair", what="lift", where="b3")
        assert again.linked == ""


@simulated
async def test_a_joined_order_that_staff_treat_by_itself_is_by_itself():
    async with station() as made:
        first = await made.press("repair", what="lift", where="b3")
        second = await made.press("repair", what="lift", where="b3", kiosk="yard")
        await made.room.apply_action(second.id, RequestAction(act="receive"), STAFF)
        assert made.of(second).linked == ""
        assert made.of(first).state == "reported"
        await made.room.apply_action(first.id, RequestAction(act="finish"), STAFF)
        assert made.of(second).state == "received"
