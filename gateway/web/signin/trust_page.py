"""The page that explains, once per computer, how to trust the station's authority."""

from collections.abc import Callable

from aiohttp import web

from gateway.health import Vitals
from gateway.web.page_renderer import PAGES
from gateway.web.station_tls import StationTls


class TrustPage:
    def __init__(self, tls: StationTls, vitals: Callable[[], Vitals]) -> None:
        self._tls = tls
        self._vitals = vitals

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Why the browser warns, what to compare, and the steps."""
        print_ = self._tls.fingerprint
        return request.app[PAGES].render(
            request,
            "signin/trust.html",
            self._vitals(),
            {},
            fingerprint=[print_[i : i + 24] for i in range(0, len(print_), 24)],
            steps=range(1, 6),
        )

    async def authority(self, _request: web.Request) -> web.StreamResponse:
        """The authority's certificate, which is public."""
        answer = web.Response(body=self._tls.authority)
        answer.content_type = "application/x-x509-ca-cert"
        name = f"yizhan-{self._vitals().station}.cer"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
