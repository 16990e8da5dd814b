"""`/api/v1/orders` and `/api/v1/presets`: place, look, stop; what staff have prepared."""

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from broadcast.ask import AskHere, By, body, order_of
from broadcast.book import Kept
from broadcast.options import PresetOptions
from broadcast.order import Authority
from broadcast.presets import Presets, Version
from broadcast.recording import Recorded, Recording, keep_recording
from broadcast.room import Broadcast
from broadcast.schedule import Schedule, Schedules, check_schedulable
from broadcast.voice.voice import Voice
from gateway.audit.events import CONSOLE, Who
from gateway.clock import Clock
from gateway.errors import CommandRefused, NotFound, UsageError
from gateway.upstream.inbox.events import Receipt
from gateway.web.answers import json
from gateway.web.audited import done_to, who
from gateway.web.section import Handler, Permission, Route, Section

API = "/api/v1"
SHOWN_MAX = 100

_BOTH_PRESET = (PresetOptions | None, PresetOptions | None)
# What is asked for and what is answered; null takes it away.
_BOTH_SCHEDULE = (Schedule | None, Schedule | None)


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order as the API tells it."""

    id: str
    cls: str = msgspec.field(name="class")
    zones: tuple[str, ...]
    source: str
    actor: Who
    receipt: Receipt
    turn: int = 0


class Stop(msgspec.Struct, frozen=True):
    """Which zones are to be silent; none means all."""

    zones: tuple[str, ...] = ()


class Api:
    """The handlers."""

    def __init__(
        self,
        room: Broadcast,
        presets: Presets,
        schedules: Schedules,
        clock: Clock,
        *,
        known: Callable[[str], None],
        voice: Voice,
    ) -> None:
        """Over that room; `known` is the UsageError for a microphone that is none."""
        self._known = known
        self._voice = voice
        self._schedules = schedules
        self._room = room
        self._presets = presets
        self._clock = clock

    async def orders(self, _request: web.Request) -> web.StreamResponse:
        """The newest orders."""
        return json([self._shown(kept) for kept in self._room.orders()[:SHOWN_MAX]])

    async def order(self, request: web.Request) -> web.StreamResponse:
        """One order."""
        return json(self._shown(self._room.require(request.match_info["id"])))

    async def place(self, request: web.Request) -> web.StreamResponse:
        """Judge and play; the receipt says what became of it, a refusal as well."""
        ask: AskHere = body(await request.read(), AskHere)
        if ask.microphone is not None:
            self._known(ask.microphone)
        by = By(actor(request), "desk", Authority.PRESS)
        deadline = self._clock.deadline(ask.expires_s)
        order = order_of(ask, by, self._presets, self._room.new_id(), deadline)
        done_to(request, order.id)
        return json(await self._room.place(order))

    async def stop(self, request: web.Request) -> web.StreamResponse:
        """Silence zones, everything below the emergency."""
        asked: Stop = body(await request.read() or b"{}", Stop)
        for zone in asked.zones:
            if zone not in self._room.house.zones:
                raise NotFound("broadcast.unknown-zone", zone=zone[:60])
        done_to(request, ",".join(asked.zones))
        return json(await self._room.stop(asked.zones, actor(request)))

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Stop one order."""
        order_id = request.match_info["id"]
        done_to(request, order_id)
        try:
            return json(await self._room.cancel(order_id, actor(request)))
        except CommandRefused as refused:
            raise UsageError(refused.code, **refused.data) from refused

    async def presets(self, _request: web.Request) -> web.StreamResponse:
        """All presets."""
        return json(self._presets.all())

    async def history(self, request: web.Request) -> web.StreamResponse:
        """What staff made of one."""
        return json(self._presets.history(request.match_info["id"]))

    async def prepare(self, request: web.Request) -> web.StreamResponse:
        """Make or change one; `null` takes it away."""
        preset_id = request.match_info["id"]
        preset = body(await request.read(), PresetOptions | None)
        done_to(request, preset_id)
        wall_ns = self._clock.stamp().wall_ns
        await self._presets.put(preset_id, preset, actor(request), wall_ns)
        return json(preset)

    async def undo(self, request: web.Request) -> web.StreamResponse:
        """Take the last change back."""
        preset_id = request.match_info["id"]
        done_to(request, preset_id)
        return json(await self._presets.undo(preset_id))

    async def record(self, request: web.Request) -> web.StreamResponse:
        """Let a recording say a text from now on."""
        recorded = await keep_recording(self._voice, body(await request.read(), Recording))
        done_to(request, recorded.sha[:12])
        return json(recorded)

    async def schedules(self, _request: web.Request) -> web.StreamResponse:
        """All schedules."""
        return json(self._schedules.all())

    async def schedule(self, request: web.Request) -> web.StreamResponse:
        """Make or change one; `null` takes it away."""
        schedule_id = request.match_info["id"]
        asked = body(await request.read(), Schedule | None)
        done_to(request, schedule_id)
        if asked is not None:
            check_schedulable(self._presets.get(asked.preset))
        await self._schedules.put(schedule_id, asked, actor(request))
        return json(asked)

    async def unschedule(self, request: web.Request) -> web.StreamResponse:
        """Take the last change back."""
        schedule_id = request.match_info["id"]
        done_to(request, schedule_id)
        await self._schedules.undo(schedule_id)
        return json(self._schedules.all().get(schedule_id))

    def _shown(self, kept: Kept) -> Shown:
        order = kept.order
        return Shown(
            id=order.id,
            cls=order.class_.word,
            zones=order.zones,
            source=order.source,
            actor=order.actor,
            receipt=self._room.receipt(kept),
            turn=kept.turn,
        )


def section(
    room: Broadcast,
    presets: Presets,
    schedules: Schedules,
    clock: Clock,
    *,
    known: Callable[[str], None],
    voice: Voice,
) -> Section:
    """The API of the orders."""
    api = Api(room, presets, schedules, clock, known=known, voice=voice)
    return Section(
        name="orders",
        routes=(
            _look("/orders", api.orders, "The newest orders", list[Shown]),
            _look("/orders/{id}", api.order, "One order", Shown),
            _act("/orders", api.place, "Play something", "place", Receipt, AskHere),
            _act("/orders/stop", api.stop, "Silence zones", "stop", list[Receipt], Stop),
            _act("/orders/{id}/stop", api.cancel, "Stop one order", "cancel", Receipt),
            _look("/presets", api.presets, "What staff have prepared", dict[str, PresetOptions]),
            _look("/presets/{id}/history", api.history, "Its versions", list[Version]),
            _act("/presets/{id}", api.prepare, "Prepare or change it", "preset", *_BOTH_PRESET),
            _act(
                "/presets/{id}/undo",
                api.undo,
                "Take the last change back",
                "undo",
                PresetOptions | None,
            ),
            _act("/recordings", api.record, "Let it say a text", "record", Recorded, Recording),
            _look("/schedules", api.schedules, "What sounds by the clock", dict[str, Schedule]),
            _act("/schedules/{id}", api.schedule, "Make or change it", "schedule", *_BOTH_SCHEDULE),
            _act(
                "/schedules/{id}/undo",
                api.unschedule,
                "Take it back",
                "unschedule",
                Schedule | None,
            ),
        ),
    )


def _look(path: str, handler: Handler, summary: str, returns: Any) -> Route:
    return Route(
        path=API + path,
        handler=handler,
        permission=Permission.VIEW,
        summary=summary,
        returns=returns,
    )


def _act(path: str, handler: Handler, summary: str, act: str, *bodies: Any) -> Route:
    """`bodies` are what it returns, and what it accepts if anything."""
    returns, accepts = (*bodies, None)[:2]
    return Route(
        path=API + path,
        handler=handler,
        method="POST",
        permission=Permission.STAFF,
        summary=summary,
        act=f"broadcast/{act}",
        returns=returns,
        accepts=accepts,
        bare=accepts is Stop,
    )


def actor(request: web.Request) -> Who:
    """Whoever is on the machine itself is who installs it."""
    found = who(request)
    return Who("installer", "console") if found == CONSOLE else found
