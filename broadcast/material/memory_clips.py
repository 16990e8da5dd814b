"""Sounds for one person only: kept in memory, and gone when they are dropped.

The audio process reads files; each of these is a file without a name or a disk (`memfd`), which it
opens through this process.
"""

import os
from pathlib import Path
from typing import NamedTuple

from broadcast.clips.clip import wav_seconds
from gateway.errors import Unavailable

ASIDES_MAX = 16


class MemoryClip(NamedTuple):
    """One of them. It has no hash, so that nothing identifies what was said."""

    path: Path
    seconds: float
    sha: str = ""


class MemoryClips:
    """Memory clips by the ids of their orders."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[int, MemoryClip]] = {}

    def put(self, name: str, sound: bytes) -> None:
        """Hold a canonical WAV; Unavailable if there are too many."""
        self.drop(name)
        if len(self._files) >= ASIDES_MAX:
            raise Unavailable("broadcast.too-many")
        file = os.memfd_create("aside", os.MFD_CLOEXEC)
        with os.fdopen(os.dup(file), "wb") as writing:
            writing.write(sound)
        path = Path(f"/proc/{os.getpid()}/fd/{file}")
        self._files[name] = file, MemoryClip(path, wav_seconds(len(sound)))

    def get(self, name: str) -> MemoryClip:
        """Get a clip; Unavailable once it is gone."""
        if name not in self._files:
            raise Unavailable("broadcast.aside-gone")
        return self._files[name][1]

    def drop(self, name: str) -> None:
        """Forget a clip; what plays of it is in the audio process's memory until it ends."""
        if name in self._files:
            os.close(self._files.pop(name)[0])
