"""The contract of a voice engine: text in, sound file out, from a process under limits."""

from pathlib import Path
from typing import Protocol


class VoiceEngine(Protocol):
    """One voice; `name` is its name in the settings and for people."""

    name: str
    languages: frozenset[str]

    def identity(self, language: str) -> str | None:
        """What the sound depends on besides the text (voice, model, version).

        None: another language, or its program or model is missing on this machine. Two runs with
        the same identity and text sound alike, so that one of them is enough.
        """

    async def speak(self, text: str, language: str, folder: Path) -> Path:
        """Write a sound file that says this normalised text into `folder`.

        `ProgramFailed` if it cannot.
        """


def engine_stamp(path: Path) -> str:
    """Identifies a program or model: a new one has another size or date."""
    found = path.stat()
    return f"{path.name}:{found.st_size}:{found.st_mtime_ns}"
