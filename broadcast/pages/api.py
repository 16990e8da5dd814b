"""`/api/v1/orders`, `/api/v1/presets`, `/api/v1/schedules` and `/api/v1/recordings`."""

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from broadcast.material.phrase_recordings import PhraseRecording, StoredRecording, keep_recording
from broadcast.material.presets import Presets, PresetVersion
from broadcast.options import PresetOptions
from broadcast.order import Authority
from broadcast.orders.order_request import LocalOrderRequest, Requester, build_order, decode_body
from broadcast.orders.repository import OrderRecord
from broadcast.orders.schedules import Schedule, Schedules, check_schedulable
from broadcast.playback.service import BroadcastService
from broadcast.voice.voice import Voice
from gateway.audit.events import CONSOLE, Actor
from gateway.clock import Clock
from gateway.errors import CommandRefused, NotFound, UsageError
from gateway.upstream.inbox.events import ReceiptEventData
from gateway.web.audit_middleware import acting_account, set_target
from gateway.web.responses import json_response
from gateway.web.section import Handler, Permission, Route, Section

API = "/api/v1"
SHOWN_MAX = 100

_BOTH_PRESET = (PresetOptions | None, PresetOptions | None)
# The request and the response; null removes the schedule.
_BOTH_SCHEDULE = (Schedule | None, Schedule | None)


class OrderView(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order in the API."""

    id: str
    cls: str = msgspec.field(name="class")
    zones: tuple[str, ...]
    source: str
    actor: Actor
    receipt: ReceiptEventData
    turn: int = 0


class StopRequest(msgspec.Struct, frozen=True):
    """Which zones to silence; none means all."""

    zones: tuple[str, ...] = ()


class OrdersApi:
    """The handlers."""

    def __init__(
        self,
        room: BroadcastService,
        presets: Presets,
        schedules: Schedules,
        clock: Clock,
        *,
        known: Callable[[str], None],
        voice: Voice,
    ) -> None:
        """`known` raises UsageError for a microphone that does not exist."""
        self._known = known
        self._voice = voice
        self._schedules = schedules
        self._room = room
        self._presets = presets
        self._clock = clock

    async def orders(self, _request: web.Request) -> web.StreamResponse:
        """The newest orders."""
        return json_response([self._shown(kept) for kept in self._room.orders()[:SHOWN_MAX]])

    async def order(self, request: web.Request) -> web.StreamResponse:
        return json_response(self._shown(self._room.require(request.match_info["id"])))

    async def place(self, request: web.Request) -> web.StreamResponse:
        """Judge and play an order; the receipt says what became of it, also if it was refused."""
        ask: LocalOrderRequest = decode_body(await request.read(), LocalOrderRequest)
        if ask.microphone is not None:
            self._known(ask.microphone)
        by = Requester(request_actor(request), "desk", Authority.PRESS)
        deadline = self._clock.deadline(ask.expires_s)
        order = build_order(ask, by, self._presets, self._room.new_id(), deadline)
        set_target(request, order.id)
        return json_response(await self._room.place(order))

    async def stop(self, request: web.Request) -> web.StreamResponse:
        """Silence zones: everything below the emergency."""
        asked: StopRequest = decode_body(await request.read() or b"{}", StopRequest)
        for zone in asked.zones:
            if zone not in self._room.house.zones:
                raise NotFound("broadcast.unknown-zone", zone=zone[:60])
        set_target(request, ",".join(asked.zones))
        return json_response(await self._room.stop(asked.zones, request_actor(request)))

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        order_id = request.match_info["id"]
        set_target(request, order_id)
        try:
            return json_response(await self._room.cancel(order_id, request_actor(request)))
        except CommandRefused as refused:
            raise UsageError(refused.code, **refused.data) from refused

    async def presets(self, _request: web.Request) -> web.StreamResponse:
        return json_response(self._presets.all())

    async def history(self, request: web.Request) -> web.StreamResponse:
        """The versions of one preset."""
        return json_response(self._presets.history(request.match_info["id"]))

    async def prepare(self, request: web.Request) -> web.StreamResponse:
        """Create or change a preset; `null` removes it."""
        preset_id = request.match_info["id"]
        preset = decode_body(await request.read(), PresetOptions | None)
        set_target(request, preset_id)
        wall_ns = self._clock.stamp().wall_ns
        await self._presets.put(preset_id, preset, request_actor(request), wall_ns)
        return json_response(preset)

    async def undo(self, request: web.Request) -> web.StreamResponse:
        """Undo the last change of a preset."""
        preset_id = request.match_info["id"]
        set_target(request, preset_id)
        return json_response(await self._presets.undo(preset_id))

    async def record(self, request: web.Request) -> web.StreamResponse:
        """Let a recording speak a text from now on."""
        recorded = await keep_recording(
            self._voice, decode_body(await request.read(), PhraseRecording)
        )
        set_target(request, recorded.sha[:12])
        return json_response(recorded)

    async def schedules(self, _request: web.Request) -> web.StreamResponse:
        return json_response(self._schedules.all())

    async def schedule(self, request: web.Request) -> web.StreamResponse:
        """Create or change a schedule; `null` removes it."""
        schedule_id = request.match_info["id"]
        asked = decode_body(await request.read(), Schedule | None)
        set_target(request, schedule_id)
        if asked is not None:
            check_schedulable(self._presets.get(asked.preset))
        await self._schedules.put(schedule_id, asked, request_actor(request))
        return json_response(asked)

    async def unschedule(self, request: web.Request) -> web.StreamResponse:
        """Undo the last change of a schedule."""
        schedule_id = request.match_info["id"]
        set_target(request, schedule_id)
        await self._schedules.undo(schedule_id)
        return json_response(self._schedules.all().get(schedule_id))

    def _shown(self, kept: OrderRecord) -> OrderView:
        order = kept.order
        return OrderView(
            id=order.id,
            cls=order.class_.word,
            zones=order.zones,
            source=order.source,
            actor=order.actor,
            receipt=self._room.receipt(kept),
            turn=kept.turn,
        )


def orders_api(
    room: BroadcastService,
    presets: Presets,
    schedules: Schedules,
    clock: Clock,
    *,
    known: Callable[[str], None],
    voice: Voice,
) -> Section:
    """The section with all routes of the orders' API."""
    api = OrdersApi(room, presets, schedules, clock, known=known, voice=voice)
    return Section(
        name="orders",
        routes=(
            _look("/orders", api.orders, "The newest orders", list[OrderView]),
            _look("/orders/{id}", api.order, "One order", OrderView),
            _act(
                "/orders", api.place, "Play something", "place", ReceiptEventData, LocalOrderRequest
            ),
            _act(
                "/orders/stop",
                api.stop,
                "Silence zones",
                "stop",
                list[ReceiptEventData],
                StopRequest,
            ),
            _act("/orders/{id}/stop", api.cancel, "Stop one order", "cancel", ReceiptEventData),
            _look("/presets", api.presets, "What staff have prepared", dict[str, PresetOptions]),
            _look("/presets/{id}/history", api.history, "Its versions", list[PresetVersion]),
            _act("/presets/{id}", api.prepare, "Prepare or change it", "preset", *_BOTH_PRESET),
            _act(
                "/presets/{id}/undo",
                api.undo,
                "Take the last change back",
                "undo",
                PresetOptions | None,
            ),
            _act(
                "/recordings",
                api.record,
                "Let it say a text",
                "record",
                StoredRecording,
                PhraseRecording,
            ),
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
    """A route that changes something; `bodies` are its response and, if any, its request."""
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
        bare=accepts is StopRequest,
    )


def request_actor(request: web.Request) -> Actor:
    """The account of the request; requests from the machine itself are the installer's."""
    found = acting_account(request)
    return Actor("installer", "console") if found == CONSOLE else found
