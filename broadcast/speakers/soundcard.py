"""A sound card of this machine, through PortAudio: the clock fills a queue, a thread empties it."""

import threading
from typing import Any

from broadcast import realtime
from broadcast.audio_protocol.pcm import FRAME_BYTES, FRAME_SAMPLES, RATE, SILENCE
from broadcast.audio_protocol.speaker_options import SoundCardOptions
from broadcast.speakers.backlog import WAKE_RANK, FrameBacklog
from broadcast.speakers.contract import ProofLevel
from gateway.errors import Unavailable

# 300 ms; a card whose clock is slower than ours loses a frame now and then instead of lagging.
#
# Silence that wakes an amplifier is not counted.
FRAMES_WAITING_MAX = 15

# 60 ms of silence before each session: the card's reserve when the thread is late.
LEAD_FRAMES = 3

# 200 ms of silence before a stream stops: PortAudio may drop its last buffers.
TAIL_FRAMES = 10

CLOSE_WITHIN_S = 2.0

# PortAudio must open and close one stream at a time; two at once corrupt its memory.
portaudio = threading.Lock()


class SoundCardSpeaker:
    """One output of a card. A session starts its stream, which stops after a final silence."""

    codec = "raw"
    busy = False

    def __init__(self, id_: str, options: SoundCardOptions) -> None:
        self.rung = ProofLevel.UNKNOWN
        self._id = id_
        self._options = options
        self._wake_frames = LEAD_FRAMES + round(options.warm_up_s * 50)
        self._backlog = FrameBacklog(FRAMES_WAITING_MAX + self._wake_frames)
        self._turn = threading.Condition()
        self._over = self._closing = False
        self._playing = False
        self._failed: OSError | None = None
        self._thread: threading.Thread | None = None
        self._audio: Any = None
        self._stream: Any = None

    @property
    def behind(self) -> bool:
        return self._backlog.behind

    def open(self) -> None:
        """Find the card, open it and start the thread; Unavailable says why not."""
        with portaudio:
            self._open()
        self._thread = threading.Thread(target=self._work, name=self._id, daemon=True)
        self._thread.start()
        self.rung = ProofLevel.REACHABLE

    def play(self, payload: bytes, rank: int, *, silent: bool = False) -> None:
        """Queue a frame; the first of a session is preceded by silence that wakes the amplifier."""
        self._check()
        with self._turn:
            if not self._playing:
                self._playing, self._over = True, False
                for _ in range(self._wake_frames):
                    self._backlog.put(SILENCE, WAKE_RANK)
            self._backlog.put(payload, rank, silent=silent)
            self._turn.notify()
        self.rung = max(self.rung, ProofLevel.ACCEPTED)

    def cut(self) -> None:
        self._backlog.cut()

    def rest(self) -> None:
        """Let the stream run out."""
        with self._turn:
            if self._playing:
                self._playing, self._over = False, True
                self._turn.notify()

    def tend(self) -> None:
        """Raise what failed in the thread."""
        self._check()

    def probe(self) -> ProofLevel:
        """Whether the card has accepted a stream, without a sound."""
        self._check()
        return ProofLevel.ACCEPTED if self.rung is ProofLevel.ACCEPTED else ProofLevel.REACHABLE

    def close(self) -> None:
        """Play what is queued, with a limit, and release the card."""
        if self._thread is not None and self._thread.is_alive():
            self.rest()
            with self._turn:
                self._closing = True
                self._turn.notify()
            self._thread.join(CLOSE_WITHIN_S)
        self._thread = None
        with portaudio:
            if self._stream is not None:
                self._stream.close()
                self._stream = None
            if self._audio is not None:
                self._audio.terminate()
                self._audio = None

    def _open(self) -> None:
        import pyaudio  # type: ignore[import-untyped]  # noqa: PLC0415 - no types; a station without a card needs none

        self._audio = pyaudio.PyAudio()
        try:
            self._stream = self._audio.open(
                rate=RATE,
                channels=1,
                format=pyaudio.paInt16,
                output=True,
                output_device_index=device_index(self._audio, self._options.device),
                frames_per_buffer=FRAME_SAMPLES,
                start=False,
            )
        except (OSError, ValueError) as error:
            raise Unavailable("speaker.no-card", device=self._where()) from error

    def _next(self) -> bytes | None:
        """Wait for the next frame; None ends a session, an empty frame ends the thread."""
        with self._turn:
            while True:
                payload = self._backlog.pop()
                if payload is not None:
                    return payload
                if self._over:
                    self._over = False
                    return None
                if self._closing:
                    return b""
                self._turn.wait()

    def _work(self) -> None:
        """Write frames in a thread; None ends a session, an empty frame ends the thread."""
        realtime.use_realtime_priority(realtime.CARD_PRIORITY)
        try:
            while (item := self._next()) != b"":
                if item is not None:
                    self._write(item)
                elif not self._stream.is_stopped():
                    self._write(SILENCE * TAIL_FRAMES)
                    self._stream.stop_stream()
        except OSError as error:
            self._failed = error

    def _write(self, frames: bytes) -> None:
        if self._stream.is_stopped():
            self._stream.start_stream()
        self._stream.write(frames, len(frames) // FRAME_BYTES * FRAME_SAMPLES)

    def _check(self) -> None:
        if self._failed is not None:
            raise Unavailable("speaker.card-failed", device=self._where()) from self._failed

    def _where(self) -> str:
        return self._options.device or "default"


def device_index(audio: Any, name: str | None, direction: str = "maxOutputChannels") -> int | None:
    """PortAudio's number of the device with that name; None is the default device."""
    if name is None:
        return None
    for index in range(audio.get_device_count()):
        found = audio.get_device_info_by_index(index)
        if found["name"] == name and found[direction] > 0:
            return index
    raise Unavailable("speaker.no-card", device=name)
