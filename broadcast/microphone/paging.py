"""Paging: a microphone of this machine is open exactly while its order plays."""

from collections.abc import AsyncIterator, Callable, Mapping

from broadcast.microphone.capture import MicrophoneCapture
from broadcast.microphone.live_feed import LiveFeed
from broadcast.microphone.stream import MicrophoneStream, OverflowPolicy
from broadcast.options import MicrophoneOptions
from broadcast.order import LiveContent, Order
from broadcast.playback.service import BroadcastService
from broadcast.ports import AudioPort
from gateway.errors import NotFound, StationError, Unavailable
from gateway.tasks import TaskSet

# One second of sound.
PIECES_MAX = 50


class Paging:
    """Opens the microphone of a live order when it is about to play."""

    def __init__(
        self,
        microphones: Mapping[str, MicrophoneOptions],
        engine: AudioPort,
        room: BroadcastService,
        air: LiveFeed,
        title: Callable[[Order], str],
    ) -> None:
        """`title(order)` is the title of its recording."""
        self._microphones = microphones
        self._room = room
        self._air = air
        self._title = title
        self._capture = MicrophoneCapture(engine, PIECES_MAX, OverflowPolicy.NEWEST)
        self._speaking = TaskSet()

    def open(self, order: Order) -> None:
        """Open its microphone in the background."""
        self._speaking.start(self._speak(order))

    def end(self, order_id: str) -> bool:
        """Close it: what was said is heard to its end. False if it was not open."""
        return self._capture.end(order_id)

    def require_known(self, microphone: str) -> None:
        """UsageError unless there is a microphone of that name."""
        if microphone not in self._microphones:
            known = ", ".join(self._microphones) or "-"
            raise NotFound("broadcast.no-microphone", microphone=microphone[:60], known=known)

    async def _speak(self, order: Order) -> None:
        assert isinstance(order.content, LiveContent)
        try:
            self.require_known(order.content.microphone)
            device = self._microphones[order.content.microphone].device
            async with self._capture.open(order.id, device) as stream:
                pieces = self._pieces(order.id, stream)
                await self._air.relay(order.id, pieces, self._title(order))
        except StationError as error:
            self._room.fail_order(order.id, error.code)

    async def _pieces(self, order_id: str, stream: MicrophoneStream) -> AsyncIterator[bytes]:
        try:
            while (piece := await stream.get()) is not None:
                yield piece
            if stream.code is not None:
                raise Unavailable(stream.code)
        finally:
            await self._capture.close(order_id)  # not only when the recording is stored
