"""The broadcast's addresses where no loudspeaker is set up: each says so, and what to do."""

from typing import NoReturn

from aiohttp import web

from gateway.errors import Unavailable
from gateway.web.section import Permission, Route, Section

LOOKS = ("/orders", "/orders/{id}", "/presets", "/presets/{id}/history", "/schedules", "/speakers")
ACTS = (
    *("/orders", "/orders/stop", "/orders/{id}/stop", "/recordings"),
    *("/presets/{id}", "/presets/{id}/undo", "/schedules/{id}", "/schedules/{id}/undo"),
)


async def _unheard(_request: web.Request) -> NoReturn:
    raise Unavailable("broadcast.unheard")


def section() -> Section:
    """The same addresses, each with the same answer."""
    looks = [_route(path, "GET", Permission.VIEW) for path in LOOKS]
    acts = [_route(path, "POST", Permission.STAFF) for path in ACTS]
    return Section(name="orders", routes=(*looks, *acts))


def _route(path: str, method: str, permission: Permission) -> Route:
    return Route(path=f"/api/v1{path}", method=method, handler=_unheard, permission=permission)
