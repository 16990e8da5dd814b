"""The live page's section: `/` and `/devices/{id}`. Everyone who may view sees it."""

from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from gateway.health import Vitals
from gateway.intake.events import KINDS as FIELD
from gateway.live import device_view, view
from gateway.live.needs import needs
from gateway.live.replaced import Meters, routes
from gateway.upstream.feed.events import KINDS as FEED
from gateway.upstream.inbox.events import KINDS as INBOX
from gateway.web import curve, reading
from gateway.web.api import find_device
from gateway.web.pages import PAGES
from gateway.web.pulse import framed
from gateway.web.section import Card, GuardedPulse, Nav, Permission, Route, Section, View
from gateway.web.words import Words, words_for

HERE = Path(__file__).parent
PLATES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NAV_NUMBER = 5


def section(vitals: Callable[[], Vitals], meters: Meters) -> Section:
    """The live page over the station's vital signs, and what its meters count."""

    async def live(request: web.Request) -> web.StreamResponse:
        now = vitals()
        seen = view.view(now, words_for(request))
        return request.app[PAGES].render(
            request, "live/live.html", now, seen, plates=PLATES, address=reading.address
        )

    async def device(request: web.Request) -> web.StreamResponse:
        now = vitals()
        one = find_device(now, request.match_info["id"])
        point = device_view.chosen(one, request.query.get("point", ""))
        topic = device_view.topic(one, point)
        seen = device_view.view(now, words_for(request), topic)
        return request.app[PAGES].render(
            request,
            "live/device.html",
            now,
            seen,
            device=one,
            point=point,
            topic=topic,
            unit=reading.unit,
            address=reading.address,
            numeric=reading.numeric,
            curved=any(map(reading.numeric, one.points)),
            counting=bool(meters.points(one.id)),
            replaced="replaced" in request.query,
            x_labels=device_view.X_LABELS,
            y_labels=curve.INTERVALS + 1,
        )

    return Section(
        name="live",
        routes=(
            Route(path="/", handler=live, permission=Permission.VIEW),
            Route(path="/devices/{id}", handler=device, permission=Permission.VIEW),
            *routes(meters, vitals),
        ),
        templates=HERE / "pages",
        nav=Nav(NAV_NUMBER, "/", "live.tab"),
        card=Card("live/card.html", _urgency, _card, needs),
        pulses={
            "live": GuardedPulse(Permission.VIEW, framed(view.view)),
            "device": GuardedPulse(Permission.VIEW, framed(device_view.view)),
        },
        kinds=(*FIELD, *FEED, *INBOX),
    )


def _urgency(vitals: Vitals) -> int:
    """2: storage or a bus is lost; 1: a device does not answer; 0: nobody is needed."""
    if vitals.journal.volatile or any(bus.state == "down" for bus in vitals.buses):
        return 2
    return int(any(device.state in {"silent", "faulty"} for device in vitals.devices))


def _card(vitals: Vitals, words: Words) -> View:
    return view.view(vitals, words)
