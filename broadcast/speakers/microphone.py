"""Reads a microphone of this machine through PortAudio."""

import threading
from collections.abc import Callable
from typing import Any

from broadcast import realtime
from broadcast.audio_protocol.pcm import FRAME_SAMPLES, RATE
from broadcast.speakers.soundcard import device_index, portaudio
from gateway.errors import Unavailable

END_WITHIN_S = 2.0


class MicrophoneReader:
    """Reads in a thread, from which both callbacks are called.

    `heard` gets 20 ms at a time. `over` is called last: with None after `end`, else with a text
    code.
    """

    def __init__(
        self,
        device: str | None,
        heard: Callable[[bytes], None],
        over: Callable[[str | None], None],
    ) -> None:
        """`device` is ALSA's name; None is the default microphone."""
        self._device = device
        self._heard = heard
        self._over = over
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="pickup", daemon=True)

    def start(self) -> None:
        """Open it and read, in a thread."""
        self._thread.start()

    def end(self) -> None:
        """Stop reading; `over` follows."""
        self._ending = True

    def join(self) -> None:
        """Wait, with a limit, until it is released."""
        self._thread.join(END_WITHIN_S)

    def _work(self) -> None:
        realtime.use_realtime_priority(realtime.CARD_PRIORITY)
        try:
            self._listen()
        except (Unavailable, OSError, ValueError, ImportError):
            self._over("speaker.no-pickup")
        else:
            self._over(None)

    def _listen(self) -> None:
        import pyaudio  # type: ignore[import-untyped]  # noqa: PLC0415 - no types; a station without a card needs none

        with portaudio:
            audio = pyaudio.PyAudio()
        stream: Any = None
        try:
            with portaudio:
                stream = audio.open(
                    rate=RATE,
                    channels=1,
                    format=pyaudio.paInt16,
                    input=True,
                    input_device_index=device_index(audio, self._device, "maxInputChannels"),
                    frames_per_buffer=FRAME_SAMPLES,
                )
            while not self._ending:
                self._heard(stream.read(FRAME_SAMPLES, exception_on_overflow=False))
        finally:
            with portaudio:
                if stream is not None:
                    stream.close()
                audio.terminate()
