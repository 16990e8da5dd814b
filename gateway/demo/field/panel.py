"""The fault panel: every line and device of the demo, and what can be broken about it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

import gateway.web
from drivers.emulate.field import UNPLUGGED, Field
from gateway.texts import Texts

HERE = Path(__file__).parent
STATIC = Path(gateway.web.__file__).parent / "static"
FILES = {
    "panel.js": (HERE, "text/javascript"),
    "tokens.css": (STATIC, "text/css"),
    "parts.css": (STATIC, "text/css"),
    "icons.svg": (STATIC, "image/svg+xml"),
}
PLATFORM_WITHIN_S = 2.0

FAULTS: dict[str, tuple[str, Any]] = {
    "dead": ("dead", True),
    "late": ("late_s", 0.8),
    "noise": ("noise", 0.05),
    "stuck": ("stuck", True),
}
"""What a device's buttons do: 0.8 s late, one byte in twenty flipped."""

MOODS = ("normal", "away", "frozen", "refuses")
"""What the panel offers of the platform's moods; its own page has them all."""

WORDS = (
    *(f"demo.fault-{name}" for name in (*FAULTS, UNPLUGGED)),
    *(f"demo.mood-{name}" for name in MOODS),
    *("demo.normal", "demo.panel-about", "demo.panel-heal", "demo.panel-live"),
    *("demo.panel-platform", "demo.panel-plug", "demo.panel-platform-away"),
    *("demo.panel-title", "demo.panel-unplug"),
)


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    """What a button asks: `name` a device or line, `fault` one of FAULTS, "unplugged", or ""."""

    name: str
    fault: str = ""


class Panel:
    """The page and its JSON, over a running field."""

    def __init__(self, field: Field, names: Mapping[str, str], platform: str, live: str) -> None:
        """`names` is what people call a device; `platform` and `live` are the other pages."""
        self._field = field
        self._names = names
        self._platform = platform
        self._texts = Texts.of_environment()
        self._words = {code.partition(".")[2]: self._texts.say(code) for code in WORDS}
        self._links = {"live": live, "platform": platform}

    def app(self) -> web.Application:
        """The application; loopback only, like all of the demo."""
        app = web.Application(client_max_size=4096)
        app.router.add_get("/", self._page)
        app.router.add_get("/{file}", self._file)
        app.router.add_get("/api/state", self._state)
        app.router.add_post("/api/wish", self._wish)
        app.router.add_post("/api/mood/{mood}", self._mood)
        app.router.add_post("/api/heal", self._heal)
        return app

    def state(self) -> dict[str, Any]:
        """Every line with its devices and what is wrong with each."""
        lines = [
            {
                "name": name,
                "where": bus.where,
                "faults": sorted(self._field.faults_of(name)),
                "devices": [
                    {
                        "id": meter_name,
                        "name": self._names.get(meter_name, meter_name),
                        "unit": meter.unit,
                        "model": f"{meter.profile.maker} {meter.profile.model}".strip(),
                        "fault": self._fault_of(meter_name),
                    }
                    for meter_name, meter in self._field.meters.items()
                    if meter.slave in bus.wire.slaves
                ],
            }
            for name, bus in self._field.buses.items()
        ]
        return {
            "lines": lines,
            "faults": list(FAULTS),
            "moods": list(MOODS),
            "words": self._words,
            "links": self._links,
        }

    def _fault_of(self, meter: str) -> str:
        wrong = self._field.faults_of(meter)
        return next((fault for fault, (what, _) in FAULTS.items() if what in wrong), "")

    async def _page(self, _: web.Request) -> web.Response:
        page = (HERE / "panel.html").read_text("utf-8")
        return web.Response(text=page.replace("zh-CN", self._texts.lang), content_type="text/html")

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["file"]
        if name not in FILES:
            raise web.HTTPNotFound
        folder, kind = FILES[name]
        return web.Response(body=(folder / name).read_bytes(), content_type=kind)

    async def _state(self, _: web.Request) -> web.Response:
        return await self._answer()

    async def _answer(self) -> web.Response:
        return web.json_response({**self.state(), "mood": await self._ask_platform()})

    async def _ask_platform(self, mood: str | None = None) -> str | None:
        """The platform's mood, changed first if one is given; None if it cannot be reached."""
        timeout = aiohttp.ClientTimeout(total=PLATFORM_WITHIN_S)
        try:
            async with aiohttp.ClientSession(self._platform, timeout=timeout) as session:
                if mood is not None:
                    await (await session.post("/api/mood", json={"mood": mood})).read()
                async with session.get("/api/state") as answer:
                    return str((await answer.json())["mood"])
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
            return None

    async def _wish(self, request: web.Request) -> web.Response:
        try:
            wish = msgspec.json.decode(await request.read(), type=_Wish)
            await self._field.clear(wish.name)
            if wish.fault == UNPLUGGED:
                await self._field.fault(wish.name, UNPLUGGED)
            elif wish.fault:
                await self._field.fault(wish.name, *FAULTS[wish.fault])
        except (msgspec.MsgspecError, KeyError, AttributeError) as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return await self._answer()

    async def _mood(self, request: web.Request) -> web.Response:
        mood = request.match_info["mood"]
        if mood not in MOODS:
            raise web.HTTPNotFound
        await self._ask_platform(mood)
        return await self._answer()

    async def _heal(self, _: web.Request) -> web.Response:
        for name in (*self._field.buses, *self._field.meters):
            await self._field.clear(name)
        await self._ask_platform("normal")
        return await self._answer()
