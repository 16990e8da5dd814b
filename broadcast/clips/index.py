"""The shelf's list: what lies on it, in order of use, and what goes first when room is short.

Pure: no file is touched here. Order of use is order in the list; no clock is asked, because a
station may not have one.
"""

import enum
from collections.abc import Collection, Iterator

import msgspec

from gateway.errors import Unavailable


class ClipKind(enum.Enum):
    """Where a clip comes from, which decides whether it may go by itself."""

    # Speech and chimes: what is gone is made again.
    MADE = "made"

    # What was said into a microphone: the oldest go when room is short.
    RECORDING = "recording"

    # What a person brought: only a person takes it away.
    UPLOAD = "upload"


class ClipEntry(msgspec.Struct, frozen=True):
    """One clip of the list."""

    sha: str
    title: str
    kind: ClipKind
    size: int


class ClipIndex(msgspec.Struct):
    """What lies on the shelf (least recently used first), and which text or name leads where."""

    entries: dict[str, ClipEntry] = {}
    keys: dict[str, str] = {}

    def find(self, key: str) -> ClipEntry | None:
        """What that text or name was made into."""
        return self.entries.get(self.keys.get(key, ""))

    def touch(self, sha: str) -> None:
        """It goes last from here on."""
        self.entries[sha] = self.entries.pop(sha)

    def add(self, entry: ClipEntry, key: str = "") -> None:
        """Lay it on the shelf; a person's clip stays a person's when it is made again."""
        before = self.entries.pop(entry.sha, None)
        if before is not None and before.kind is ClipKind.UPLOAD:
            entry = before
        self.entries[entry.sha] = entry
        if key:
            self.keys[key] = entry.sha

    def remove(self, sha: str) -> None:
        """Take it away, with all that leads to it."""
        del self.entries[sha]
        self.keys = {key: to for key, to in self.keys.items() if to != sha}

    def size(self) -> int:
        """Bytes on the shelf."""
        return sum(entry.size for entry in self.entries.values())

    def evictable(self, size: int, quota: int, kept: Collection[str]) -> list[str]:
        """What must go so that `size` bytes fit; `Unavailable` if they cannot.

        What is made again goes before what is not; an upload, or what somebody refers to, stays.
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
