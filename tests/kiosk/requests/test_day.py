"""A whole day of a running station: its numbers are sealed, expire, and are nowhere else."""

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
import pytest

from gateway.demo.dispatcher.rides import DispatcherMode
from gateway.journal.personal_store import PersonalStore
from tests.kiosk.requests.station_process import House, house
from tests.sim.clock import SimulatedClock, SimulatedKernel
from tests.station.harness import ROOT

pytestmark = pytest.mark.slow

PHONE = re.compile(rb"(?<![0-9a-zA-Z.])1[3-9][0-9]{9}(?![0-9a-zA-Z])")
NUMBERS = ("13812345678", "15900001234", "18611112222")
CARD = "0412345678990"


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
        await with_a_card(made)
        await listed_on_the_command_line(made, kept)

        await made.station.kill()  # noon: the power fails
        await made.station.start()
        assert (await made.now(kept))["masked"] == "138****5678"
        made.dispatcher.office.mood = DispatcherMode.REFUSES
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
        await made.station.stop()
        assert await made.station.ended() == 0
        no_file_holds_a_number(tmp_path)
        assert b"private/reveal" in (tmp_path / "state" / "journal.db").read_bytes()
        sealed_until_it_expires(tmp_path / "state")


async def with_a_card(made: House) -> None:
    """On the screen itself: a reader of cards instead of digits; the answers are pages."""
    url, on = f"http://127.0.0.1:{made.port}/kiosk/hall/", ""
    async with aiohttp.ClientSession(headers={"Origin": url[: url.index("/kiosk")]}) as session:
        for press in ("home", "begin:repair", "what:power", "where:hall", f"card:{CARD}"):
            async with session.get(url) as answer:
                on = re.findall(r'data-on="([^"]*)"', await answer.text())[0]
            body = {"on": on, "press": press}
            async with session.post(f"{url}press", json=body) as answer:
                page = await answer.text()
                assert answer.status == 200, page
                assert CARD not in page
    assert "****90" in page


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
        for number in (*NUMBERS, CARD):
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
    with contextlib.closing(PersonalStore.open(state, keys=state / "keys", clock=clock)) as store:
        fields = [found for token in boxes if (found := store.get(token))]
        assert set(NUMBERS) <= {one.get("phone") for one in fields}
        assert CARD in {one.get("card") for one in fields}
        assert bytes(boxes[next(iter(boxes))]) in bytes_of(state)
        kernel.advance(31 * 86_400)
        store.sweep()
        assert [store.get(token) for token in boxes] == [None] * len(boxes)
    assert not any(bytes(box) in bytes_of(state) for box in boxes.values())


def bytes_of(state: Path) -> bytes:
    """Everything that `private.db` is made of."""
    return b"".join(path.read_bytes() for path in sorted(state.glob("private.db*")))
