"""The page's actions: play, stop, louder, quieter. Each is a form, and one audited act.

A form leads back to the page, which says what became of the order (`told`), also if it was refused.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from aiohttp import web

from broadcast.options import PresetOptions
from broadcast.order import TEXT_CHARS_MAX, Authority, Order, OrderClass
from broadcast.orders.order_request import (
    LocalOrderRequest,
    OrderRequest,
    Requester,
    build_order,
    lifetime_s,
)
from broadcast.pages import labels as told
from broadcast.pages import on_air
from broadcast.pages.api import request_actor
from broadcast.pages.context import PATH, BroadcastPageContext
from broadcast.pages.refused_form import FIELDS, URGENT_ZONE, RefusedForm, read_refused
from broadcast.policy.guard import SoundZone
from broadcast.voice.normalise import normalise
from gateway.errors import CommandRefused, NotFound, UsageError
from gateway.health import Vitals
from gateway.web.audit_middleware import set_target
from gateway.web.i18n import translator_for
from gateway.web.page_renderer import PAGES
from gateway.web.section import Handler, Permission, Route

REPEATS = (1, 2, 3)
# The classes that staff may choose for words of their own; an emergency is prepared beforehand.
CLASSES = (OrderClass.NOTICE, OrderClass.URGENT)


def is_pressable(preset: PresetOptions) -> bool:
    """Whether it is a key of the desk: fire is for its panel, and a `{place}` needs an alarm."""
    return preset.cls != OrderClass.FIRE.word and "{place}" not in preset.text


class BroadcastActions:
    """The handlers."""

    def __init__(
        self,
        context: BroadcastPageContext,
        vitals: Callable[[], Vitals],
        turned: Callable[[], Awaitable[None]],
        again: Callable[[web.Request, RefusedForm], web.Response],
    ) -> None:
        """`turned` is called when a volume changed; `again` shows the page once more."""
        self._context = context
        self._vitals = vitals
        self._turned = turned
        self._again = again

    def routes(self) -> list[Route]:
        return [
            form_route("/play/{preset}", self._or_again(self.preset), "place"),
            form_route("/say", self._or_again(self.say), "place"),
            form_route("/hear", self._or_again(self.hear), "hear"),
            form_route("/clip/{sha}", self._or_again(self.clip), "place"),
            form_route("/microphone/{id}", self._or_again(self.microphone), "live"),
            form_route("/microphone/{id}/end", self.put_down, "hang-up"),
            form_route("/stop", self.stop, "stop"),
            form_route("/stop/{id}", self.cancel, "cancel"),
            form_route("/again/{id}", self.again, "again"),
            form_route("/test", self.test, "test"),
            form_route("/volume/{zone}", self.volume, "volume"),
        ]

    def _or_again(self, handler: Handler) -> Handler:
        """The same handler, but a missing field does not lose what was typed."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except UsageError as error:
                if error.code not in FIELDS:
                    raise
                return self._again(request, await read_refused(request, error))

        return handle

    async def preset(self, request: web.Request) -> web.StreamResponse:
        """Play a preset; an emergency only if its key was held, or after a confirmation."""
        preset_id = request.match_info["preset"]
        preset = self._context.presets.get(preset_id)
        form, class_ = await request.post(), OrderClass.parse(preset.cls)
        apart = class_.urgent and "urgent-zones" in form
        zones = await read_zones(request, URGENT_ZONE if apart else "zone")
        if class_.urgent and form.get("held") != "1":
            path = f"{PATH}/play/{preset_id}"
            return self._confirm(request, path, preset.name, preset.text, zones)
        return await self._give(request, OrderRequest(zones=zones, preset=preset_id), class_)

    async def say(self, request: web.Request) -> web.StreamResponse:
        """Say the words that were written."""
        form, text = await request.post(), await read_text(request)
        class_ = _chosen(str(form.get("class", "")))
        ask = OrderRequest(
            zones=await read_zones(request),
            text=text,
            cls=class_.word,
            repeat=_number(str(form.get("repeat", "1")), max(REPEATS)),
        )
        return await self._give(request, ask, class_)

    async def hear(self, request: web.Request) -> web.StreamResponse:
        """Play in the browser how a text is read, before it sounds anywhere."""
        text, form = await read_text(request), await request.post()
        clip = await self._context.voice.render(text)
        return request.app[PAGES].render(
            request,
            "broadcast/hear.html",
            self._vitals(),
            {},
            said=text,
            text_max=TEXT_CHARS_MAX,
            read=normalise(text),
            clip=clip,
            length=told.clock_text(clip.seconds),
            zones=self._known(form.getall("zone", [])),
            class_=_chosen(str(form.get("class", ""))).word,
            repeat=_number(str(form.get("repeat", "1")), max(REPEATS)),
        )

    async def clip(self, request: web.Request) -> web.StreamResponse:
        """Play a recording."""
        sha = self._context.shelf.clip(request.match_info["sha"]).sha
        ask = OrderRequest(zones=await read_zones(request), clip=sha)
        return await self._give(request, ask, OrderClass.NOTICE)

    async def microphone(self, request: web.Request) -> web.StreamResponse:
        """Open a microphone of the station until it is put down."""
        microphone = request.match_info["id"]
        self._context.paging.require_known(microphone)
        ask = LocalOrderRequest(zones=await read_zones(request), microphone=microphone)
        return await self._give(request, ask, OrderClass.LIVE)

    async def put_down(self, request: web.Request) -> web.StreamResponse:
        """Close the microphone; what was said is heard to its end, and kept."""
        kept = on_air.microphone_orders(self._context).get(request.match_info["id"])
        if kept is None:
            raise web.HTTPSeeOther(PATH)
        set_target(request, kept.order.id)
        if not self._context.paging.end(kept.order.id):
            await self._context.room.cancel(kept.order.id, request_actor(request))
        raise web.HTTPSeeOther(f"{PATH}?told={kept.order.id}")

    async def stop(self, request: web.Request) -> web.StreamResponse:
        """Silence everything below the emergency."""
        await self._context.room.stop((), request_actor(request))
        raise web.HTTPSeeOther(PATH)

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Stop one order, also an emergency."""
        order_id = request.match_info["id"]
        set_target(request, order_id)
        try:
            await self._context.room.cancel(order_id, request_actor(request))
        except CommandRefused as refused:
            raise UsageError(refused.code, **refused.data) from refused
        raise web.HTTPSeeOther(f"{PATH}?told={order_id}")

    async def again(self, request: web.Request) -> web.StreamResponse:
        """Order again what no loudspeaker took; an emergency only after a confirmation."""
        context, order_id = self._context, request.match_info["id"]
        order = context.room.require(order_id).order
        class_ = min(
            order.class_, OrderClass.EMERGENCY
        )  # what a fire input began, staff begin in their own name
        if class_.urgent and (await request.post()).get("held") != "1":
            words = translator_for(request)
            title = told.order_title(context.room.require(order_id), context, words)
            return self._confirm(request, f"{PATH}/again/{order_id}", title, "", order.zones)
        once_more = msgspec.structs.replace(
            order,
            id=context.room.new_id(),
            source="desk",
            class_=class_,
            authority=Authority.PRESS,
            actor=request_actor(request),
            expires=context.clock.deadline(lifetime_s(class_)),
            not_before=None,
            supersedes=(),
        )
        return await self._place(request, once_more)

    async def test(self, _request: web.Request) -> web.StreamResponse:
        """Let every loudspeaker show how far it works."""
        self._context.selftests.request()
        raise web.HTTPSeeOther(f"{PATH}#horns")

    async def volume(self, request: web.Request) -> web.StreamResponse:
        """Change the volume by one step."""
        zone = request.match_info["zone"]
        if zone not in self._context.room.house.zones:
            raise NotFound("broadcast.unknown-zone", zone=zone[:60])
        up = (await request.post()).get("turn") == "up"
        set_target(request, zone)
        await self._context.volumes.step_by(zone, 1 if up else -1)
        await self._turned()
        raise web.HTTPSeeOther(PATH)

    async def _give(
        self, request: web.Request, ask: OrderRequest, class_: OrderClass
    ) -> web.StreamResponse:
        context = self._context
        by = Requester(request_actor(request), "desk", Authority.PRESS)
        expires = context.clock.deadline(lifetime_s(class_))
        order = build_order(ask, by, context.presets, context.room.new_id(), expires)
        return await self._place(request, order)

    async def _place(self, request: web.Request, order: Order) -> web.StreamResponse:
        set_target(request, order.id)
        receipt = await self._context.room.place(with_join_key(order))
        raise web.HTTPSeeOther(f"{PATH}?told={receipt.of}")

    def _confirm(
        self, request: web.Request, path: str, title: str, text: str, zones: tuple[str, ...]
    ) -> web.StreamResponse:
        """Ask for confirmation of an emergency whose key was not held."""
        return request.app[PAGES].render(
            request,
            "broadcast/confirm.html",
            self._vitals(),
            {},
            action=path,
            title=title,
            text=text,
            zones=self._known(zones),
        )

    def _known(self, zones: Sequence[object]) -> list[SoundZone]:
        known = self._context.room.house.zones
        return [known[zone] for zone in zones if isinstance(zone, str) and zone in known]


def with_join_key(order: Order) -> Order:
    """Give the order a key that joins repeated presses while it is open."""
    same = msgspec.json.encode((order.content, sorted(order.zones), order.class_.word))
    return msgspec.structs.replace(order, joins=f"desk.{hashlib.sha256(same).hexdigest()[:16]}")


async def read_zones(request: web.Request, field: str = "zone") -> tuple[str, ...]:
    """The zones that are ticked in that field; UsageError if none is."""
    zones = tuple(str(zone) for zone in (await request.post()).getall(field, []))
    if not zones:
        raise UsageError("cast.no-zone", field=field)
    return zones


async def read_text(request: web.Request) -> str:
    """The words that were written; UsageError if there are none, or too many."""
    text = str((await request.post()).get("text", "")).strip()
    if not text:
        raise UsageError("cast.no-text")
    if len(text) > TEXT_CHARS_MAX:
        raise UsageError("cast.long-text", max=TEXT_CHARS_MAX)
    return text


def form_route(path: str, handler: Handler, name: str) -> Route:
    """The route of a form for staff."""
    return Route(
        path=PATH + path,
        handler=handler,
        method="POST",
        permission=Permission.STAFF,
        act=f"broadcast/{name}",
    )


def _chosen(word: str) -> OrderClass:
    return next((class_ for class_ in CLASSES if class_.word == word), OrderClass.NOTICE)


def _number(text: str, most: int) -> int:
    return max(1, min(most, int(text))) if text.isascii() and text.isdecimal() else 1
