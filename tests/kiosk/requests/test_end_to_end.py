"""The real station and the real dispatcher over HTTP: its moods, a kill, and a day without a trace.

The control socket stands for the kiosk's page: it needs no cookie, and passes the same gate.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.demo.dispatcher.app import Dispatcher
from gateway.demo.dispatcher.office import Mood
from tests.station.rig import StationProcess, free_port

pytestmark = pytest.mark.slow

PHONE = re.compile(rb"(?<![0-9a-zA-Z.])1[3-9][0-9]{9}(?![0-9a-zA-Z])")
NUMBERS = ("13812345678", "15900001234")
LATE_S = 4.0

SETTINGS = """schema = 1
[station]
id = "under-test"
name = "试验站"
phone = "010-64700000"
[journal]
quota_mb = 16
[web]
port = {port}
[place]
hall = {{ name = "大厅" }}
[zone]
hall = {{ name = "大厅", places = ["hall"], sound = "indoors" }}
[kiosk.hall]
zone = "hall"
place = "hall"
[service.ride]
dispatch = ["dispatcher", "desk"]
dispatcher = {{ url = "{url}" }}
accept_within_s = 2
desk_within_s = 10
settle_s = 2
"""


class House:
    """A station process, its dispatcher, and a hand at the kiosk and at the desk."""

    def __init__(self, folder: Path, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.station = StationProcess(folder)
        self.port = free_port()
        text = SETTINGS.format(port=self.port, url=dispatcher.url)
        (folder / "station.toml").write_text(text, "utf-8")
        self._presses = 0

    async def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        socket = aiohttp.UnixConnector(str(self.station.run_folder / "control.sock"))
        async with (
            aiohttp.ClientSession(connector=socket) as session,
            session.request(method, f"http://localhost{path}", json=body) as answer,
        ):
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def press(self, service: str, **fields: Any) -> Any:
        self._presses += 1
        body = {"press": f"p{self._presses}", "kiosk": "hall", "service": service, **fields}
        return await self.call("POST", "/api/v1/requests", body)

    async def act(self, request: Any, act: str, whose: str = "act", **fields: Any) -> Any:
        body = {"act": act, **fields}
        return await self.call("POST", f"/api/v1/requests/{request['id']}/{whose}", body)

    async def now(self, request: Any) -> Any:
        listed = await self.call("GET", "/api/v1/requests")
        return next(one for one in listed if one["id"] == request["id"])

    async def until(self, request: Any, state: str, within_s: float = 20) -> Any:
        async with asyncio.timeout(within_s):
            while (found := await self.now(request))["state"] != state:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.05)
        return found

    async def nothing_live(self, within_s: float = 20) -> None:
        async with asyncio.timeout(within_s):
            while self.dispatcher.office.live():  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.05)

    @property
    def asked(self) -> list[Any]:
        return [one for one in self.dispatcher.office.asked if one.kind == "ride.request"]


@contextlib.asynccontextmanager
async def house(folder: Path, **how: float) -> AsyncIterator[House]:
    dispatcher = Dispatcher(**how)
    await dispatcher.start("127.0.0.1", 0)
    made = House(folder, dispatcher)
    await made.station.start()
    try:
        yield made
    finally:
        await made.station.kill()
        await dispatcher.stop()


async def test_a_car_comes_then_none_then_silence_then_one_too_late(tmp_path):
    async with house(tmp_path, late_s=LATE_S, drive_s=0.2) as made:
        request = await made.press("ride")
        found = await made.until(request, "boarded")
        assert found["car"]["plate"] in ("京BT3642", "京AD81906")

        made.dispatcher.office.mood = Mood.REFUSES
        refused = await made.press("ride")
        await made.until(refused, "asking")
        async with asyncio.timeout(10):
            while (await made.now(refused))["road"] != "desk":  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.05)
        await made.act(refused, "assign", car={"plate": "京BT3642", "minutes": 3})
        await made.act(refused, "board")

        await asyncio.sleep(1.6)  # within a second and a half it would be the same finger
        made.dispatcher.office.mood = Mood.SILENT
        silent = await made.press("ride")
        found = await made.until(silent, "expired", 12)
        assert found["caption"].startswith("没有叫成车，这次不会来车。已经叫工作人员来帮您。")
        listed = await made.call("GET", "/api/v1/requests")
        assert [one["linked"] for one in listed if one["family"] == "call"] == [silent["id"]]

        made.dispatcher.office.mood = Mood.LATE
        late = await made.press("ride")
        found = await made.until(late, "late", 20)
        assert found["caption"].startswith("刚才那次没有叫成")
        await made.nothing_live()

        assert len(made.asked) == 3  # silence heard nothing, and wrote nothing down
        assert all(one.press_age_ms < 2000 for one in made.asked)
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
    for body in ({"press": "a b"}, {"press": "p", "kiosk": "hall", "service": "taxi"}, {}):
        await made.call("POST", "/api/v1/requests", body, status=400)


async def test_killed_between_press_and_answer_it_asks_what_became_of_it_and_never_again(tmp_path):
    async with house(tmp_path, late_s=2.0) as made:
        made.dispatcher.office.mood = Mood.LATE
        request = await made.press("ride")
        await made.station.kill()
        await made.station.start()
        made.dispatcher.office.mood = Mood.ACCEPTS
        found = await made.now(request)
        assert found["state"] in ("checking", "asking", "expired")
        again = await made.press("ride", press="p1")
        assert again["id"] == request["id"]
        await asyncio.sleep(2.5)
        assert len([one for one in made.asked if one.ride.startswith(request["id"])]) <= 1
        final = await made.now(request)
        if final["ended"]:
            await made.nothing_live()
        else:
            assert len(made.dispatcher.office.live()) <= 1


async def test_a_whole_day_leaves_no_number_anywhere_but_sealed(tmp_path):
    async with house(tmp_path, drive_s=0.1) as made:
        kept = await made.press("repair", what="water", where="hall", contact={"phone": NUMBERS[0]})
        assert kept["masked"] == "138****5678"
        ride = await made.press("ride", contact={"phone": NUMBERS[1]})
        await made.until(ride, "boarded")
        await made.press("staff", contact={"last4": "5678"})
        await made.press("repair", what="gas", contact={"phone": NUMBERS[0]})
        for bad in (
            {"contact": {"phone": f"{NUMBERS[0]}x"}}, {"note": NUMBERS[0], "what": "door"},
        ):  # fmt: skip
            body = {"press": "bad", "kiosk": "hall", "service": "repair", **bad}
            refused = await made.call("POST", "/api/v1/requests", body, status=400)
            assert NUMBERS[0] not in str(refused)
        await made.act(kept, "finish")
        await made.act(kept, "praise", "own", rating="good")
        shown = await made.call("POST", f"/api/v1/requests/{kept['id']}/reveal", {})
        assert shown["contact"]["phone"] == NUMBERS[0]
        listed = await made.call("GET", "/api/v1/requests")
        assert not PHONE.search(str(listed).encode())
        await made.station.stop()
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert {"journal.db", "private.db", "station.log"} <= {path.name for path in files}
        for path in files:
            body = path.read_bytes()
            assert not any(number.encode() in body for number in NUMBERS), path
            if path.suffix in (".log", ".toml"):
                assert not PHONE.search(body), path
        assert b"private/reveal" in (tmp_path / "state" / "journal.db").read_bytes()
