"""`/toy`: which station this is."""

from aiohttp import web

from gateway.station.parts import PageContext
from gateway.web.section import Permission, Route, Section


def section(context: PageContext) -> Section:
    """One address."""

    async def show(_: web.Request) -> web.StreamResponse:
        return web.Response(text=f"toy page of {context.vitals().station}")

    return Section(
        name="toy", routes=(Route(path="/toy", handler=show, permission=Permission.VIEW),)
    )
