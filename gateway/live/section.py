"""The section of the live page: `/` and `/devices/{id}`, for everyone who may view."""

from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from gateway.health import Vitals
from gateway.intake.events import KINDS as FIELD
from gateway.live import device_view, view
from gateway.live.meter_replacement import Meters, routes
from gateway.live.needs import list_needs
from gateway.upstream.feed.events import KINDS as FEED
from gateway.upstream.inbox.events import KINDS as INBOX
from gateway.web import sparkline, value_format
from gateway.web.api import find_device
from gateway.web.i18n import Translator, translator_for
from gateway.web.live_views import with_header
from gateway.web.page_renderer import PAGES
from gateway.web.section import Card, GuardedPulse, NavTab, Permission, Route, Section, View

HERE = Path(__file__).parent
PLATES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NAV_NUMBER = 5


def section(vitals: Callable[[], Vitals], meters: Meters) -> Section:
    """The live page of the station's vital signs, and its meters."""

    async def live(request: web.Request) -> web.StreamResponse:
        now = vitals()
        seen = view.view(now, translator_for(request))
        return request.app[PAGES].render(
            request, "live/live.html", now, seen, plates=PLATES, address=value_format.short_address
        )

    async def device(request: web.Request) -> web.StreamResponse:
        now = vitals()
        one = find_device(now, request.match_info["id"])
        point = device_view.choose_point(one, request.query.get("point", ""))
        topic = device_view.pulse_topic(one, point)
        seen = device_view.view(now, translator_for(request), topic)
        return request.app[PAGES].render(
            request,
            "live/device.html",
            now,
            seen,
            device=one,
            point=point,
            topic=topic,
            unit=value_format.unit_text,
            address=value_format.short_address,
            numeric=value_format.is_numeric,
            curved=any(map(value_format.is_numeric, one.points)),
            counting=bool(meters.points(one.id)),
            replaced="replaced" in request.query,
            x_labels=device_view.X_LABELS,
            y_labels=sparkline.INTERVALS + 1,
        )

    return Section(
        name="live",
        routes=(
            Route(path="/", handler=live, permission=Permission.VIEW),
            Route(path="/devices/{id}", handler=device, permission=Permission.VIEW),
            *routes(meters, vitals),
        ),
        templates=HERE / "pages",
        nav=NavTab(NAV_NUMBER, "/", "live.tab"),
        card=Card("live/card.html", _urgency, _card, list_needs),
        pulses={
            "live": GuardedPulse(Permission.VIEW, with_header(view.view)),
            "device": GuardedPulse(Permission.VIEW, with_header(device_view.view)),
        },
        kinds=(*FIELD, *FEED, *INBOX),
    )


def _urgency(vitals: Vitals) -> int:
    """2: storage or a bus is lost; 1: a device does not answer; 0: nobody is needed."""
    if vitals.journal.volatile or any(bus.state == "down" for bus in vitals.buses):
        return 2
    return int(any(device.state in {"silent", "faulty"} for device in vitals.devices))


def _card(vitals: Vitals, words: Translator) -> View:
    return view.view(vitals, words)
