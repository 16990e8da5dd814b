"""The station killed after a press, and started with other settings: what is open goes on."""

import asyncio

import pytest

from gateway.demo.dispatcher.rides import DispatcherMode
from tests.kiosk.requests.station_process import house

pytestmark = pytest.mark.slow


async def test_killed_after_the_dispatcher_has_heard_it_asks_what_became_of_it(tmp_path):
    async with house(tmp_path, late_s=2.0) as made:
        made.dispatcher.office.mood = DispatcherMode.LATE
        request = await made.press("ride")
        async with asyncio.timeout(60):
            while not made.asked:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.01)
        await made.station.kill()
        await made.station.start()
        made.dispatcher.office.mood = DispatcherMode.ACCEPTS
        assert (await made.press("ride", press="p1"))["id"] == request["id"]
        found = await made.until(request, "searching")
        assert (found["road"], found["caption"][:4]) == ("dispatcher", "已经发出")
        ride = f"{request['id']}-1"
        assert made.dispatcher.office.live() == [ride]
        made.dispatcher.office.drive(ride, "assigned")
        await made.until(request, "assigned")
        await made.act(request, "cancel", "own")
        await made.nothing_live()
        assert len(made.asked) == 1
        assert [one["family"] for one in await made.call("GET", "/api/v1/requests")] == ["ride"]


async def test_killed_at_once_it_was_asked_once_or_never_and_goes_on_accordingly(tmp_path):
    async with house(tmp_path) as made:
        request = await made.press("ride")
        await made.station.kill()
        await made.station.start()
        if made.asked:
            found = await made.until(request, "searching")
            assert made.dispatcher.office.live() == [f"{request['id']}-1"]
        else:  # refused for ever by the answer to the status: the desk is next, and looks
            async with asyncio.timeout(60):
                while (found := await made.now(request))["road"] != "desk":  # noqa: ASYNC110  # another process
                    await asyncio.sleep(0.05)
            assert (found["state"], made.dispatcher.office.live()) == ("asking", [])
        assert [one["family"] for one in await made.call("GET", "/api/v1/requests")] == ["ride"]
        await made.act(request, "cancel", "own")
        await made.nothing_live()
        assert len(made.asked) <= 1
        said = (await made.now(request))["caption"]
        assert said == "已经取消，不来车了。"


async def test_other_settings_leave_what_is_open_open(tmp_path):
    patient = {"accept_within_s = 4": "accept_within_s = 20"}
    async with house(tmp_path, changes=patient) as made:
        ride = await made.press("ride")
        await made.until(ride, "searching")
        work = await made.press("repair", what="water", where="hall")
        call = await made.press("staff")
        await made.station.stop()
        made.write_settings(
            '[kiosk.yard]\nzone = "hall"\n'
            "[service.repair]\nwithin = { water = { take_min = 1, come_min = 2 } }\n",
            {"accept_within_s = 4": "accept_within_s = 30"},
        )
        await made.station.start()
        found = {one["id"]: one for one in await made.call("GET", "/api/v1/requests")}
        assert [found[one["id"]]["state"] for one in (ride, work, call)] == [
            "searching", "reported", "ringing",
        ]  # fmt: skip
        assert 0 < found[work["id"]]["due_s"] <= 60
        made.dispatcher.office.drive(f"{ride['id']}-1", "assigned")
        await made.until(ride, "assigned")
        assert (await made.press("repair", what="water", where="hall", kiosk="yard"))[
            "linked"
        ] == work["id"]
        assert len(made.asked) == 1
