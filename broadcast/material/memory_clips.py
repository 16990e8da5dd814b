"""Sounds that are nobody's business but one person's: in memory only, gone when they are dropped.

The audio process reads files; each of these is one without a name or a disk (`memfd`), reached
through this process.
"""

import os
from pathlib import Path
from typing import NamedTuple

from broadcast.clips.clip import wav_seconds
from gateway.errors import Unavailable

ASIDES_MAX = 16


class MemoryClip(NamedTuple):
    """One of them. It has no hash: what was said is nowhere to be recognised by."""

    path: Path
    seconds: float
    sha: str = ""


class MemoryClips:
    """By the names that their orders bear."""

    def __init__(self) -> None:
        """None."""
        self._files: dict[str, tuple[int, MemoryClip]] = {}

    def put(self, name: str, sound: bytes) -> None:
        """Hold that canonical WAV; Unavailable if there are too many."""
        self.drop(name)
        if len(self._files) >= ASIDES_MAX:
            raise Unavailable("broadcast.too-many")
        file = os.memfd_create("aside", os.MFD_CLOEXEC)
        with os.fdopen(os.dup(file), "wb") as writing:
            writing.write(sound)
        path = Path(f"/proc/{os.getpid()}/fd/{file}")
        self._files[name] = file, MemoryClip(path, wav_seconds(len(sound)))

    def get(self, name: str) -> MemoryClip:
        """It; Unavailable once it is gone."""
        if name not in self._files:
            raise Unavailable("broadcast.aside-gone")
        return self._files[name][1]

    def drop(self, name: str) -> None:
        """Forget it; what sounds of it is in the audio process's memory, to its end."""
        if name in self._files:
            os.close(self._files.pop(name)[0])
