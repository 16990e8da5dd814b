"""The page that sends commands, right and wrong, and shows what becomes of each; as JSON too."""

import json
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from gateway.demo.platform.command_issuer import CommandForm, CommandIssuer
from gateway.demo.platform.enrolment import EnrolmentService
from gateway.demo.platform.outcome_text import explain_outcome
from gateway.demo.platform.store import CommandStep, PlatformStore, StoredCommand
from gateway.demo.shared.http import read_json, serve_file
from gateway.errors import UsageError

SHOWN = 12
HERE = Path(__file__).parent
SCRIPTS = ("commands.js", "examples.js")


class CommandsPage:
    """`/commands`, and what its buttons press."""

    def __init__(
        self, store: PlatformStore, orders: CommandIssuer, registrar: EnrolmentService
    ) -> None:
        self._store = store
        self._orders = orders
        self._registrar = registrar

    def routes(self) -> list[web.RouteDef]:
        """What to mount."""
        return [
            web.get("/commands", serve_file(HERE / "commands.html", "text/html")),
            *(web.get(f"/{name}", serve_file(HERE / name, "text/javascript")) for name in SCRIPTS),
            web.get("/api/commands", self._state),
            web.post("/api/commands", self._issue),
            web.post("/api/commands/{id}/again", self._again),
            web.post("/api/tokens", self._token),
        ]

    def state(self) -> dict[str, Any]:
        """The latest commands with their lives, and who is enrolled."""
        return {
            "stations": sorted({key.station for key in self._store.marks}),
            "tally": self._store.tally(),
            "commands": [self._shown(order) for order in self._store.orders(SHOWN)],
            "enrolled": [each._asdict() for each in self._store.register.stations()],
        }

    def _shown(self, order: StoredCommand) -> dict[str, Any]:
        return {
            "id": order.id,
            "station": order.station,
            "kind": order.kind,
            "expires_ms": order.expires_ms,
            "life": [_step(step) for step in self._store.life(order.id)],
        }

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(self.state(), headers={"Cache-Control": "no-store"})

    async def _issue(self, request: web.Request) -> web.Response:
        try:
            form = msgspec.convert(await read_json(request), CommandForm)
            return web.json_response({"id": self._orders.issue(form)})
        except (msgspec.ValidationError, UsageError) as error:
            raise web.HTTPBadRequest(text=str(error)) from None

    async def _again(self, request: web.Request) -> web.Response:
        await read_json(request)
        if not self._orders.reissue(request.match_info["id"]):
            raise web.HTTPNotFound
        return web.json_response({})

    async def _token(self, request: web.Request) -> web.Response:
        station = (await read_json(request)).get("station")
        if not isinstance(station, str) or not station:
            raise web.HTTPBadRequest
        return web.json_response({"token": self._registrar.token(station)})


def _step(step: CommandStep) -> dict[str, Any]:
    detail = json.loads(step.detail or "null")
    return {**step._asdict(), "detail": detail, "said": explain_outcome(step.reason, detail)}
