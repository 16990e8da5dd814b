"""`/api/v1`: what the station knows, for programs. Lanes go by name, as on every wire."""

from collections.abc import Callable
from math import isfinite
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web

from gateway.errors import UsageError
from gateway.event import Lane, Trust, encode_envelope_batch
from gateway.faults import FaultRecord
from gateway.health import (
    BusVitals,
    ClockVitals,
    DeviceVitals,
    JournalVitals,
    LaneVitals,
    RefusalVitals,
    UplinkVitals,
    Vitals,
)
from gateway.journal.ports import FollowedReader
from gateway.web.audience import Audiences
from gateway.web.authorization import view_permissions
from gateway.web.cursor import parse_entry_number
from gateway.web.longpoll import WAIT_S_MAX, LongPolls
from gateway.web.responses import json_response
from gateway.web.section import Handler, Permission, QueryParameter, Route

FEED_LIMIT_MAX = 200
LaneName = Literal["emergency", "alarm", "service", "telemetry"]
EntryNumber = Annotated[int, msgspec.Meta(ge=0, lt=10**15)]
BATCH_MEDIA = "application/cloudevents-batch+json"


class LaneReport(msgspec.Struct, frozen=True):
    """One lane, as `LaneVitals`, by name."""

    lane: str
    issued: int
    receipted: int
    waiting: int
    lag_s: float


class ClockReport(msgspec.Struct, frozen=True):
    """The clock, as `ClockVitals`; `error_s` is null if the time is unknown."""

    trust: Trust
    wall_ns: int | None
    age_s: float
    error_s: float | None
    vouched: bool = False
    doubt: str = ""


class StationReport(msgspec.Struct, frozen=True):
    """The station as a whole."""

    id: str
    name: str
    version: str
    at_ns: int
    started_ns: int
    timezone: str
    values_per_s: float
    read_to_receipt_ms: float | None


class VitalsReport(msgspec.Struct, frozen=True):
    """Everything, at one instant; the devices without their last hour."""

    station: StationReport
    buses: tuple[BusVitals, ...]
    devices: tuple[DeviceVitals, ...]
    lanes: tuple[LaneReport, ...]
    uplinks: tuple[UplinkVitals, ...]
    journal: JournalVitals
    clock: ClockReport
    faults: tuple[FaultRecord, ...] = ()
    refusals: tuple[RefusalVitals, ...] = ()


def routes(
    vitals: Callable[[], Vitals], feed: FollowedReader, polls: LongPolls, audiences: Audiences
) -> tuple[Route, ...]:
    """The addresses of the API that read the snapshot and the journal."""
    return (
        _route("vitals", "Everything at one instant", VitalsReport,
               lambda: vitals_report(vitals())),
        _route("devices", "All devices and their present values", list[DeviceVitals],
               lambda: _devices(vitals())),
        _route("lanes", "The four lanes", list[LaneReport], lambda: _lanes(vitals().lanes)),
        _route("uplinks", "The uplinks", list[UplinkVitals], lambda: vitals().uplinks),
        _route("clock", "The clock and what it rests on", ClockReport,
               lambda: _clock(vitals().clock)),
        _device_route(vitals),
        _feed_route(vitals, feed, polls, audiences),
    )  # fmt: skip


def vitals_report(vitals: Vitals) -> VitalsReport:
    """The snapshot in the form of the API."""
    station = StationReport(
        id=vitals.station,
        name=vitals.name,
        version=vitals.version,
        at_ns=vitals.at_ns,
        started_ns=vitals.started_ns,
        timezone=vitals.timezone,
        values_per_s=vitals.values_per_s,
        read_to_receipt_ms=vitals.read_to_receipt_ms,
    )
    return VitalsReport(
        station,
        vitals.buses,
        _devices(vitals),
        _lanes(vitals.lanes),
        vitals.uplinks,
        vitals.journal,
        _clock(vitals.clock),
        vitals.faults,
        vitals.refusals,
    )


def _route(name: str, summary: str, returns: object, take: Callable[[], object]) -> Route:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return json_response(take())

    return _api(name, summary, returns, handler)


def _api(name: str, summary: str, returns: object, handler: Handler) -> Route:
    return Route(
        path=f"/api/v1/{name}",
        handler=handler,
        permission=Permission.VIEW,
        summary=summary,
        returns=returns,
    )


def _device_route(vitals: Callable[[], Vitals]) -> Route:
    async def device(request: web.Request) -> web.StreamResponse:
        return json_response(find_device(vitals(), request.match_info["id"]))

    return _api("devices/{id}", "One device with its last hour", DeviceVitals, device)


def find_device(vitals: Vitals, id_: str) -> DeviceVitals:
    """The device with that id; NotFound if there is none."""
    for device in vitals.devices:
        if device.id == id_:
            return device
    raise web.HTTPNotFound


def _feed_route(
    vitals: Callable[[], Vitals], feed: FollowedReader, polls: LongPolls, audiences: Audiences
) -> Route:
    async def entries(request: web.Request) -> web.StreamResponse:
        lane = _lane(request.query.get("lane", ""))
        after = _number(request, "after", 0)
        limit = min(_number(request, "limit", FEED_LIMIT_MAX), FEED_LIMIT_MAX)
        wait_s = min(_number(request, "wait", 0), WAIT_S_MAX)
        found = await feed.read(lane, after, limit)
        if not found and wait_s > 0:
            await polls.wait_for_entry(lane, after, wait_s)
            found = await feed.read(lane, after, limit)
        allowed = view_permissions(request)
        shown = [audiences.filter_entry(entry, allowed) for entry in found]
        response = web.Response(body=encode_envelope_batch(shown, vitals().station))
        response.content_type = BATCH_MEDIA
        response.headers["Cache-Control"] = "no-store"
        response.headers["Yizhan-Epoch"] = feed.epoch
        response.headers["Yizhan-Head"] = str(feed.heads().get(lane, 0))
        return response

    return Route(
        path="/api/v1/feed",
        handler=entries,
        permission=Permission.VIEW,
        summary="A slice of one lane as CloudEvents; a range lost or not for you is one gap",
        media=BATCH_MEDIA,
        returns=list[dict[str, Any]],
        query={
            "lane": QueryParameter("Which lane", LaneName, required=True),
            "after": QueryParameter("The last number already seen", EntryNumber),
            "limit": QueryParameter(f"How many at most, up to {FEED_LIMIT_MAX}", EntryNumber),
            "wait": QueryParameter(
                f"Where there is nothing yet: wait for it, up to {WAIT_S_MAX} seconds", EntryNumber
            ),
        },
    )


def _lane(name: str) -> Lane:
    try:
        return Lane.parse(name)
    except ValueError:
        raise UsageError("web.no-such-lane", lane=name[:40]) from None


def _number(request: web.Request, name: str, default: int) -> int:
    return parse_entry_number(request.query.get(name, str(default)), name)


def _clock(clock: ClockVitals) -> ClockReport:
    told = msgspec.structs.asdict(clock)
    return ClockReport(**{**told, "error_s": clock.error_s if isfinite(clock.error_s) else None})


def _lanes(lanes: tuple[LaneVitals, ...]) -> tuple[LaneReport, ...]:
    return tuple(
        LaneReport(lane.lane.wire, lane.issued, lane.receipted, lane.waiting, lane.lag_s)
        for lane in lanes
    )


def _devices(vitals: Vitals) -> tuple[DeviceVitals, ...]:
    """The devices without their curves, which are fetched one device at a time."""
    replace = msgspec.structs.replace
    return tuple(
        replace(device, points=tuple(replace(point, spark=()) for point in device.points))
        for device in vitals.devices
    )
