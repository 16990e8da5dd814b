"""Presets: the desk's keys, changed, tried, arranged, and undone."""

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from broadcast.clips.chime import NAMES
from broadcast.options import PresetOptions
from broadcast.order import REPEAT_MAX, TEXT_CHARS_MAX
from broadcast.pages.actions import form_route, is_pressable
from broadcast.pages.api import request_actor
from broadcast.pages.clips import NAME_CHARS_MAX, listed_clips, new_preset_id
from broadcast.pages.context import PATH, BroadcastPageContext
from broadcast.voice.normalise import normalise
from gateway.errors import UsageError
from gateway.health import Vitals
from gateway.web.audit_middleware import set_target
from gateway.web.page_renderer import PAGES
from gateway.web.section import Permission, Route

HERE = f"{PATH}/presets"
CLASSES = ("notice", "urgent", "emergency", "background")
NEW = PresetOptions(name="?")


class PresetRoutes:
    """The handlers."""

    def __init__(
        self,
        context: BroadcastPageContext,
        vitals: Callable[[], Vitals],
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called when a preset changed."""
        self._context = context
        self._vitals = vitals
        self._changed = changed

    def routes(self) -> list[Route]:
        view = Permission.VIEW
        return [
            Route(path=HERE, handler=self.all, permission=view),
            Route(path=f"{HERE}/{{id}}", handler=self.one, permission=view),
            form_route("/presets", self.add, "preset"),
            form_route("/presets/{id}", self.put, "preset"),
            form_route("/presets/{id}/undo", self.undo, "undo"),
            form_route("/presets/{id}/remove", self.remove, "preset"),
            form_route("/presets/{id}/up", self.up, "arrange"),
        ]

    async def all(self, request: web.Request) -> web.StreamResponse:
        """All presets in their order, and a form for another."""
        return request.app[PAGES].render(
            request,
            "broadcast/presets.html",
            self._vitals(),
            {},
            presets=self._context.presets.all(),
            pressable=is_pressable,
            **self._form(NEW),
        )

    async def one(self, request: web.Request) -> web.StreamResponse:
        """One preset to change, how it is read, and its history."""
        preset_id, context = request.match_info["id"], self._context
        preset = context.presets.get(preset_id)
        return request.app[PAGES].render(
            request,
            "broadcast/preset.html",
            self._vitals(),
            {},
            preset_id=preset_id,
            read=normalise(preset.text.replace("{place}", "")) if preset.text else "",
            clip=context.voice.ready(preset.text, preset.language) if preset.text else None,
            history=[*reversed(context.presets.history(preset_id))],
            names=context.names(),
            **self._form(preset),
        )

    async def add(self, request: web.Request) -> web.StreamResponse:
        """Create a preset."""
        return await self._keep(request, new_preset_id(self._context))

    async def put(self, request: web.Request) -> web.StreamResponse:
        """Change a preset."""
        preset_id = request.match_info["id"]
        self._context.presets.get(preset_id)
        return await self._keep(request, preset_id)

    async def undo(self, request: web.Request) -> web.StreamResponse:
        """Undo its last change; if it no longer exists, show all."""
        preset_id = request.match_info["id"]
        set_target(request, preset_id)
        left = await self._context.presets.undo(preset_id)
        self._changed()
        raise web.HTTPSeeOther(HERE if left is None else f"{HERE}/{preset_id}")

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Remove it; that can be undone, too."""
        preset_id, context = request.match_info["id"], self._context
        set_target(request, preset_id)
        context.presets.get(preset_id)
        await context.presets.put(
            preset_id, None, request_actor(request), context.clock.stamp().wall_ns
        )
        raise web.HTTPSeeOther(f"{HERE}?gone={preset_id}")

    async def up(self, request: web.Request) -> web.StreamResponse:
        """Move it up by one place."""
        preset_id, order = request.match_info["id"], list(self._context.presets.all())
        set_target(request, preset_id)
        if preset_id in order[1:]:
            at = order.index(preset_id)
            order[at - 1], order[at] = order[at], order[at - 1]
            await self._context.presets.arrange(order)
        raise web.HTTPSeeOther(HERE)

    async def _keep(self, request: web.Request, preset_id: str) -> web.StreamResponse:
        context, form = self._context, await request.post()
        set_target(request, preset_id)
        preset = _preset({key: str(value).strip() for key, value in form.items()})
        if preset.clip is not None:
            context.shelf.clip(preset.clip)
        await context.presets.put(
            preset_id, preset, request_actor(request), context.clock.stamp().wall_ns
        )
        self._changed()
        raise web.HTTPSeeOther(f"{HERE}/{preset_id}")

    def _form(self, preset: PresetOptions) -> dict[str, Any]:
        return {
            "preset": preset,
            "classes": CLASSES,
            "chimes": NAMES,
            "clips": listed_clips(self._context),
            "name_max": NAME_CHARS_MAX,
            "text_max": TEXT_CHARS_MAX,
            "repeat_max": REPEAT_MAX,
        }


def _preset(form: dict[str, str]) -> PresetOptions:
    """The form as a preset; UsageError if it is invalid. Empty fields take their defaults."""
    given: dict[str, Any] = {
        key: value for key in ("name", "text", "clip", "class", "chime") if (value := form.get(key))
    }
    given["repeat"] = form.get("repeat") or "1"
    given["language"] = form.get("language") or "zh"
    if not given.keys() & {"text", "clip"}:
        raise UsageError("cast.no-text")
    try:
        return msgspec.convert(given, PresetOptions, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError("broadcast.bad-body", reason=str(error)) from error
