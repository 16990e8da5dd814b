"""Live speech at the desk: an order first, then the voice by a WebSocket, kept as a recording.

Placing the order is a form's act (judged, audited); the socket only carries sound for an order that
the same person has placed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
from aiohttp import WSMsgType, web

from broadcast.audio_protocol.messages import LIVE_BYTES_MAX
from broadcast.microphone.live_feed import LiveFeed
from broadcast.order import Authority, LiveContent, Order, OrderClass
from broadcast.orders.order_request import ASKS_S
from broadcast.orders.repository import OrderRecord
from broadcast.pages.actions import form_route, read_zones, with_join_key
from broadcast.pages.api import request_actor
from broadcast.pages.context import PATH, BroadcastPageContext
from gateway.errors import UsageError
from gateway.event import rfc3339
from gateway.tasks import TaskSet
from gateway.web.audit_middleware import set_target
from gateway.web.authorization import session_lease
from gateway.web.i18n import translator_for
from gateway.web.responses import json_response
from gateway.web.section import Permission, Route

# A browser that has gone is noticed before the audio process gives up on it.
HEARTBEAT_S = 4.0


class LiveOrderResult(msgspec.Struct, frozen=True):
    """Whether the order is placed: `said` is why not, in the reader's language."""

    of: str
    reason_code: str | None
    said: str


class MicrophoneRoutes:
    """The handlers."""

    def __init__(self, context: BroadcastPageContext) -> None:
        self._context = context
        self._speaking = TaskSet()

    def routes(self) -> list[Route]:
        return [
            form_route("/live", self.open, "live"),
            Route(path=f"{PATH}/live/{{id}}", handler=self.carry, permission=Permission.STAFF),
        ]

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Place the order; its receipt says whether the microphone is on."""
        context = self._context
        order = Order(
            id=context.room.new_id(),
            source="desk",
            zones=await read_zones(request),
            class_=OrderClass.LIVE,
            authority=Authority.PRESS,
            actor=request_actor(request),
            content=LiveContent(),
            expires=context.clock.deadline(ASKS_S),
        )
        set_target(request, order.id)
        receipt, words = await context.room.place(with_join_key(order)), translator_for(request)
        code, data = receipt.reason_code, receipt.detail or {}
        told = () if code is None else (words(code, **data), words.remedy(code, **data))
        return json_response(LiveOrderResult(receipt.of, code, " ".join(filter(None, told))))

    async def carry(self, request: web.Request) -> web.StreamResponse:
        """Take the sound: 16 kHz, mono, 16 bit, in pieces of any size."""
        kept = self._context.room.require(request.match_info["id"])
        if not isinstance(kept.order.content, LiveContent) or kept.order.actor != request_actor(
            request
        ):
            raise web.HTTPForbidden
        if request.headers.get("Origin") != f"{request.scheme}://{request.host}":
            raise web.HTTPForbidden
        if not kept.open:
            raise UsageError("cast.live-over")
        line = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=LIVE_BYTES_MAX)
        await line.prepare(request)
        speaking = self._speaking.start(self._speak(kept, line, session_lease(request)))
        await asyncio.shield(speaking)  # a browser that vanishes does not lose the recording
        return line

    async def _speak(
        self, kept: OrderRecord, line: web.WebSocketResponse, lives: Callable[[], bool]
    ) -> None:
        air = LiveFeed(self._context.room, self._context.shelf)
        whole = await air.relay(kept.order.id, _pieces(line, lives), self._title(kept))
        if not (whole and lives()):
            await line.close(message=b"over")

    def _title(self, kept: OrderRecord) -> str:
        name = self._context.names().get(kept.order.actor.id, kept.order.actor.id)
        at = self._context.clock.stamp(kept.asked_ns).wall_ns
        return f"{name} {kept.order.id}" if at is None else f"{name} {rfc3339(at)[:16]}"


async def _pieces(line: web.WebSocketResponse, lives: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The pieces that come while the speaker is still signed in."""
    async for message in line:
        if not lives():
            return
        if message.type is WSMsgType.BINARY:
            yield message.data
