"""A toy request type and a service of it, laid beside the product and used in a started station.

This proves the recipes of `docs/CONTRIBUTING.md`: `tests/kiosk_toys` is an extension, and no other
file knows of it.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.kiosk.request_types.registered import WITH_TOYS
from tests.ports import free_port
from tests.station.harness import HALL, StationProcess, first_lines

pytestmark = pytest.mark.slow

SETTINGS = """[kiosk.hall]
zone = "hall"
place = "hall"
services = ["wish", "staff"]
[service.wish]
remind_after_s = 60
"""


def read(page: str) -> str:
    """What stands on a page, without its markup."""
    return re.sub(r"<[^>]*>", "", page)


class Toy:
    """A station process that has the toy, with a finger at its kiosk and a hand at its desk."""

    def __init__(self, folder: Path) -> None:
        self.station = StationProcess(folder, **WITH_TOYS)
        settings = first_lines(free_port()) + HALL + SETTINGS
        (folder / "station.toml").write_text(settings, "utf-8")

    @contextlib.asynccontextmanager
    async def asked(self, method: str, path: str, body: Any = None) -> AsyncIterator[Any]:
        socket = aiohttp.UnixConnector(str(self.station.run_folder / "control.sock"))
        async with (
            aiohttp.ClientSession(connector=socket) as session,
            session.request(method, f"http://localhost{path}", json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            yield answer

    async def tap(self, press: str) -> str:
        """A key on the screen as it is; the page that follows."""
        async with self.asked("GET", "/kiosk/hall/") as answer:
            page = await answer.text()
        assert f'data-press="{press}"' in page, page
        name = re.search(r'data-on="([^"]+)"', page)
        assert name is not None
        body = {"on": name[1], "press": press}
        async with self.asked("POST", "/kiosk/hall/press", body) as answer:
            return read(await answer.text())

    async def wishes(self) -> list[Any]:
        async with self.asked("GET", "/api/v1/requests") as answer:
            return [one for one in await answer.json() if one["family"] == "wish"]

    async def act(self, request: str, act: str, **fields: Any) -> Any:
        body = {"act": act, **fields}
        async with self.asked("POST", f"/api/v1/requests/{request}/act", body) as answer:
            return await answer.json()

    async def page(self, path: str) -> str:
        async with self.asked("GET", path) as answer:
            return read(await answer.text())

    async def moves(self) -> list[str]:
        """What moved requests, as the feed of the service lane tells it."""
        async with self.asked("GET", "/api/v1/feed?lane=service&after=0&limit=100") as answer:
            feed = await answer.json(content_type=None)
        requests = (one for one in feed if one["type"].startswith("cn.yizhan.request"))
        return [one["data"]["act"] for one in requests]


@contextlib.asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Toy]:
    made = Toy(folder)
    await made.station.start()
    try:
        yield made
    finally:
        await made.station.kill()


async def test_a_wish_is_asked_by_tap_and_granted_at_the_desk(tmp_path: Path) -> None:
    async with started(tmp_path) as made:
        assert "心愿已经记下，单号" in await made.tap("open:wish")
        (wish,) = await made.wishes()
        assert wish["state"] == "asked"
        assert wish["caption"].startswith("心愿已经记下，单号")
        board = await made.page("/desk/requests?family=wish")
        assert "交给邻居" in board
        taken = await made.act(wish["id"], "take", by="李阿姨", reply="明天上午来")
        assert (taken["state"], taken["by"]) == ("taken", "李阿姨")
        assert "有邻居来帮您" in taken["caption"]
        assert "明天上午来" in await made.page("/kiosk/hall/")
        desk = await made.page(f"/desk/requests/{wish['id']}")
        assert "完成了" in desk
        assert "李阿姨" in desk
        granted = await made.act(wish["id"], "grant")
        assert (granted["state"], granted["ended"]) == ("granted", True)
        assert await made.moves() == ["press", "take", "grant"]
