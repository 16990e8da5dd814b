"""Microphones of this machine: each is open for as long as its order sounds, and no longer."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping

from broadcast.air import Air
from broadcast.engine import wire
from broadcast.line import Line, Lines, Loses
from broadcast.options import MicrophoneOptions
from broadcast.order import Live, Order
from broadcast.ports import Engine
from broadcast.room import Broadcast
from gateway.errors import NotFound, StationError, Unavailable
from gateway.tasks import TaskSet

log = logging.getLogger(__name__)

# A second of sound.
PIECES_MAX = 50


class Paging:
    """`begin` when a live order with a microphone of ours is about to sound."""

    def __init__(
        self,
        microphones: Mapping[str, MicrophoneOptions],
        engine: Engine,
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
        self._lines = Lines(PIECES_MAX, Loses.NEWEST)
        self._speaking = TaskSet()
        engine.listen(self._heard)

    def begin(self, order: Order) -> None:
        """Open its microphone, beside everything else."""
        self._speaking.start(self._speak(order))

    def end(self, order_id: str) -> bool:
        """Put it down: what was said is heard to its end. False if it was not open."""
        return self._lines.end(order_id)

    def known(self, microphone: str) -> None:
        """UsageError unless there is a microphone of that name."""
        if microphone not in self._microphones:
            known = ", ".join(self._microphones) or "-"
            raise NotFound("broadcast.no-microphone", microphone=microphone[:60], known=known)

    async def _speak(self, order: Order) -> None:
        assert isinstance(order.content, Live)
        with self._lines.open(order.id) as line:
            try:
                self.known(order.content.microphone)
                device = self._microphones[order.content.microphone].device
                await self._engine.capture(order.id, device)
                await self._air.speak(order.id, self._pieces(order.id, line), self._title(order))
            except StationError as error:
                self._room.fail(order.id, error.code)

    async def _pieces(self, order_id: str, line: Line) -> AsyncIterator[bytes]:
        try:
            while (piece := await line.get()) is not None:
                yield piece
            if line.code is not None:
                raise Unavailable(line.code)
        finally:
            try:
                await self._engine.capture_end(order_id)
            except StationError as error:  # the process is away, and its microphones with it
                log.debug("the microphone of %s: %s", order_id, error)

    def _heard(self, event: wire.Event) -> None:
        if isinstance(event, wire.Stopped | wire.Refused):
            self._lines.end(event.id)
        else:
            self._lines.heard(event)
