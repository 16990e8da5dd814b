"""The sound cards and microphones of this machine, by the names that `station.toml` takes."""

import contextlib
import os
from collections.abc import Iterator

import msgspec


class AudioDevice(msgspec.Struct, frozen=True):
    """`name` is what `device` of a loudspeaker or a microphone says."""

    name: str
    plays: bool
    records: bool


def find_audio_devices() -> list[AudioDevice]:
    """All that PortAudio finds; it takes a second or two."""
    import pyaudio  # type: ignore[import-untyped]  # noqa: PLC0415 - has no types

    with _hushed():  # ALSA tells of every card that it tries
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
    """What a library writes to the terminal by itself is not shown."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
