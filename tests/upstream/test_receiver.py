"""The receiver and the table of `docs/feed.md`, as a stranger takes them from the page."""

import asyncio
import contextlib
import random
import re
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from gateway.event import Lane
from gateway.upstream.feed.sender import Sender
from gateway.upstream.uplinks.http.client import HttpUplink
from gateway.upstream.uplinks.http.options import HttpOptions
from tests.ports import free_port
from tests.upstream import kinds
from tests.upstream.asyncapi import KINDS
from tests.upstream.harness import loop_clock, until
from tests.upstream.ledger import STATION, MemoryJournal, sample

PAGE = kinds.FILE.read_text("utf-8")


def test_the_table_of_all_kinds_is_that_of_the_code():
    assert kinds.written(PAGE) == PAGE, "run: python -m tests.upstream.kinds"
    assert {f"cn.yizhan.{name}" for name in kinds.SAYS} == {
        kind.type.rpartition(".v")[0] for kind in KINDS
    }


def test_every_kind_has_an_example():
    assert {kind.type for kind in KINDS} <= set(kinds.examples())


@contextlib.asynccontextmanager
async def receiver(folder: Path, port: int) -> AsyncIterator[Path]:
    """The program of the page, running."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (folder / "receiver.py").write_text(code, "utf-8")
    store = folder / "store.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(folder / "receiver.py"), str(store), str(port),
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield store
    finally:
        process.kill()
        await process.wait()


def held(store: Path) -> dict[str, list[int]]:
    """The numbers that it has, by lane."""
    found: dict[str, list[int]] = {}
    with contextlib.closing(sqlite3.connect(store)) as opened:
        for lane, last in opened.execute("SELECT lane, last FROM event ORDER BY lane, last"):
            found.setdefault(lane, []).append(last)
    return found


async def test_the_receiver_of_the_page_takes_every_lane_whole_and_again_after_a_loss(tmp_path):
    clock, journal, port = loop_clock(), MemoryJournal(), free_port()
    options = HttpOptions(url=f"http://127.0.0.1:{port}/")
    uplink = HttpUplink(options, station=STATION, now_ns=clock.now_ns)
    follower = journal.follower("district", retaining=True)
    sender = Sender(
        "district", follower, journal, uplink, clock, station=STATION, rng=random.Random(1)
    )
    wanted = {lane.wire: list(range(1, 251)) for lane in Lane}
    async with receiver(tmp_path, port) as store:
        for lane in Lane:
            await journal.append([sample(lane, clock.stamp()) for _ in range(250)])
        task = asyncio.ensure_future(sender.run())
        try:
            heads = journal.heads()
            await until(lambda: all(follower.position[x] == heads[x] for x in Lane), 60, 0.05)
            assert held(store) == wanted
            with contextlib.closing(sqlite3.connect(store)) as opened, opened:
                opened.execute("DELETE FROM event")
            await journal.append([sample(Lane.SERVICE, clock.stamp())])
            wanted["service"].append(251)
            await until(lambda: held(store).get("service") == wanted["service"], 60, 0.2)
        finally:
            task.cancel()
            await asyncio.wait({task})
            await uplink.close()


async def test_the_receiver_of_the_page_asks_for_holes_and_takes_gaps(tmp_path):
    port = free_port()

    def event(number: int, kind: str, **data: object) -> dict[str, object]:
        return {"sequence": f"{number:012d}", "type": kind, "lane": "telemetry", "data": data}

    reading, gap = "cn.yizhan.field.reading.v1", "cn.yizhan.feed.gap.v1"
    headers = {"Yizhan-Station": STATION, "Yizhan-Epoch": "9f3ac21b7e5d0846"}

    async def posted(*events: dict[str, object]) -> dict[str, object]:
        async with client.post("/v1/events", json=events, headers=headers) as answer:
            assert answer.status == 200
            receipt = await answer.json()
            return {"upto": receipt["upto"]["telemetry"], "missing": receipt["missing"]}

    async with (
        receiver(tmp_path, port),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        await until(lambda: _listens(port), 20, 0.05)
        assert await posted() == {"upto": 0, "missing": []}
        hole = {"upto": 1, "missing": [["telemetry", 2, 4]]}
        assert await posted(event(1, reading), event(5, reading)) == hole
        assert await posted(event(1, reading)) == hole, "a repetition changes nothing"
        of_another = event(6, gap, **{"from": 1, "to": 900, "epoch": "41d00c9a52b7f6e3"})
        assert await posted(of_another) == hole, "it speaks of a former epoch's lane"
        over = event(5, gap, **{"from": 2, "to": 5})
        assert await posted(over) == {"upto": 6, "missing": []}, "it overlaps what is there"
        async with client.get("/v1/commands") as answer:
            assert answer.status == 404


def _listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0
