"""Bounded streams from the audio process's microphones to their readers."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from enum import Enum

from broadcast.audio_protocol import messages

log = logging.getLogger(__name__)


class OverflowPolicy(Enum):
    """What a full stream drops."""

    # The newest piece: what is read has no hole up to there.
    NEWEST = "newest"
    # The oldest piece: what is read is always the latest.
    OLDEST = "oldest"


class MicrophoneStream:
    """Pieces in the order in which they came, and then the end, which is never lost."""

    def __init__(self, pieces_max: int, loses: OverflowPolicy) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(pieces_max + 1)
        self._pieces_max = pieces_max
        self._loses = loses
        self._ended = False
        # Pieces that were not read in time.
        self.lost = 0
        # Why it ended, if that was a fault.
        self.code: str | None = None

    def put(self, piece: bytes) -> None:
        """Add a piece; after the end nothing is added."""
        if self._ended:
            return
        if self._pieces.qsize() >= self._pieces_max:
            self.lost += 1
            if self._loses is OverflowPolicy.NEWEST:
                return
            self._pieces.get_nowait()
        self._pieces.put_nowait(piece)

    def end(self, code: str | None = None) -> None:
        """End the stream; the first reason counts."""
        if not self._ended:
            self._ended = True
            self.code = code
            self._pieces.put_nowait(None)

    async def get(self) -> bytes | None:
        """The next piece; None at the end, as often as it is asked."""
        piece = await self._pieces.get()
        if piece is None:
            self._pieces.put_nowait(None)
        return piece

    async def get_within(self, seconds: float) -> bytes | None:
        """The next piece; None at the end, or if none comes in time."""
        try:
            async with asyncio.timeout(seconds):
                return await self.get()
        except TimeoutError:
            return None


class MicrophoneStreams:
    """The open streams, by the name of their capture."""

    def __init__(self, pieces_max: int, loses: OverflowPolicy) -> None:
        """`handle_event` must be given the audio process's events."""
        self._pieces_max = pieces_max
        self._loses = loses
        self._open: dict[str, MicrophoneStream] = {}

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[MicrophoneStream]:
        """Take what that microphone will hear."""
        line = self._open[name] = MicrophoneStream(self._pieces_max, self._loses)
        try:
            yield line
        finally:
            del self._open[name]
            if line.lost:
                log.warning("microphone of %s: %d pieces lost", name, line.lost)

    def end(self, name: str, code: str | None = None) -> bool:
        """End a stream: what was heard is read to its end. False if it was not open."""
        line = self._open.get(name)
        if line is not None:
            line.end(code)
        return line is not None

    def handle_event(self, event: messages.AudioEvent) -> None:
        """Take an event of the audio process."""
        if isinstance(event, messages.CapturedPcm):
            if event.id in self._open:
                self._open[event.id].put(event.pcm)
        elif isinstance(event, messages.CaptureEnded):
            self.end(event.id, event.code)
