"""`python -m broadcast.speakers.microphone_probe MICROPHONE SECONDS` listens for a sound.

The sound comes on stdin: 16 kHz, mono, 16 bit. The process prints "listening" once the microphone
runs, then "heard" or "silent". The audio process itself has no time for the computation.
"""

import contextlib
import sys
from array import array
from pathlib import Path

from broadcast.audio_protocol.pcm import FRAME_SAMPLES, RATE
from broadcast.speakers.chime_detector import contains_chime
from broadcast.speakers.soundcard import device_index


def _record(microphone: str, seconds: float) -> "array[int]":
    import pyaudio  # type: ignore[import-untyped]  # noqa: PLC0415 - has no types

    audio = pyaudio.PyAudio()
    try:
        stream = audio.open(
            rate=RATE,
            channels=1,
            format=pyaudio.paInt16,
            input=True,
            input_device_index=device_index(audio, microphone, "maxInputChannels"),
            frames_per_buffer=FRAME_SAMPLES,
        )
        stream.read(FRAME_SAMPLES, exception_on_overflow=False)
        _say("listening")
        sound = stream.read(round(seconds * RATE), exception_on_overflow=False)
        stream.close()
    finally:
        audio.terminate()
    return array("h", sound)


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    """0 if it could listen, whatever it heard."""
    with contextlib.suppress(OSError):  # killed before the sound is if memory runs out
        Path("/proc/self/oom_score_adj").write_text("800", "ascii")
    microphone, seconds = argv
    wanted = array("h", sys.stdin.buffer.read())
    recording = _record(microphone, float(seconds))
    _say("heard" if contains_chime(wanted, recording) else "silent")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
