"""Serves the dispatcher: `/v1/ask` for stations, `/api/…` and a page for people."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.demo.dispatcher.office import Mood, Office

LATE_S = 30.0
SILENT_S = 600.0
SHEETS = Path(__file__).parents[2] / "web" / "static"
PAGE = Path(__file__).with_name("page.html")
SCRIPT = Path(__file__).with_name("dispatcher.js")


class Dispatcher:
    """One running dispatcher; `url` is where it answers."""

    def __init__(self, late_s: float = LATE_S, drive_s: float | None = None) -> None:
        """A ride that was taken gets a driver after `drive_s`, or when somebody says so."""
        self.office = Office()
        self.url = ""
        self._late_s = late_s
        self._drive_s = drive_s
        self._runner: web.AppRunner | None = None
        self._driving: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one. OSError if the port is held."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/v1/ask", self._ask),
                web.get("/", _file(PAGE, "text/html")),
                web.get("/dispatcher.js", _file(SCRIPT, "text/javascript")),
                web.get("/tokens.css", _file(SHEETS / "tokens.css", "text/css")),
                web.get("/parts.css", _file(SHEETS / "parts.css", "text/css")),
                web.get("/api/state", self._state),
                web.post("/api/mood", self._mood),
                web.post("/api/drive", self._drive),
            ]
        )
        # A silent answer hangs by design: nobody waits for it at the end.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening."""
        for task in self._driving:
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _ask(self, request: web.Request) -> web.Response:
        question = await _object(request)
        if question.get("kind") == "ride.request" and self.office.mood is Mood.SILENT:
            await asyncio.sleep(SILENT_S)
        answer = self.office.answer(question, time.monotonic())
        if answer is None:
            return web.json_response({"code": "malformed"}, status=400)
        if question.get("kind") == "ride.request" and self.office.mood is Mood.LATE:
            await asyncio.sleep(self._late_s)  # the ride is taken, and nobody is told in time
        if answer.get("state") == "searching" and self._drive_s is not None:
            self._begin(str(question["id"]))
        return web.json_response(answer)

    def _begin(self, ride: str) -> None:
        if any(task.get_name() == ride for task in self._driving):
            return
        task = asyncio.create_task(self._drive_all(ride), name=ride)
        self._driving.add(task)
        task.add_done_callback(self._driving.discard)

    async def _drive_all(self, ride: str) -> None:
        assert self._drive_s is not None
        for state in ("assigned", "arrived", "boarded"):
            await asyncio.sleep(self._drive_s)
            if not self.office.drive(ride, state):
                return

    async def _state(self, _request: web.Request) -> web.Response:
        office = self.office
        asked = [one._asdict() for one in office.asked]
        return web.json_response(
            {
                "mood": office.mood.value,
                "rides": office.rides,
                "asked": asked,
                "live": office.live(),
            }
        )

    async def _mood(self, request: web.Request) -> web.Response:
        try:
            self.office.mood = Mood((await _object(request)).get("mood"))
        except ValueError:
            return web.json_response({"code": "malformed"}, status=400)
        return await self._state(request)

    async def _drive(self, request: web.Request) -> web.Response:
        form = await _object(request)
        done = self.office.drive(str(form.get("ride")), str(form.get("state")))
        return web.json_response({"done": done}, status=200 if done else 409)


def _file(path: Path, kind: str) -> Any:
    body = path.read_bytes()

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8")

    return handler


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        asked = await request.json()
    except json.JSONDecodeError:
        return {}
    return asked if isinstance(asked, dict) else {}
