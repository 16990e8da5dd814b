"""The page for people, and the same facts and buttons as JSON for tests."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.demo.dispatcher.http import DispatcherApi
from gateway.demo.platform.cloudevents import LANES, ReceivedEvent
from gateway.demo.platform.fault_modes import FaultMode, FaultSwitch
from gateway.demo.platform.receiver import FeedReceiver
from gateway.demo.platform.store import LaneKey, PlatformStore
from gateway.demo.shared.http import read_json, serve_file

HERE = Path(__file__).parent
SHEETS = HERE.parent.parent / "web" / "static"
EVENTS_MAX = 1000
SHOWN = 12
_STATIC = {
    "tokens.css": (SHEETS, "text/css"),
    "parts.css": (SHEETS, "text/css"),
    "icons.svg": (SHEETS, "image/svg+xml"),
    "platform.js": (HERE, "text/javascript"),
}


class PlatformPage:
    """Everything that is not for stations."""

    def __init__(
        self,
        store: PlatformStore,
        temper: FaultSwitch,
        receiver: FeedReceiver,
        rides: DispatcherApi,
    ) -> None:
        self._store = store
        self._temper = temper
        self._receiver = receiver
        self._rides = rides
        self._started = time.monotonic()

    def routes(self) -> list[web.RouteDef]:
        """What to mount."""
        return [
            web.get("/", serve_file(HERE / "page.html", "text/html")),
            *(
                web.get(f"/{name}", serve_file(at / name, kind))
                for name, (at, kind) in _STATIC.items()
            ),
            web.get("/api/state", self._state),
            web.get("/api/events", self._events),
            web.post("/api/mood", self._mood),
            web.post("/api/newest-first", self._newest_first),
        ]

    def state(self) -> dict[str, Any]:
        """All facts at this instant."""
        return {
            "mood": self._temper.mood.value,
            "newest_first": self._receiver.newest_first,
            "up_s": round(time.monotonic() - self._started, 1),
            "rate": round(self._receiver.rate(), 2),
            "batches": self._receiver.batches,
            "lanes": list(self._lanes()),
            "rides": self._shown_rides(),
            "gaps": [
                dict(zip(("station", "epoch", "lane", "from", "to", "why"), row, strict=True))
                for row in self._store.gaps(SHOWN)
            ],
            "latest": [_shown(event) for event in reversed(self._latest())],
            "commands": [
                {
                    "id": order.id,
                    "station": order.station,
                    "kind": order.kind,
                    "state": order.state,
                    "reason": order.reason,
                    "detail": json.loads(order.detail or "null"),
                }
                for order in self._store.orders(SHOWN)
            ],
        }

    def _shown_rides(self) -> dict[str, Any]:
        office = self._rides.office
        newest = list(office.rides.items())[: -SHOWN - 1 : -1]
        live = office.live()
        return {
            "mood": office.mood.value,
            "latest": [{"ride": ride, **known, "live": ride in live} for ride, known in newest],
        }

    def _latest(self) -> list[ReceivedEvent]:
        return list(self._receiver.latest)[-SHOWN:]

    def _lanes(self) -> Iterator[dict[str, Any]]:
        for key in sorted(
            self._store.marks, key=lambda k: (k.station, k.epoch, LANES.index(k.lane))
        ):
            mark = self._store.mark(key)
            yield {
                **key._asdict(),
                "upto": mark.upto,
                "head": mark.head,
                "holes": [list(hole) for hole in mark.holes()],
                "held": [list(each) for each in mark.early()],
                "stored": self._store.kept[key],
                "lost": self._store.lost[key],
                "duplicates": self._store.duplicates[key],
            }

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(self.state(), headers={"Cache-Control": "no-store"})

    async def _events(self, request: web.Request) -> web.Response:
        query = request.query
        try:
            key = LaneKey(query["station"], query["epoch"], query["lane"])
            after, limit = int(query.get("after", "0")), int(query.get("limit", str(EVENTS_MAX)))
        except (KeyError, ValueError):
            raise web.HTTPBadRequest from None
        rows = self._store.events(key, after, min(limit, EVENTS_MAX))
        return web.Response(
            body=b"[" + b",".join(body for _, body in rows) + b"]", content_type="application/json"
        )

    async def _mood(self, request: web.Request) -> web.Response:
        try:
            mood = FaultMode((await read_json(request))["mood"])
        except (ValueError, KeyError):
            raise web.HTTPBadRequest from None
        self._temper.change(mood)
        return web.json_response({"mood": mood.value})

    async def _newest_first(self, request: web.Request) -> web.Response:
        try:
            wanted = bool((await read_json(request))["newest_first"])
        except (ValueError, KeyError):
            raise web.HTTPBadRequest from None
        self._receiver.newest_first = wanted
        return web.json_response({"newest_first": wanted})


def _by_urgency(key: LaneKey) -> tuple[str, str, int]:
    return key.station, key.epoch, LANES.index(key.lane)


def _shown(event: ReceivedEvent) -> dict[str, Any]:
    return {
        "station": event.station,
        "epoch": event.epoch,
        "lane": event.lane,
        "seq": event.seq,
        "type": event.type,
        "source": event.source,
        "time": event.time,
        "data": event.data,
    }
