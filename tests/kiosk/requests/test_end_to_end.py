"""The real station and the real dispatcher over HTTP: moods, kills, and a day without a trace."""

import asyncio
import contextlib
import json
import os
import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import aiohttp

from gateway.demo.dispatcher.office import Mood
from gateway.journal.private import PrivateStore
from tests.kiosk.requests.house import House, house
from tests.sim.clock import SimulatedClock, SimulatedKernel
from tests.station.rig import ROOT

PHONE = re.compile(rb"(?<![0-9a-zA-Z.])1[3-9][0-9]{9}(?![0-9a-zA-Z])")
NUMBERS = ("13812345678", "15900001234", "18611112222")
LATE_S = 4.0


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
        found = await made.until(silent, "expired")
        assert found["caption"].startswith("没有叫成车，这次不会来车。已经叫工作人员来帮您。")
        listed = await made.call("GET", "/api/v1/requests")
        assert [one["linked"] for one in listed if one["family"] == "call"] == [silent["id"]]

        made.dispatcher.office.mood = Mood.LATE
        late = await made.press("ride")
        found = await made.until(late, "late")
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


async def test_killed_after_the_dispatcher_has_heard_it_asks_what_became_of_it(tmp_path):
    async with house(tmp_path, late_s=2.0) as made:
        made.dispatcher.office.mood = Mood.LATE
        request = await made.press("ride")
        async with asyncio.timeout(5):
            while not made.asked:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.01)
        await made.station.kill()
        await made.station.start()
        made.dispatcher.office.mood = Mood.ACCEPTS
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
            async with asyncio.timeout(10):
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
    async with house(tmp_path) as made:
        ride = await made.press("ride")
        await made.until(ride, "searching")
        work = await made.press("repair", what="water", where="hall")
        call = await made.press("staff")
        assert await made.station.stop() < 3
        made.write_settings(
            '[kiosk.yard]\nzone = "hall"\n'
            "[service.repair]\nwithin = { water = { take_min = 1, come_min = 2 } }\n",
            **{"accept_within_s = 2": "accept_within_s = 9"},
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


async def yizhan(made: House, *arguments: str) -> tuple[int, str]:
    """`yizhan requests …` as staff type it beside the station."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", "requests", *arguments),
        cwd=ROOT,
        env={
            **os.environ,
            "RUNTIME_DIRECTORY": str(made.station.run_folder),
            "LANG": "zh_CN.UTF-8",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_a_whole_day_leaves_no_number_anywhere_but_sealed(tmp_path):
    """A morning, a noon and an evening of residents, and then every file is looked through."""
    async with house(tmp_path, drive_s=0.1) as made:
        kept = await made.press("repair", what="water", where="hall", contact={"phone": NUMBERS[0]})
        assert kept["masked"] == "138****5678"
        ride = await made.press("ride", contact={"phone": NUMBERS[1]})
        await made.until(ride, "boarded")
        await made.press("staff", contact={"last4": "5678"})
        gone = await made.press("repair", what="door", contact={"phone": NUMBERS[2]})
        await refused_without_repeating(made)
        await listed_on_the_command_line(made, kept)

        await made.station.kill()  # noon: the power fails
        await made.station.start()
        assert (await made.now(kept))["masked"] == "138****5678"
        made.dispatcher.office.mood = Mood.REFUSES
        none = await made.press("ride", contact={"phone": NUMBERS[1]})
        await made.until(none, "asking")
        await made.act(none, "cancel", "own")
        await made.press("repair", what="gas", contact={"phone": NUMBERS[0]})

        await made.act(kept, "finish")
        await made.act(kept, "praise", "own", rating="good")
        await made.act(gone, "cancel", "own")
        for one, number in ((kept, NUMBERS[0]), (gone, NUMBERS[2])):
            shown = await made.call("POST", f"/api/v1/requests/{one['id']}/reveal", {})
            assert shown["contact"]["phone"] == number
        listed = await made.call("GET", "/api/v1/requests")
        assert not PHONE.search(str(listed).encode())
        assert await made.station.stop() < 3
        no_file_holds_a_number(tmp_path)
        assert b"private/reveal" in (tmp_path / "state" / "journal.db").read_bytes()
        sealed_until_it_expires(tmp_path / "state")


async def refused_without_repeating(made: House) -> None:
    """A number where none belongs is refused, and not said again."""
    for bad in (
        {"contact": {"phone": f"{NUMBERS[0]}x"}}, {"note": NUMBERS[0], "what": "door"},
        {"press": f"{NUMBERS[0]}/"},
    ):  # fmt: skip
        body = {"press": "bad", "kiosk": "hall", "service": "repair", **bad}
        refused = await made.call("POST", "/api/v1/requests", body, status=400)
        assert NUMBERS[0] not in str(refused)


async def listed_on_the_command_line(made: House, kept: Any) -> None:
    """What is open, by urgency; one of them whole; and a no in words."""
    code, said = await yizhan(made, "list")
    assert code == 0
    assert f"{kept['number']}  报修 水" in said
    assert "分内接单" in said
    assert "叫车" not in said
    code, said = await yizhan(made, "list", "--all", "--json")
    assert {one["family"] for one in json.loads(said)} == {"ride", "work", "call"}
    code, said = await yizhan(made, "show", kept["number"])
    assert code == 0
    assert "138****5678" in said
    code, said = await yizhan(made, "show", "000000")
    assert code == 1
    assert "000000" in said


def no_file_holds_a_number(folder: Path) -> None:
    """Neither as text nor in any file of ours, `private.db` among them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"journal.db", "private.db", "station.log"} <= {path.name for path in files}
    for path in files:
        body = path.read_bytes()
        for number in NUMBERS:
            assert number.encode() not in body, path
            assert number.encode("utf-16-le") not in body, path
        if path.suffix in (".log", ".toml"):
            assert not PHONE.search(body), path


def sealed_until_it_expires(state: Path) -> None:
    """Under the station's key the numbers are there; a month later nothing is, nor in the file."""
    with contextlib.closing(sqlite3.connect(state / "private.db")) as db:
        boxes = dict(db.execute("SELECT token, box FROM person").fetchall())
    kernel = SimulatedKernel()
    clock = SimulatedClock(kernel)
    with contextlib.closing(PrivateStore.open(state, keys=state / "keys", clock=clock)) as store:
        told = {fields.get("phone") for token in boxes if (fields := store.get(token))}
        assert set(NUMBERS) <= told
        assert bytes(boxes[next(iter(boxes))]) in bytes_of(state)
        kernel.advance(31 * 86_400)
        store.sweep()
        assert [store.get(token) for token in boxes] == [None] * len(boxes)
    assert not any(bytes(box) in bytes_of(state) for box in boxes.values())


def bytes_of(state: Path) -> bytes:
    """Everything that `private.db` is made of."""
    return b"".join(path.read_bytes() for path in sorted(state.glob("private.db*")))
