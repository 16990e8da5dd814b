"""Where stations ask and people push buttons: the office behind HTTP, its bad moods in time."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from gateway.demo.dispatcher.rides import DispatcherMode, RideBook
from gateway.tasks import TaskSet

LATE_S = 30.0
SILENT_S = 600.0

ReadRequest = Callable[[web.Request], Any]


class DispatcherApi:
    """One office; `close` ends what still drives."""

    def __init__(self, late_s: float = LATE_S, drive_s: float | None = None) -> None:
        """A ride that was taken gets a driver after `drive_s`, or when somebody says so."""
        self.office = RideBook()
        self._late_s = late_s
        self._drive_s = drive_s
        self._driving = TaskSet()

    def routes(self, prefix: str, read: ReadRequest) -> list[web.RouteDef]:
        """`<prefix>/state`, `/mood` and `/drive`; `read` takes the JSON object of a request."""
        self._read = read
        return [
            web.get(f"{prefix}/state", self._state),
            web.post(f"{prefix}/mood", self._mood),
            web.post(f"{prefix}/drive", self._drive),
        ]

    async def answer(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """What a station is told, when its mood lets it; None for what is no question."""
        is_request = question.get("kind") == "ride.request"
        if is_request and self.office.mood is DispatcherMode.SILENT:
            await asyncio.sleep(SILENT_S)
        answer = self.office.answer(question, time.monotonic())
        if answer is None:
            return None
        if is_request and self.office.mood is DispatcherMode.LATE:
            await asyncio.sleep(self._late_s)  # the ride is taken, and nobody is told in time
        if answer.get("state") == "searching" and self._drive_s is not None:
            self._begin(str(question["id"]), self._drive_s)
        return answer

    def close(self) -> None:
        """No driver goes on."""
        self._driving.cancel()

    def state(self) -> dict[str, Any]:
        """The mood, every ride, and what was asked."""
        office = self.office
        return {
            "mood": office.mood.value,
            "rides": office.rides,
            "passengers": office.passengers,
            "asked": [one._asdict() for one in office.asked],
            "live": office.live(),
        }

    def _begin(self, ride: str, every_s: float) -> None:
        if any(task.get_name() == ride for task in self._driving):
            return
        self._driving.start(self._drive_all(ride, every_s), name=ride)

    async def _drive_all(self, ride: str, every_s: float) -> None:
        for state in ("assigned", "arrived", "boarded"):
            await asyncio.sleep(every_s)
            if not self.office.drive(ride, state):
                return

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(self.state(), headers={"Cache-Control": "no-store"})

    async def _mood(self, request: web.Request) -> web.Response:
        try:
            self.office.mood = DispatcherMode((await self._read(request)).get("mood"))
        except ValueError:
            return web.json_response({"code": "malformed"}, status=400)
        return await self._state(request)

    async def _drive(self, request: web.Request) -> web.Response:
        form = await self._read(request)
        done = self.office.drive(str(form.get("ride")), str(form.get("state")))
        return web.json_response({"done": done}, status=200 if done else 409)
