"""The list of clips: in order of use, and what goes first when room is short.

Pure: no file is touched here. The order of use is the order of the list; no clock is needed,
because a station may not have one.
"""

import enum
from collections.abc import Collection, Iterator

import msgspec

from gateway.errors import Unavailable


class ClipKind(enum.Enum):
    """Where a clip comes from, which decides whether it may be removed automatically."""

    # Speech and chimes: they can be made again.
    MADE = "made"

    # What was said into a microphone: the oldest go when room is short.
    RECORDING = "recording"

    # What a person brought: only a person removes it.
    UPLOAD = "upload"


class ClipEntry(msgspec.Struct, frozen=True):
    """One clip of the list."""

    sha: str
    title: str
    kind: ClipKind
    size: int


class ClipIndex(msgspec.Struct):
    """The clips (least recently used first), and which text or name leads to which."""

    entries: dict[str, ClipEntry] = {}
    keys: dict[str, str] = {}

    def find(self, key: str) -> ClipEntry | None:
        """The clip of that text or name."""
        return self.entries.get(self.keys.get(key, ""))

    def touch(self, sha: str) -> None:
        """Move it to the end of the list."""
        self.entries[sha] = self.entries.pop(sha)

    def add(self, entry: ClipEntry, key: str = "") -> None:
        """Add a clip; a person's clip stays a person's when it is made again."""
        before = self.entries.pop(entry.sha, None)
        if before is not None and before.kind is ClipKind.UPLOAD:
            entry = before
        self.entries[entry.sha] = entry
        if key:
            self.keys[key] = entry.sha

    def remove(self, sha: str) -> None:
        """Remove a clip, and all that leads to it."""
        del self.entries[sha]
        self.keys = {key: to for key, to in self.keys.items() if to != sha}

    def size(self) -> int:
        """Bytes of all clips."""
        return sum(entry.size for entry in self.entries.values())

    def evictable(self, size: int, quota: int, kept: Collection[str]) -> list[str]:
        """What must go so that `size` bytes fit; Unavailable if they cannot.

        What can be made again goes first; uploads and clips that are referred to stay.
        """
        excess = self.size() + size - quota
        going: list[str] = []
        for entry in self._by_worth(kept):
            if excess <= 0:
                break
            going.append(entry.sha)
            excess -= entry.size
        if excess > 0:
            raise Unavailable("clip.no-room", missing_mb=round(excess / 1e6, 1))
        return going

    def _by_worth(self, kept: Collection[str]) -> Iterator[ClipEntry]:
        for kind in (ClipKind.MADE, ClipKind.RECORDING):
            for entry in self.entries.values():
                if entry.kind is kind and entry.sha not in kept:
                    yield entry
