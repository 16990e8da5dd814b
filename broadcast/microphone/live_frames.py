"""A microphone's sound on its way to the audio process: pieces of any size in, 20 ms frames out.

Pure except for the recording. A browser sends in bursts and a network stalls: a few frames are held
back before the first one is passed on, so that a short stall is not heard. What piles up beyond a
fifth of a second is dropped, the oldest first, because a lagging voice is worse than one that
skips.
"""

import contextlib
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable
from pathlib import Path
from typing import BinaryIO, Self

from broadcast.clips.clip import RATE, SAMPLE_BYTES, StoredClip, wav_header
from broadcast.clips.index import ClipKind
from broadcast.clips.store import ClipStore

FRAME_S = 0.02
FRAME_BYTES = round(RATE * FRAME_S) * SAMPLE_BYTES
HELD_FRAMES = 3
WAITING_FRAMES_MAX = 10
# Half an hour; a longer live announcement is heard, but its recording ends.
RECORDED_SECONDS_MAX = 1800


class JitterBuffer:
    """The jitter buffer: `feed` it pieces, take frames with `next_frame`."""

    def __init__(self, held: int = HELD_FRAMES, waiting_max: int = WAITING_FRAMES_MAX) -> None:
        """Hold back `held` frames at first, and keep at most `waiting_max`."""
        self._held = held
        self._rest = b""
        self._waiting: deque[bytes] = deque()
        self._waiting_max = waiting_max
        self._flowing = False
        # Frames that were dropped because they were not taken in time.
        self.dropped = 0
        # How often there was nothing left to take.
        self.stalls = 0

    def feed(self, piece: bytes) -> None:
        """Add bytes, cut anywhere."""
        sound = self._rest + piece
        whole = len(sound) - len(sound) % FRAME_BYTES
        self._rest = sound[whole:]
        # Of a flood only the end can be heard: the rest is not even cut up.
        first = max(0, whole - self._waiting_max * FRAME_BYTES)
        self.dropped += first // FRAME_BYTES
        for at in range(first, whole, FRAME_BYTES):
            self._waiting.append(sound[at : at + FRAME_BYTES])
        while len(self._waiting) > self._waiting_max:
            self._waiting.popleft()
            self.dropped += 1
        self._flowing = self._flowing or len(self._waiting) >= self._held

    def next_frame(self) -> bytes | None:
        """The next frame; None while frames are held back, or if there is none."""
        if not self._flowing:
            return None
        if not self._waiting:
            self._flowing = False
            self.stalls += 1
            return None
        return self._waiting.popleft()

    def drain(self) -> list[bytes]:
        """All that is left, the last frame filled with silence."""
        left = list(self._waiting)
        if self._rest:
            left.append(self._rest.ljust(FRAME_BYTES, b"\0"))
        self._waiting.clear()
        self._rest = b""
        self._flowing = False
        return left


class LiveRecorder:
    """Writes a live announcement to the disk while it is spoken; `keep` stores it as a clip."""

    def __init__(self, shelf: ClipStore) -> None:
        """Use as a context: what is not kept is removed at its end."""
        self._shelf = shelf
        self._closing = contextlib.ExitStack()
        self._bytes = 0

    def __enter__(self) -> Self:
        folder = self._closing.enter_context(self._shelf.workshop())
        self._path: Path = folder / "spoken.wav"
        self._file: BinaryIO = self._closing.enter_context(self._path.open("wb"))
        self._file.write(wav_header(0))
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @property
    def seconds(self) -> float:
        """How much is recorded."""
        return self._bytes / (RATE * SAMPLE_BYTES)

    def write(self, frame: bytes) -> None:
        """Add a frame; beyond half an hour nothing is added."""
        if self.seconds < RECORDED_SECONDS_MAX:
            self._file.write(frame)
            self._bytes += len(frame)

    async def keep(self, title: str) -> StoredClip | None:
        """Store the recording; None if nothing was said."""
        if not self._bytes:
            return None
        self._file.seek(0)
        self._file.write(wav_header(self._bytes))
        self._file.flush()
        return await self._shelf.put(self._path, title=title, kind=ClipKind.RECORDING)


async def relay_speech(
    pieces: AsyncIterable[bytes], play: Callable[[bytes], Awaitable[None]], recorder: LiveRecorder
) -> JitterBuffer:
    """Bring a microphone's bytes to `play` and the recorder until they end.

    The returned buffer tells how it went: what was dropped, how often it stalled.
    """
    frames = JitterBuffer()
    async for piece in pieces:
        frames.feed(piece)
        await _pass_on(frames, play, recorder)
    for frame in frames.drain():
        recorder.write(frame)
        await play(frame)
    return frames


async def _pass_on(
    frames: JitterBuffer, play: Callable[[bytes], Awaitable[None]], recorder: LiveRecorder
) -> None:
    waiting: list[bytes] = []
    while (frame := frames.next_frame()) is not None:
        recorder.write(frame)
        waiting.append(frame)
    if waiting:
        await play(b"".join(waiting))
