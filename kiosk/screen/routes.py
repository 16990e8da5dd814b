"""`/kiosk/`: the screens, for this machine alone. One page, one stream down, one address up.

    GET  /kiosk/                  the first kiosk's screen; `/kiosk/<id>/` that of any
    POST /kiosk/<id>/press        a key on a screen; the answer is the screen after it
    GET  /kiosk/<id>/panel.css    how many pixels a millimetre is on its panel
    GET  /kiosk/away, away.js     what the browser keeps to show while the station is not there

The stream is the station's own, with the pulse `kiosk:<id>`: which screen it is now, and the time.
A place is kept for it, however many pages of staff are open.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from aiohttp import web

from gateway.errors import NotFound, UsageError
from gateway.health import Vitals
from gateway.web import audit_middleware
from gateway.web.i18n import CATALOGUES, Translator
from gateway.web.page_renderer import PAGES
from gateway.web.section import GuardedPulse, Handler, Permission, Route, Section, View
from gateway.web.static_files import StaticFiles
from kiosk.screen.controller import KioskController
from kiosk.screen.model import panel_scale, split_clauses

TEMPLATES = Path(__file__).with_name("templates")
STATIC = TEMPLATES / "static"
# What the page that is shown without a station needs.
KEPT = ("web/station.css", "web/icons.svg", "kiosk/kiosk.js")


class KeyPress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key, and the screen that it was on."""

    on: str
    press: str


def screens_section(terminals: Mapping[str, KioskController], phone: str) -> Section:
    """The pages of those kiosks; `phone` is dialled while the station is not there."""
    pages = _Pages(terminals, phone)
    routes = (
        _route("GET", "/kiosk/", pages.first),
        _route("GET", "/kiosk/away", pages.away),
        _route("GET", "/kiosk/away.js", pages.keeper),
        _route("GET", "/kiosk/{kiosk}/", pages.one),
        _route("GET", "/kiosk/{kiosk}/panel.css", pages.panel),
        _route("POST", "/kiosk/{kiosk}/press", pages.press, act="kiosk/press"),
    )
    return Section(
        name="kiosk",
        routes=routes,
        templates=TEMPLATES,
        static=STATIC,
        pulses={"kiosk": GuardedPulse(Permission.HERE, pages.pulse)},
        streams=frozenset(f"kiosk:{name}" for name in terminals),
    )


class _Pages:
    """The handlers."""

    def __init__(self, terminals: Mapping[str, KioskController], phone: str) -> None:
        self._terminals = terminals
        self._phone = phone
        statics = StaticFiles([Section(name="kiosk", routes=(), static=STATIC)])
        self._build = statics.address("kiosk/kiosk.js")
        self._kept = [statics.address(name) for name in KEPT]

    async def first(self, request: web.Request) -> web.StreamResponse:
        """The kiosk that stands first in the settings."""
        return self._page(request, self._terminal(next(iter(self._terminals), "")))

    async def one(self, request: web.Request) -> web.StreamResponse:
        return self._page(request, self._terminal(request.match_info["kiosk"]))

    async def press(self, request: web.Request) -> web.StreamResponse:
        audit_middleware.mark_audited(
            request
        )  # the request that it makes is written; a way through pages is not
        terminal = self._terminal(request.match_info["kiosk"])
        try:
            pressed = msgspec.json.decode(await request.read(), type=KeyPress)
        except (ValueError, RecursionError) as error:  # msgspec's are ValueErrors
            raise UsageError("web.bad-request") from error  # not repeated: it may be a digit
        await terminal.handle_press(pressed.on, pressed.press)
        return self._page(request, terminal)

    async def panel(self, request: web.Request) -> web.StreamResponse:
        terminal = self._terminal(request.match_info["kiosk"])
        _, px = panel_scale(terminal.options.panel)
        response = web.Response(text=f":root{{--mm:{px}px}}\n", content_type="text/css")
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def away(self, request: web.Request) -> web.StreamResponse:
        terminal = self._terminal(next(iter(self._terminals), ""))
        template = request.app[PAGES].environment.get_template("kiosk/away.html")
        words = tuple(CATALOGUES.values())
        return _html(template.render(kiosk=terminal.kiosk, both=words, phone=self._phone))

    async def keeper(self, _request: web.Request) -> web.StreamResponse:
        """The browser's own keeper of the page above; it is another for another build."""
        terminal = self._terminal(next(iter(self._terminals), ""))
        kept = ["/kiosk/away", f"/kiosk/{terminal.kiosk}/panel.css", *self._kept]
        text = KEEPER.replace("KEPT", msgspec.json.encode(kept).decode())
        response = web.Response(text=text, content_type="text/javascript")
        response.headers["Cache-Control"] = "no-cache"
        return response

    def pulse(self, _vitals: Vitals, _words: Translator, kiosk: str) -> View:
        """Which screen it is, and the second that counts are made from."""
        terminal = self._terminal(kiosk)
        terminal.current_screen()
        return {"serial": terminal.serial, "now": terminal.now, "build": self._build}

    def _page(self, request: web.Request, terminal: KioskController) -> web.StreamResponse:
        screen = terminal.current_screen()
        template = request.app[PAGES].environment.get_template("kiosk/page.html")
        text = template.render(
            s=screen,
            clauses=split_clauses,
            w=CATALOGUES[screen.language],
            kiosk=terminal.kiosk,
            serial=terminal.serial,
            now=terminal.now,
            build=self._build,
            both=tuple(CATALOGUES.values()),
            tongue=CATALOGUES[screen.tongue or screen.language].tag,
            phone=self._phone,
        )
        return _html(text)

    def _terminal(self, kiosk: str) -> KioskController:
        if kiosk not in self._terminals:
            raise NotFound("requests.no-kiosk", kiosk=kiosk)
        return self._terminals[kiosk]


# A microphone, where there is one, is the station's.
NOTHING_OF_THE_BROWSER = (
    "camera=(), geolocation=(), microphone=(), payment=(), usb=(), hid=(), serial=()"
)

KEEPER = (STATIC.parent / "keeper.js").read_text("utf-8")


def _html(text: str) -> web.Response:
    response = web.Response(text=text, content_type="text/html")
    response.enable_compression()
    response.headers["Cache-Control"] = "no-store"
    response.headers["Permissions-Policy"] = NOTHING_OF_THE_BROWSER
    return response


def _route(method: str, path: str, handler: Handler, act: str = "") -> Route:
    return Route(path=path, handler=handler, permission=Permission.HERE, method=method, act=act)
