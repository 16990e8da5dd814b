"""`/metrics`: the vital signs for Prometheus."""

from collections.abc import Callable

from aiohttp import web

from gateway.health import Vitals
from gateway.web.section import Permission, Route


def route(vitals: Callable[[], Vitals], readers: Callable[[], int]) -> Route:
    async def metrics(_request: web.Request) -> web.StreamResponse:
        from gateway.web import prometheus  # noqa: PLC0415   # 2 MB, only if metrics are scraped

        body = prometheus.render_metrics(vitals(), readers())
        return web.Response(body=body, headers={"Content-Type": prometheus.MEDIA})

    return Route(
        path="/metrics",
        handler=metrics,
        permission=Permission.VIEW,
        summary="The vital signs for Prometheus",
        media="text/plain",
    )
