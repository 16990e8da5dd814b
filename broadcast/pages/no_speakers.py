"""The broadcast where no loudspeaker is set up: a page that says how to begin, an API that refuses.

It imports nothing else of the broadcast, because a station without loudspeakers loads only this.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from aiohttp import web

from gateway.errors import Unavailable
from gateway.health import Vitals
from gateway.web.page_renderer import PAGES
from gateway.web.section import NavTab, Permission, Route, Section

PAGES_FOLDER = Path(__file__).parent
NAV = NavTab(4, "/desk/broadcast", "cast.tab")

_READS = ("/orders", "/orders/{id}", "/presets", "/presets/{id}/history", "/schedules", "/speakers")
_WRITES = (
    *("/orders", "/orders/stop", "/orders/{id}/stop", "/recordings"),
    *("/presets/{id}", "/presets/{id}/undo", "/schedules/{id}", "/schedules/{id}/undo"),
)


def no_speakers_section(vitals: Callable[[], Vitals]) -> Section:
    """The desk's broadcast tab."""

    async def home(request: web.Request) -> web.StreamResponse:
        return request.app[PAGES].render(request, "broadcast/mute.html", vitals(), {})

    return Section(
        name="broadcast",
        routes=(Route(path=NAV.path, handler=home, permission=Permission.VIEW),),
        templates=PAGES_FOLDER / "html",
        static=PAGES_FOLDER / "static",
        nav=NAV,
    )


def no_speakers_api() -> Section:
    """The addresses of the orders' API; each answers `broadcast.unheard`."""
    reads = [_route(path, "GET", Permission.VIEW) for path in _READS]
    writes = [_route(path, "POST", Permission.STAFF) for path in _WRITES]
    return Section(name="orders", routes=(*reads, *writes))


async def _refuse(_request: web.Request) -> NoReturn:
    raise Unavailable("broadcast.unheard")


def _route(path: str, method: str, permission: Permission) -> Route:
    return Route(path=f"/api/v1{path}", method=method, handler=_refuse, permission=permission)
