"""Serves the dispatcher: `/v1/ask` for stations, `/api/…` and a page for people."""

import json
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.demo.dispatcher.http import LATE_S, DispatcherApi
from gateway.demo.dispatcher.rides import RideBook
from gateway.demo.shared.http import serve_file

HERE = Path(__file__).parent
SHEETS = Path(__file__).parents[2] / "web" / "static"


class DemoDispatcher:
    """One running dispatcher; `url` is where it answers."""

    def __init__(self, late_s: float = LATE_S, drive_s: float | None = None) -> None:
        """A ride that was taken gets a driver after `drive_s`, or when somebody says so."""
        self._counter = DispatcherApi(late_s, drive_s)
        self.url = ""
        self._runner: web.AppRunner | None = None

    @property
    def office(self) -> RideBook:
        """Its rides and its mood."""
        return self._counter.office

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one. OSError if the port is held."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/v1/ask", self._ask),
                web.get("/", serve_file(HERE / "page.html", "text/html")),
                web.get("/dispatcher.js", serve_file(HERE / "dispatcher.js", "text/javascript")),
                web.get("/tokens.css", serve_file(SHEETS / "tokens.css", "text/css")),
                web.get("/parts.css", serve_file(SHEETS / "parts.css", "text/css")),
                web.get("/icons.svg", serve_file(SHEETS / "icons.svg", "image/svg+xml")),
                *self._counter.routes("/api", _object),
            ]
        )
        # A silent answer hangs by design: nobody waits for it at the end.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening."""
        self._counter.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _ask(self, request: web.Request) -> web.Response:
        answer = await self._counter.answer(await _object(request))
        if answer is None:
            return web.json_response({"code": "malformed"}, status=400)
        return web.json_response(answer)


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        asked = await request.json()
    except json.JSONDecodeError:
        return {}
    return asked if isinstance(asked, dict) else {}
