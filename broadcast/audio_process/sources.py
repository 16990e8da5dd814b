"""The sources of a programme's frames: files in memory, or live sound."""

import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

from broadcast.audio_protocol.messages import Programme
from broadcast.audio_protocol.pcm import FRAME_BYTES, RATE, SILENCE, WIDTH
from gateway.errors import CommandRefused

# All files of one programme: 38 MB of the station's 1 GB.
SECONDS_MAX = 1200

FEED_BYTES_MAX = RATE * WIDTH * 2 // 5
# Live sound that lags by 400 ms is cut to 100 ms: speaking against one's own echo is worse.
FEED_BYTES_KEPT = RATE * WIDTH // 10

# What must have come before live sound starts, or starts again after it ran dry.
FEED_FIRST_BYTES = 2 * FRAME_BYTES

# Live sound that is not fed for 5 s is over: its feeder is gone.
STARVED_FRAMES = 250


class PcmFile:
    """One file in memory, shared by all programmes that play it."""

    __slots__ = ("__weakref__", "pcm")

    def __init__(self, pcm: bytes) -> None:
        self.pcm = pcm


class PcmCache:
    """Reads files, each once while any programme plays it. Blocks: not for the clock."""

    def __init__(self) -> None:
        self._reels: WeakValueDictionary[tuple[str, int, int], PcmFile] = WeakValueDictionary()

    def tape(self, programme: Programme) -> "FileSource":
        """Read a programme's files; CommandRefused says which one is unusable."""
        reels, seconds = [], 0.0
        for file in programme.files:
            reel = self._reel(Path(file))
            seconds += len(reel.pcm) / (RATE * WIDTH)
            if seconds > SECONDS_MAX:
                raise CommandRefused("audio.too-large", max_s=SECONDS_MAX)
            reels.append(reel)
        return FileSource(reels, programme.repeat, programme.gap_s)

    def _reel(self, path: Path) -> PcmFile:
        try:
            stat = path.stat()
            key = (str(path), stat.st_mtime_ns, stat.st_size)
            reel = self._reels.get(key)
            if reel is None:
                reel = self._reels[key] = PcmFile(_read(path))
        except (OSError, EOFError, wave.Error) as error:
            raise CommandRefused("audio.bad-file", file=path.name) from error
        return reel


def _read(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, WIDTH, RATE):
            raise CommandRefused("audio.bad-file", file=path.name)
        if file.getnframes() > SECONDS_MAX * RATE:
            raise CommandRefused("audio.too-large", max_s=SECONDS_MAX)
        return file.readframes(file.getnframes())


class FrameSource(Protocol):
    """Where a programme's frames come from."""

    @property
    def frames(self) -> int:
        """Their number; 0 if it is unknown."""

    @property
    def reels(self) -> Mapping[int, int]:
        """Its pieces of memory with their bytes; equal numbers are the same piece."""

    def frame(self, index: int) -> bytes | None:
        """The frame at that index; None at the end."""


class FileSource:
    """Files end to end, sample-exact, `repeat` times with `gap_s` of silence between."""

    def __init__(self, reels: list[PcmFile], repeat: int, gap_s: float) -> None:
        self._reels = reels
        length = sum(len(reel.pcm) for reel in reels)
        self._played = -(-length // FRAME_BYTES)
        self._pass = self._played + round(gap_s * RATE * WIDTH / FRAME_BYTES)
        self.frames = (repeat - 1) * self._pass + self._played
        self.size = length
        self.reels = {id(reel): len(reel.pcm) for reel in reels}
        self._at = (0, 0, 0)  # the frame of the pass, and the file and byte where it begins

    def frame(self, index: int) -> bytes | None:
        """The frame at that index, filled with silence at the end of a pass."""
        if index >= self.frames:
            return None
        within = index % self._pass
        if within >= self._played:
            return SILENCE
        return self._cut(within).ljust(FRAME_BYTES, b"\0")

    def _cut(self, within: int) -> bytes:
        place, reel, byte = self._at if self._at[0] <= within else (0, 0, 0)
        byte += (within - place) * FRAME_BYTES
        while reel < len(self._reels) and byte >= len(self._reels[reel].pcm):
            byte -= len(self._reels[reel].pcm)
            reel += 1
        self._at = (within, reel, byte)
        found = b""
        while len(found) < FRAME_BYTES and reel < len(self._reels):
            found += self._reels[reel].pcm[byte : byte + FRAME_BYTES - len(found)]
            reel, byte = reel + 1, 0
        return found


class LiveSource:
    """Live sound: a short buffer that fills before it starts, and never lags for long."""

    frames = 0

    def __init__(self) -> None:
        self.reels = {id(self): FEED_BYTES_MAX}
        self._buffer = bytearray()
        self._waiting = True
        self._ended = False
        self._dry = 0

    @property
    def started(self) -> bool:
        """Whether enough has come to play."""
        return self._ended or len(self._buffer) >= FEED_FIRST_BYTES

    @property
    def starved(self) -> bool:
        """Whether its feeder is gone."""
        return self._dry >= STARVED_FRAMES

    def put(self, pcm: bytes) -> None:
        """Take sound; an odd byte and lagging sound are cut off."""
        self._buffer += pcm[: len(pcm) // WIDTH * WIDTH]
        if len(self._buffer) > FEED_BYTES_MAX:
            del self._buffer[:-FEED_BYTES_KEPT]

    def end(self) -> None:
        """End after what was fed."""
        self._ended = True

    def frame(self, index: int) -> bytes | None:
        """The next frame; silence while it is dry, None after its end."""
        del index  # live sound has no other index than the next
        if self._ended and not self._buffer:
            return None
        if self._waiting and not self.started:
            self._dry += 1
            return SILENCE
        found = bytes(self._buffer[:FRAME_BYTES])
        del self._buffer[:FRAME_BYTES]
        self._waiting = not self._buffer
        self._dry = 0
        return found.ljust(FRAME_BYTES, b"\0")
