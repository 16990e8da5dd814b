"""A whole station for requests: the real process, its dispatcher, and hands at kiosk and desk.

The control socket stands for the kiosk's page: it needs no cookie, and passes the same gate.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from gateway.demo.dispatcher.app import DemoDispatcher
from tests.ports import free_port
from tests.station.harness import HALL, StationProcess, first_lines

PHONE = 'phone = "010-64700000"\n'
RIDES = """[kiosk.hall]
zone = "hall"
place = "hall"
[service.ride]
dispatch = ["dispatcher", "desk"]
dispatcher = {{ url = "{url}" }}
accept_within_s = 4
desk_within_s = 10
settle_s = 2
"""


class House:
    """A station process, its dispatcher, and a hand at the kiosk and at the desk."""

    def __init__(self, folder: Path, dispatcher: DemoDispatcher) -> None:
        self.dispatcher = dispatcher
        self.station = StationProcess(folder)
        self.port = free_port()
        self.write_settings()
        self._presses = 0

    def write_settings(self, extra: str = "", changes: Mapping[str, str] | None = None) -> None:
        """`extra` is added, each text of `changes` replaced by its value."""
        text = first_lines(self.port, PHONE) + HALL + RIDES.format(url=self.dispatcher.url) + extra
        for old, new in (changes or {}).items():
            assert old in text
            text = text.replace(old, new)
        (self.station.folder / "station.toml").write_text(text, "utf-8")

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

    async def until(self, request: Any, state: str, within_s: float = 60) -> Any:
        async with asyncio.timeout(within_s):
            while (found := await self.now(request))["state"] != state:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.05)
        return found

    async def nothing_live(self, within_s: float = 60) -> None:
        async with asyncio.timeout(within_s):
            while self.dispatcher.office.live():  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.05)

    @property
    def asked(self) -> list[Any]:
        return [one for one in self.dispatcher.office.asked if one.kind == "ride.request"]


@contextlib.asynccontextmanager
async def house(
    folder: Path, extra: str = "", changes: Mapping[str, str] | None = None, **how: float
) -> AsyncIterator[House]:
    """`extra` settings; `how` the dispatcher is."""
    dispatcher = DemoDispatcher(**how)
    await dispatcher.start("127.0.0.1", 0)
    made = House(folder, dispatcher)
    made.write_settings(extra, changes)
    await made.station.start()
    try:
        yield made
    finally:
        await made.station.kill()
        await dispatcher.stop()
