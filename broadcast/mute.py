"""The broadcast's tab where there is no loudspeaker: what would be here, and how to begin.

It stands by itself, because a station without loudspeakers imports nothing else of the broadcast.
"""

from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from gateway.health import Vitals
from gateway.web.pages import PAGES
from gateway.web.section import Nav, Permission, Route, Section

PAGES_FOLDER = Path(__file__).parent / "pages"
NAV = Nav(4, "/desk/broadcast", "cast.tab")


def mute(vitals: Callable[[], Vitals]) -> Section:
    """The section."""

    async def home(request: web.Request) -> web.StreamResponse:
        return request.app[PAGES].render(request, "broadcast/mute.html", vitals(), {})

    return Section(
        name="broadcast",
        routes=(Route(path=NAV.path, handler=home, permission=Permission.VIEW),),
        templates=PAGES_FOLDER / "html",
        static=PAGES_FOLDER / "static",
        nav=NAV,
    )
