"""What every voice engine offers: a text in, a sound file out, from a process under limits."""

from pathlib import Path
from typing import Protocol


class VoiceEngine(Protocol):
    """One voice. `name` is what settings and people call it."""

    name: str
    languages: frozenset[str]

    def identity(self, language: str) -> str | None:
        """What the sound depends on beside the text (voice, model, version).

        None: another language, or its program or model is not on this machine.

        Two runs with the same identity and text sound alike, so that one of them is enough.
        """

    async def speak(self, text: str, language: str, folder: Path) -> Path:
        """A sound file in `folder` that says this normalised text; `ProgramFailed` if it cannot."""


def engine_stamp(path: Path) -> str:
    """Which program or model this is: a new one has another size or date."""
    found = path.stat()
    return f"{path.name}:{found.st_size}:{found.st_mtime_ns}"
