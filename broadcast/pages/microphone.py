"""Somebody speaks at the desk: an order first, then their voice by a WebSocket, kept on the shelf.

Placing the order is a form's act (judged, audited); the socket only carries sound for an order that
the same person has placed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
from aiohttp import WSMsgType, web

from broadcast.air import Air
from broadcast.api import actor
from broadcast.ask import ASKS_S
from broadcast.book import Kept
from broadcast.engine.wire import LIVE_BYTES_MAX
from broadcast.order import Authority, Class, Live, Order
from broadcast.pages.acts import act, joining, zones_of
from broadcast.pages.deck import PATH, Deck
from gateway.errors import UsageError
from gateway.event import rfc3339
from gateway.tasks import TaskSet
from gateway.web.answers import json
from gateway.web.audited import done_to
from gateway.web.gate import lease
from gateway.web.section import Permission, Route
from gateway.web.words import words_for

# A browser that has gone is noticed before the engine gives up on it.
HEARTBEAT_S = 4.0


class Opened(msgspec.Struct, frozen=True):
    """Whether the order is placed: `said` is why not, in the reader's words."""

    of: str
    reason_code: str | None
    said: str


class Microphone:
    """The handlers."""

    def __init__(self, deck: Deck) -> None:
        """Into that deck's room."""
        self._deck = deck
        self._speaking = TaskSet()

    def routes(self) -> list[Route]:
        """Their addresses."""
        return [
            act("/live", self.open, "live"),
            Route(path=f"{PATH}/live/{{id}}", handler=self.carry, permission=Permission.STAFF),
        ]

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Place the order; its receipt says whether the microphone is on."""
        deck = self._deck
        order = Order(
            id=deck.room.new_id(),
            source="desk",
            zones=await zones_of(request),
            class_=Class.LIVE,
            authority=Authority.PRESS,
            actor=actor(request),
            content=Live(),
            expires=deck.clock.deadline(ASKS_S),
        )
        done_to(request, order.id)
        receipt, words = await deck.room.place(joining(order)), words_for(request)
        code, data = receipt.reason_code, receipt.detail or {}
        told = () if code is None else (words(code, **data), words.remedy(code, **data))
        return json(Opened(receipt.of, code, " ".join(filter(None, told))))

    async def carry(self, request: web.Request) -> web.StreamResponse:
        """Take the sound: 16 kHz, mono, 16 bit, in pieces of any size."""
        kept = self._deck.room.require(request.match_info["id"])
        if not isinstance(kept.order.content, Live) or kept.order.actor != actor(request):
            raise web.HTTPForbidden
        if request.headers.get("Origin") != f"{request.scheme}://{request.host}":
            raise web.HTTPForbidden
        if not kept.open:
            raise UsageError("cast.live-over")
        line = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=LIVE_BYTES_MAX)
        await line.prepare(request)
        speaking = self._speaking.start(self._speak(kept, line, lease(request)))
        await asyncio.shield(speaking)  # a browser that vanishes does not take the recording along
        return line

    async def _speak(
        self, kept: Kept, line: web.WebSocketResponse, lives: Callable[[], bool]
    ) -> None:
        air = Air(self._deck.room, self._deck.shelf)
        whole = await air.relay(kept.order.id, _pieces(line, lives), self._title(kept))
        if not (whole and lives()):
            await line.close(message=b"over")

    def _title(self, kept: Kept) -> str:
        name = self._deck.names().get(kept.order.actor.id, kept.order.actor.id)
        at = self._deck.clock.stamp(kept.asked_ns).wall_ns
        return f"{name} {kept.order.id}" if at is None else f"{name} {rfc3339(at)[:16]}"


async def _pieces(line: web.WebSocketResponse, lives: Callable[[], bool]) -> AsyncIterator[bytes]:
    """What comes, for as long as whoever speaks is still signed in."""
    async for message in line:
        if not lives():
            return
        if message.type is WSMsgType.BINARY:
            yield message.data
