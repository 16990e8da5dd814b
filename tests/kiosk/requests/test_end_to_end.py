"""The real station and the real dispatcher over HTTP, through its moods; and who may ask what."""

import asyncio

import aiohttp
import pytest

from gateway.demo.dispatcher.rides import DispatcherMode
from tests.kiosk.requests.station_process import House, house

pytestmark = pytest.mark.slow

ACCEPT_S, LATE_S = 4, 5.5


async def test_a_car_comes_then_none_then_silence_then_one_too_late(tmp_path):
    async with house(tmp_path, late_s=LATE_S, drive_s=0.2) as made:
        request = await made.press("ride")
        found = await made.until(request, "boarded")
        assert found["car"]["plate"] in ("京BT3642", "京AD81906")

        made.dispatcher.office.mood = DispatcherMode.REFUSES
        refused = await made.press("ride")
        await made.until(refused, "asking")
        async with asyncio.timeout(60):
            while (await made.now(refused))["road"] != "desk":  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.05)
        await made.act(refused, "assign", car={"plate": "京BT3642", "minutes": 3})
        await made.act(refused, "board")

        await asyncio.sleep(1.6)  # within a second and a half it would be the same finger
        made.dispatcher.office.mood = DispatcherMode.SILENT
        silent = await made.press("ride")
        found = await made.until(silent, "expired")
        assert found["caption"].startswith("没有叫成车，这次不会来车。已经叫工作人员来帮您。")
        listed = await made.call("GET", "/api/v1/requests")
        assert [one["linked"] for one in listed if one["family"] == "call"] == [silent["id"]]

        made.dispatcher.office.mood = DispatcherMode.LATE
        looked_for = await made.press("ride")
        found = await made.until(looked_for, "expired")
        await made.nothing_live()
        assert (await made.now(looked_for))["state"] == "expired"  # no car was ever named
        late = await made.press("ride")
        async with asyncio.timeout(60):
            while not made.dispatcher.office.live():  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.05)
        made.dispatcher.office.drive(f"{late['id']}-1", "assigned")
        found = await made.until(late, "late")
        assert found["caption"].startswith("刚才那次没有叫成，来晚的车已经请回去了。已经叫工作人员")
        await made.nothing_live()

        assert len(made.asked) == 4  # silence heard nothing, and wrote nothing down
        assert all(one.press_age_ms < ACCEPT_S * 1000 for one in made.asked)
        shown = await made.call("GET", "/api/v1/kiosks/hall?language=en")
        assert not shown["network_away"]
        assert shown["requests"][0]["caption"].isascii()
        await only_here_and_only_staff(made)


async def only_here_and_only_staff(made: House) -> None:
    """The kiosk's routes answer to this machine, the desk's to staff, and none to nonsense."""
    plain = f"http://127.0.0.1:{made.port}/api/v1"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{plain}/kiosks/hall") as answer:
            assert answer.status == 200
        async with session.get(f"{plain}/requests") as answer:
            assert answer.status in (401, 403)
        async with session.post(f"{plain}/requests/x/reveal", json={}) as answer:
            assert answer.status in (401, 403)
    for body in ({"press": "a b"}, {}):
        await made.call("POST", "/api/v1/requests", body, status=400)
    unknown = {"press": "p", "kiosk": "hall", "service": "taxi"}
    await made.call("POST", "/api/v1/requests", unknown, status=404)
    for what in ("act", "own", "hear", "repeat", "reveal"):
        told = await made.call("POST", f"/api/v1/requests/x/{what}", {"act": "take"}, status=404)
        assert told["code"] == "requests.unknown"
