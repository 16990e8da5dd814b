"""The three addresses that a station calls, as docs/feed.md says."""

import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from gateway.demo.dispatcher.http import DispatcherApi
from gateway.demo.platform.cloudevents import LANES, MalformedBatch, ReceivedEvent, parse_batch
from gateway.demo.platform.command_issuer import CommandIssuer, rfc3339
from gateway.demo.platform.enrolment import over_tls, station_of
from gateway.demo.platform.fault_modes import FaultSwitch
from gateway.demo.platform.store import LaneKey, PlatformStore
from gateway.demo.platform.watermark import Watermark

BODY_BYTES_MAX = 1 << 20
WAIT_S_MAX = 60.0
LATEST_KEPT = 200
RATE_OVER_S = 60
HELD_RANGES_MAX = 64
# Questions of docs/dispatch.md, which a platform answers here, too.
RIDE_KINDS = frozenset({"ride.request", "ride.status", "ride.cancel"})


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FeedReceiver:
    """Takes batches; a receipt leaves only after the commit of what it says."""

    def __init__(
        self,
        store: PlatformStore,
        orders: CommandIssuer,
        temper: FaultSwitch,
        token: str | None,
        rides: DispatcherApi,
    ) -> None:
        self._store = store
        self._orders = orders
        self._temper = temper
        self._token = token
        self._rides = rides
        self.latest: deque[ReceivedEvent] = deque(maxlen=LATEST_KEPT)
        self._per_second: deque[tuple[int, int]] = deque(maxlen=RATE_OVER_S)
        self.batches = 0
        # Whether stations may send the newest first: a receipt then says what is held.
        self.newest_first = False

    def routes(self) -> list[web.RouteDef]:
        """What to mount."""
        return [
            web.post("/v1/events", self._guarded(self._events)),
            web.post("/v1/ask", self._guarded(self._ask)),
            web.get("/v1/commands", self._guarded(self._commands)),
        ]

    def rate(self) -> float:
        """New events a second over the last minute."""
        since = int(time.monotonic()) - RATE_OVER_S
        return sum(n for second, n in self._per_second if second > since) / RATE_OVER_S

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            async def honest() -> web.StreamResponse:
                expected = f"Bearer {self._token}"
                if self._token is not None and request.headers.get("Authorization") != expected:
                    return web.json_response({"code": "unauthorised"}, status=401)
                return _stranger(request) or await handler(request)

            return await self._temper.answer(request, honest)

        return answer

    async def _events(self, request: web.Request) -> web.Response:
        station = request.headers.get("Yizhan-Station", "")
        epoch = request.headers.get("Yizhan-Epoch", "")
        try:
            events = parse_batch(await request.read())
        except MalformedBatch as error:
            return web.json_response({"code": "malformed", "detail": str(error)}, status=400)
        if any((event.station, event.epoch) != (station, epoch) for event in events):
            return web.json_response({"code": "identity"}, status=422)
        self._keep(events)
        # An empty batch asks what we hold at all, also where that is nothing (any more).
        lanes = sorted({event.lane for event in events}) or LANES
        keys = [LaneKey(station, epoch, lane) for lane in lanes]
        return web.json_response(self._receipt(epoch, keys))

    def _keep(self, events: list[ReceivedEvent]) -> None:
        fresh = self._store.store_events(events, time.time_ns() // 1_000_000)
        self._orders.record_answer(events)
        self.latest.extend(events)
        self.batches += bool(events)
        self._per_second.append((int(time.monotonic()), fresh))

    def _receipt(self, epoch: str, lanes: list[LaneKey]) -> dict[str, Any]:
        marks = {key.lane: self._store.marks.get(key, Watermark()) for key in lanes}
        receipt: dict[str, Any] = {
            "epoch": epoch,
            "upto": {lane: mark.upto for lane, mark in marks.items()},
            "missing": [
                [lane, first, last] for lane, mark in marks.items() for first, last in mark.holes()
            ],
            "rejected": [],
            "at": rfc3339(time.time_ns() // 1_000_000),
        }
        if self.newest_first:
            share = HELD_RANGES_MAX // max(len(marks), 1)
            receipt["held"] = [
                [lane, first, last]
                for lane, mark in marks.items()
                for first, last in mark.early(share)
            ]
        return receipt

    async def _ask(self, request: web.Request) -> web.Response:
        try:
            question = msgspec.json.decode(await request.read())
            kind = question["kind"]
        except (msgspec.DecodeError, KeyError, TypeError):
            return web.json_response({"code": "malformed"}, status=400)
        if kind == "ping":
            return web.json_response({"of": question.get("id"), "answer": "pong"})
        if kind not in RIDE_KINDS:
            return web.json_response({"code": "unavailable"}, status=404)
        answer = await self._rides.answer(question)
        if answer is None:
            return web.json_response({"code": "malformed"}, status=400)
        return web.json_response(answer)

    async def _commands(self, request: web.Request) -> web.Response:
        try:
            wait_s = min(float(request.query.get("wait", "0")), WAIT_S_MAX)
        except ValueError:
            return web.json_response({"code": "malformed"}, status=400)
        place: str | int = request.query.get("after", "")
        if (cursor := request.query.get("cursor")) is not None:
            if not cursor.isdecimal() or not self._orders.knows(int(cursor)):
                return web.json_response({"code": "cursor"}, status=410)
            place = int(cursor)
        station = request.query.get("station", "")
        found, cursor = await self._orders.pending(station, place, wait_s)
        return web.Response(
            body=b"[" + b",".join(found) + b"]",
            content_type="application/json",
            headers={"Yizhan-Cursor": cursor} if cursor else {},
        )


def _stranger(request: web.Request) -> web.Response | None:
    """The answer to whoever is not, by the certificate shown, the station that he says he is."""
    if not over_tls(request):
        return None  # on the plain port of a demonstration everybody is believed
    shown = station_of(request)
    if shown is None:
        return web.json_response({"code": "certificate"}, status=401)
    said = {request.headers.get("Yizhan-Station"), request.query.get("station", shown)}
    return None if said == {shown} else web.json_response({"code": "station"}, status=403)
