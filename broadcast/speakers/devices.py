"""Sound cards and microphones of this machine, by the names that `station.toml` uses."""

import contextlib
import os
from collections.abc import Iterator

import msgspec


class AudioDevice(msgspec.Struct, frozen=True):
    """A device of PortAudio; `name` is what `device` of a loudspeaker or a microphone says."""

    name: str
    plays: bool
    records: bool


def find_audio_devices() -> list[AudioDevice]:
    """List all that PortAudio finds; takes a second or two."""
    import pyaudio  # type: ignore[import-untyped]  # noqa: PLC0415 - has no types

    with _hushed():  # ALSA reports every card that it tries
        audio = pyaudio.PyAudio()
    try:
        found = [audio.get_device_info_by_index(index) for index in range(audio.get_device_count())]
    finally:
        audio.terminate()
    return [
        AudioDevice(str(one["name"]), one["maxOutputChannels"] > 0, one["maxInputChannels"] > 0)
        for one in found
    ]


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Hide what a C library writes to the terminal."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
