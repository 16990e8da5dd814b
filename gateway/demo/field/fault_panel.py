"""The fault panel: every line and device of the demo, and what can be broken about it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

import gateway.web
from drivers.emulate.field import UNPLUGGED
from gateway.demo.field.panel_view import FAULTS, TRIP, PanelCard
from gateway.demo.field.scenarios import SCENES, Scenarios
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

# What the panel offers of the platform's moods; its own page has them all.
MOODS = ("normal", "away", "frozen", "refuses")

FAULT_NAMES = (*FAULTS, TRIP, UNPLUGGED, "silent", "gone", "garbage", "wrong-key", "off", "deaf")

WORDS = (
    *(f"demo.story-{scene.name}" for scene in SCENES),
    *(f"demo.story-{scene.name}-look" for scene in SCENES),
    *("demo.story", "demo.story-about", "demo.story-do", "demo.story-undo", "demo.story-alarms"),
    *(f"demo.fault-{name}" for name in FAULT_NAMES),
    *(f"demo.mood-{name}" for name in MOODS),
    *(
        "demo.normal",
        "demo.panel-about",
        "demo.panel-heal",
        "demo.panel-live",
        "demo.panel-dispatcher",
    ),
    *("demo.panel-platform", "demo.panel-plug", "demo.panel-platform-away"),
    *("demo.panel-title", "demo.panel-unplug"),
)


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    """What a button asks: `name` something on a card, `fault` one of its faults, or ""."""

    name: str
    fault: str = ""


class _Turn(msgspec.Struct, forbid_unknown_fields=True):
    """Whether a scene of the story is on."""

    on: bool


class FaultPanel:
    """The page and its JSON, over the cards of a running field."""

    def __init__(
        self,
        cards: Sequence[PanelCard],
        story: Scenarios,
        platform: str,
        live: str,
        dispatcher: str,
    ) -> None:
        """`platform`, `live` and `dispatcher` are the other pages."""
        self._cards = cards
        self._story = story
        self._platform = platform
        self._texts = Texts.from_environment()
        self._words = {code.partition(".")[2]: self._texts.say(code) for code in WORDS}
        self._links = {"live": live, "platform": platform, "dispatcher": dispatcher}

    def app(self) -> web.Application:
        """The application; loopback only, like all of the demo."""
        app = web.Application(client_max_size=4096)
        app.router.add_get("/", self._page)
        app.router.add_get("/{file}", self._file)
        app.router.add_get("/api/state", self._state)
        app.router.add_post("/api/wish", self._wish)
        app.router.add_post("/api/story/{scene}", self._play)
        app.router.add_post("/api/mood/{mood}", self._mood)
        app.router.add_post("/api/heal", self._heal)
        return app

    def state(self) -> dict[str, Any]:
        """Every card, and what the page says around them."""
        return {
            "lines": [card.state() for card in self._cards],
            "story": self._story.state(),
            "moods": list(MOODS),
            "words": self._words,
            "links": self._links,
        }

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
            card = next(card for card in self._cards if card.has(wish.name))
            await card.wish(wish.name, wish.fault)
        except (msgspec.MsgspecError, KeyError, StopIteration) as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return await self._answer()

    async def _play(self, request: web.Request) -> web.Response:
        try:
            turn = msgspec.json.decode(await request.read(), type=_Turn)
            await self._story.play(request.match_info["scene"], on=turn.on)
        except (msgspec.MsgspecError, KeyError) as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return await self._answer()

    async def _mood(self, request: web.Request) -> web.Response:
        mood = request.match_info["mood"]
        if mood not in MOODS:
            raise web.HTTPNotFound
        await self._ask_platform(mood)
        return await self._answer()

    async def _heal(self, _: web.Request) -> web.Response:
        for card in self._cards:
            await card.heal()
        await self._story.heal()
        await self._ask_platform("normal")
        return await self._answer()
