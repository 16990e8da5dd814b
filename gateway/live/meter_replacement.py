"""What meters count; announcing a replaced meter, at the device's page or by API."""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from aiohttp import web

from drivers.contract import Value
from gateway.errors import UsageError
from gateway.health import DeviceVitals, PointVitals, Vitals
from gateway.web import value_format
from gateway.web.api import find_device
from gateway.web.audit_middleware import set_target
from gateway.web.page_renderer import PAGES
from gateway.web.responses import json_response
from gateway.web.section import Permission, Route

ACT = "meter/replaced"


class Meters(Protocol):
    """What the station knows of its counting meters."""

    def points(self, device: str) -> tuple[str, ...]:
        """The counting points of that device."""
        ...

    def last_values(self, device: str) -> Mapping[str, Value]:
        """The last accepted value of each."""
        ...

    def accept_replacement(self, device: str, point: str | None = None) -> tuple[str, ...]:
        """Accept the next plausible counts as another meter's; returns the points concerned."""
        ...


class ReplacementBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which counter is replaced; without `point`, all of the device's."""

    point: str | None = None


class AwaitedReplacement(msgspec.Struct, frozen=True):
    """The counters whose next counts are accepted as another meter's."""

    device: str
    points: tuple[str, ...]


class CounterReport(msgspec.Struct, frozen=True):
    """One counter's last reading."""

    point: str
    name: str
    value: int | float | bool | str | None
    unit: str
    quality: str


class MeterReport(msgspec.Struct, frozen=True):
    """One device that counts."""

    device: str
    name: str
    counters: tuple[CounterReport, ...]


def routes(meters: Meters, vitals: Callable[[], Vitals]) -> tuple[Route, ...]:
    """The page that asks for confirmation, its form, and the API's address."""

    async def ask(request: web.Request) -> web.StreamResponse:
        now = vitals()
        device = find_device(now, request.match_info["id"])
        if not meters.points(device.id):
            raise web.HTTPNotFound
        return request.app[PAGES].render(
            request,
            "live/replaced.html",
            now,
            {},
            device=device,
            points=_counters(device, meters),
            value=value_format.value_text,
            unit=value_format.unit_text,
        )

    async def by_form(request: web.Request) -> web.StreamResponse:
        device = _do(request, ReplacementBody()).device
        raise web.HTTPSeeOther(f"/devices/{device}?replaced=yes")

    async def by_api(request: web.Request) -> web.StreamResponse:
        try:
            asked = msgspec.json.decode(await request.read() or b"{}", type=ReplacementBody)
        except (ValueError, RecursionError) as error:  # msgspec's are ValueErrors
            raise UsageError("live.unfit", reason=str(error)) from error
        return json_response(_do(request, asked))

    def _do(request: web.Request, asked: ReplacementBody) -> AwaitedReplacement:
        device = find_device(vitals(), request.match_info["id"]).id
        set_target(request, device)
        return AwaitedReplacement(device, meters.accept_replacement(device, asked.point))

    async def listed(_request: web.Request) -> web.StreamResponse:
        return json_response(
            [one for each in vitals().devices if (one := _report(each, meters)).counters]
        )

    page = "/devices/{id}/replaced"
    staff = Permission.STAFF
    return (
        Route(
            path="/api/v1/meters",
            handler=listed,
            permission=Permission.VIEW,
            summary="The devices that count, and their counters' last readings",
            returns=list[MeterReport],
        ),
        Route(path=page, handler=ask, permission=staff),
        Route(path=page, handler=by_form, method="POST", permission=staff, act=ACT),
        Route(
            path=f"/api/v1{page}",
            handler=by_api,
            method="POST",
            permission=staff,
            act=ACT,
            summary="The meter was replaced: its next counts that agree are another meter's",
            accepts=ReplacementBody,
            bare=True,
            returns=AwaitedReplacement,
        ),
    )


def _counters(device: DeviceVitals, meters: Meters) -> list[PointVitals]:
    """The device's counting points, each with its last good count."""
    counting, last = meters.points(device.id), meters.last_values(device.id)
    return [
        msgspec.structs.replace(point, value=last.get(point.id))
        for point in device.points
        if point.id in counting
    ]


def _report(device: DeviceVitals, meters: Meters) -> MeterReport:
    counting = meters.points(device.id)
    counters = tuple(
        CounterReport(point.id, point.name, point.value, point.unit, point.quality)
        for point in device.points
        if point.id in counting
    )
    return MeterReport(device.id, device.name, counters)
