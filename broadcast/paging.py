"""Microphones of this machine: each is open for as long as its order sounds, and no longer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

from broadcast.air import Air
from broadcast.engine import wire
from broadcast.options import MicrophoneOptions
from broadcast.order import Live, Order
from broadcast.room import Broadcast
from gateway.errors import StationError, Unavailable, UsageError

log = logging.getLogger(__name__)

PIECES_MAX = 50
"""A second of sound; whoever is further behind than that loses the newest."""


class Captor(Protocol):
    """What this needs of the audio process."""

    def listen(self, listener: Callable[[wire.Event], None]) -> None:
        """Tell this one every event."""

    async def capture(self, id_: str, device: str | None) -> None:
        """Open a microphone."""

    async def capture_end(self, id_: str) -> None:
        """Close it."""


class Paging:
    """`begin` when a live order with a microphone of ours is about to sound."""

    def __init__(
        self,
        microphones: Mapping[str, MicrophoneOptions],
        engine: Captor,
        room: Broadcast,
        air: Air,
        title: Callable[[Order], str],
    ) -> None:
        """`title(order)` is what its recording is called."""
        self._microphones = microphones
        self._engine = engine
        self._room = room
        self._air = air
        self._title = title
        self._lines: dict[str, asyncio.Queue[bytes | None]] = {}
        self._failed: dict[str, str] = {}
        self._speaking: set[asyncio.Task[None]] = set()
        engine.listen(self._heard)

    def begin(self, order: Order) -> None:
        """Open its microphone, beside everything else."""
        speaking = asyncio.get_running_loop().create_task(self._speak(order))
        self._speaking.add(speaking)
        speaking.add_done_callback(self._speaking.discard)

    def end(self, order_id: str) -> bool:
        """Put it down: what was said is heard to its end. False if it was not open."""
        is_open = order_id in self._lines
        self._put(order_id, None)
        return is_open

    def known(self, microphone: str) -> None:
        """UsageError unless there is a microphone of that name."""
        if microphone not in self._microphones:
            known = ", ".join(self._microphones) or "-"
            raise UsageError("broadcast.no-microphone", microphone=microphone[:60], known=known)

    async def _speak(self, order: Order) -> None:
        assert isinstance(order.content, Live)
        self._lines[order.id] = asyncio.Queue(PIECES_MAX)
        try:
            self.known(order.content.microphone)
            device = self._microphones[order.content.microphone].device
            await self._engine.capture(order.id, device)
            await self._air.speak(order.id, self._pieces(order.id), self._title(order))
        except StationError as error:
            self._room.fail(order.id, error.code)
        finally:
            del self._lines[order.id]
            self._failed.pop(order.id, None)

    async def _pieces(self, order_id: str) -> AsyncIterator[bytes]:
        line = self._lines[order_id]
        try:
            while (piece := await line.get()) is not None:
                yield piece
            if code := self._failed.get(order_id):
                raise Unavailable(code)
        finally:
            try:
                await self._engine.capture_end(order_id)
            except StationError as error:  # the process is away, and its microphones with it
                log.debug("the microphone of %s: %s", order_id, error)

    def _heard(self, event: wire.Event) -> None:
        if isinstance(event, wire.Captured):
            self._put(event.id, event.pcm)
        elif isinstance(event, wire.CaptureOver):
            if event.code is not None and event.id in self._lines:
                self._failed[event.id] = event.code
            self._put(event.id, None)
        elif isinstance(event, wire.Stopped | wire.Refused):
            self._put(event.id, None)

    def _put(self, order_id: str, piece: bytes | None) -> None:
        line = self._lines.get(order_id)
        if line is None:
            return
        if piece is None and line.full():
            line.get_nowait()
        if not line.full():
            line.put_nowait(piece)
