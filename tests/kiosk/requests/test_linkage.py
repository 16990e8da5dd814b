"""What a linkage opens: a work order, a call; each once, over restarts, in words of its own."""

import asyncio

import pytest

from gateway.audit import Actor
from gateway.errors import UsageError
from gateway.event import Lane
from gateway.rules.linkage import LinkageTask
from gateway.upstream.inbox.command import Mandate
from kiosk.request_types.ride.commands import RideUpdate, ride_update_command
from kiosk.requests.request import RequestAction
from kiosk.runtime.linkage import LinkageRequests
from tests.kiosk.requests.harness import station
from tests.sim.loop import simulated


def task(action: dict, **fields) -> LinkageTask:
    common = {
        "id": "task-9f3ac21b-1", "linkage": "leak-b3", "does": next(iter(action)), "alarm": "a-1",
        "rule": "leak-b3", "place": "b3", "text": "3号楼夜里一直在走水", "expires_ns": 10**15,
    }  # fmt: skip
    return LinkageTask(**(common | {"action": action} | fields))


@simulated
async def test_a_linkage_opens_a_work_order_once():
    async with station() as made:
        opens = LinkageRequests(made.room)
        await opens.handle(task({"request": "repair"}))
        await opens.handle(task({"request": "repair"}))
        await made.restart()
        await LinkageRequests(made.room).handle(task({"request": "repair"}))
        (order,) = made.room.all_requests()
        assert (order.family, order.what, order.place) == ("work", "other", "b3")
        assert (order.note, order.state) == ("3号楼夜里一直在走水", "reported")
        assert (order.actor.kind, order.actor.id) == ("linkage", "leak-b3")
        await LinkageRequests(made.room).handle(
            task({"request": "repair"}, id="task-9f3ac21b-2", text="还在走水")
        )
        assert len(made.room.all_requests()) == 1  # the fault is there still
        other = {"id": "task-9f3ac21b-3", "linkage": "leak-b5", "place": "hall"}
        await LinkageRequests(made.room).handle(task({"request": "repair"}, **other))
        assert len(made.room.all_requests()) == 2  # another linkage tells of another fault
        await made.room.apply_action(order.id, RequestAction(act="finish"), Actor("staff", "0217"))
        await LinkageRequests(made.room).handle(task({"request": "repair"}, id="task-9f3ac21b-4"))
        assert len(made.room.all_requests()) == 3  # it was mended, and has come back
        assert made.speaker.captions == []  # nobody stands at a kiosk


@simulated
async def test_a_linkage_calls_staff_and_it_escalates_like_any_call():
    async with station() as made:
        await LinkageRequests(made.room).handle(task({"call": "desk"}, urgent=True))
        await asyncio.sleep(65)
        (call,) = made.room.all_requests()
        assert (call.family, call.place, call.state) == ("call", "b3", "escalated")
        assert [to for _, to, _ in made.desk.rung] == ["desk", "duty", "manager"]


@simulated
async def test_a_call_for_a_private_alarm_does_not_say_where_in_the_hall():
    async with station() as made:
        await LinkageRequests(made.room).handle(task({"request": "staff"}, private=True))
        await LinkageRequests(made.room).handle(
            task({"request": "repair"}, private=True, id="task-9f3ac21b-2")
        )
        call, order = sorted(made.room.all_requests(), key=lambda one: one.family)
        assert (call.family, call.place) == ("call", ""), "the alarm itself says it to staff"
        assert (order.family, order.place) == ("work", "b3"), "nobody is rung for it"


@simulated
@pytest.mark.parametrize("what", ["lift-trapped", "gas"])
async def test_danger_goes_to_a_person_at_once_and_in_the_emergency_lane(what):
    async with station() as made:
        before = made.journal.heads()[Lane.EMERGENCY]
        request = await made.press("repair", what=what, where="b3")
        assert (request.family, request.urgent, request.place) == ("call", True, "b3")
        await asyncio.sleep(0.01)
        assert made.desk.rung[0][1] == "desk"
        await asyncio.sleep(1)
        assert made.journal.heads()[Lane.EMERGENCY] > before
        assert not any(one.family == "work" for one in made.room.all_requests())


@simulated
async def test_a_linkage_that_asks_for_what_there_is_not_is_told_so():
    async with station() as made:
        with pytest.raises(UsageError):
            await LinkageRequests(made.room).handle(task({"request": "taxi"}))
        assert made.room.all_requests() == []


@simulated
@pytest.mark.parametrize("ride", ["unknown", "ride-0-0-1", "{call}-1"])
async def test_a_platform_that_tells_of_a_ride_that_is_none_is_told_which(ride):
    async with station() as made:
        call = await made.press("staff")
        named = ride.format(call=call.id)
        update = ride_update_command(made.room, "district")
        with pytest.raises(UsageError) as refused:
            await update.act(
                RideUpdate(state="arrived", ride=named), Mandate("c", made.clock.deadline(60))
            )
        assert (refused.value.code, refused.value.data) == ("requests.unknown", {"request": named})
