"""Finds the first and the last word of what a person says into a microphone. Pure.

Elderly speakers pause, and halls hum. Speech is what stands clearly above the lowest level that was
heard recently, and it has ended after a silence that is longer than a thought.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from broadcast.audio_protocol.pcm import FRAME_BYTES, FRAME_NS, RATE, WIDTH, audioop, dbfs
from broadcast.clips.clip import SAMPLE_BYTES, wav_bytes
from broadcast.clips.trim import audible_range
from broadcast.speakers.codec import CODECS

SECONDS_MAX = 30.0
# Silence that ends a recording once speech was heard; and the time to give up if none was.
PAUSE_S, NOTHING_S = 5.0, 8.0

ABOVE_DB, QUIET_DBFS = 9.0, -52.0
RISES_DB_S = 1.0
# A knock on the case is shorter than any word.
SAID_FRAMES_MIN = 10

PEAK, GAIN_MAX = 0.7, 12.0
_FRAME_S = FRAME_NS / 1e9
_ALAW, _ALAW_HZ = 6, 8000
_HEADER = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")


class RecordedSpeech(NamedTuple):
    """What was said: `wav` for the audio process, `small` in a quarter of that, to be kept.

    Both are whole WAV files; `small` is G.711, which every browser plays.
    """

    wav: bytes
    small: bytes
    seconds: float


class SpeechEndpointer:
    """Takes pieces of any size; `over` once the speaker has ended."""

    def __init__(self) -> None:
        self.pcm = b""
        self.said_frames = 0
        self._rest = b""
        self._floor_db = 0.0
        self._silent_s = 0.0

    @property
    def over(self) -> bool:
        """Whether there is nothing more to wait for."""
        patience_s = PAUSE_S if self.spoke else NOTHING_S
        return self._silent_s >= patience_s or self.seconds >= SECONDS_MAX

    @property
    def spoke(self) -> bool:
        """Whether anything was said that could be a word."""
        return self.said_frames >= SAID_FRAMES_MIN

    @property
    def seconds(self) -> float:
        """How long it has been recording."""
        return len(self.pcm) / (RATE * WIDTH)

    def feed_background(self, piece: bytes) -> None:
        """Add what was heard before the person's turn: the noise of the hall."""
        for frame in self._frames(piece):
            self._lower(dbfs(frame))

    def feed(self, piece: bytes) -> None:
        """Add what the microphone heard next."""
        room = round(SECONDS_MAX * RATE) * WIDTH - len(self.pcm)
        self.pcm += piece[:room]
        for frame in self._frames(piece):
            self._hear(dbfs(frame))

    def _frames(self, piece: bytes) -> Iterator[bytes]:
        sound = self._rest + piece
        whole = len(sound) - len(sound) % FRAME_BYTES
        self._rest = sound[whole:]
        for at in range(0, whole, FRAME_BYTES):
            yield sound[at : at + FRAME_BYTES]

    def _hear(self, level_db: float) -> None:
        self._lower(level_db)
        if level_db > max(self._floor_db + ABOVE_DB, QUIET_DBFS):
            self.said_frames += 1
            self._silent_s = 0.0
        else:
            self._silent_s += _FRAME_S

    def _lower(self, level_db: float) -> None:
        self._floor_db = min(level_db, self._floor_db + RISES_DB_S * _FRAME_S)


def cut_speech(attention: SpeechEndpointer) -> RecordedSpeech | None:
    """What was said, without the silence around it and at the right loudness.

    None if nothing was.
    """
    first, last = audible_range(attention.pcm)
    if not attention.spoke or last <= first:
        return None
    pcm = _levelled(attention.pcm[first * SAMPLE_BYTES : last * SAMPLE_BYTES])
    return RecordedSpeech(wav_bytes(pcm), _small(pcm), len(pcm) / (RATE * WIDTH))


def _levelled(pcm: bytes) -> bytes:
    peak = audioop.max(pcm, WIDTH) / 32768
    return audioop.mul(pcm, WIDTH, min(GAIN_MAX, PEAK / peak)) if peak else pcm


def _small(pcm: bytes) -> bytes:
    encoder = CODECS["pcma"].encoder()
    frames = (
        pcm[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
        for at in range(0, len(pcm), FRAME_BYTES)
    )
    sound = b"".join(map(encoder.encode, frames))
    head = _HEADER.pack(
        *(b"RIFF", _HEADER.size - 8 + len(sound), b"WAVE"),
        *(b"fmt ", 18, _ALAW, 1, _ALAW_HZ, _ALAW_HZ, 1, 8, 0),
        *(b"fact", 4, len(sound), b"data", len(sound)),
    )
    return head + sound
