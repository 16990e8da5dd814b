"""Microphones of this machine, as the audio process opens them for us."""

import contextlib
import logging
from collections.abc import AsyncIterator

from broadcast.audio_protocol import messages
from broadcast.microphone.stream import MicrophoneStream, MicrophoneStreams, OverflowPolicy
from broadcast.ports import AudioPort
from gateway.errors import CommandRefused, StationError, Unavailable

log = logging.getLogger(__name__)


class MicrophoneCapture:
    """Opens microphones, and closes each of them whatever happens to its reader."""

    def __init__(self, engine: AudioPort, pieces_max: int, loses: OverflowPolicy) -> None:
        """A stream holds at most `pieces_max` pieces; `loses` says which ones a full one drops."""
        self._engine = engine
        self._streams = MicrophoneStreams(pieces_max, loses)
        self._open: set[str] = set()
        engine.add_listener(self._on_event)

    @contextlib.asynccontextmanager
    async def open(
        self, name: str, device: str | None, *, starts_within_s: float | None = None
    ) -> AsyncIterator[MicrophoneStream]:
        """Open a microphone for the length of the block and give its stream.

        With `starts_within_s` the block begins when the first piece has come, which is dropped.
        CommandRefused if it is not opened, Unavailable if the audio process is away or nothing
        comes.
        """
        with self._streams.open(name) as stream:
            try:
                self._open.add(name)
                await self._engine.begin_capture(name, device)
                if starts_within_s is not None and not await stream.get_within(starts_within_s):
                    raise Unavailable(stream.code or "speaker.no-pickup")
                yield stream
            except CommandRefused:
                self._open.discard(name)
                raise
            finally:
                await self.close(name)

    async def close(self, name: str) -> None:
        """Close it now; what it heard until then can still be read."""
        if name in self._open:
            self._open.discard(name)
            try:
                await self._engine.end_capture(name)
            except StationError as error:  # the process is away, and its microphones with it
                log.debug("the microphone of %s: %s", name, error)

    def end(self, name: str) -> bool:
        """End its stream: what was heard is read to its end. False if it is not open."""
        return self._streams.end(name)

    def _on_event(self, event: messages.AudioEvent) -> None:
        if isinstance(event, messages.ProgrammeStopped | messages.ProgrammeRefused):
            self._streams.end(event.id)
        else:
            self._streams.handle_event(event)
