"""What the web needs of the journal; the station's journal is one, a test's double another."""

from collections.abc import Collection, Mapping
from typing import Protocol

from gateway.event import Entry, Lane


class Follower(Protocol):
    """A passing follower: reads from a given position and holds nothing."""

    async def read(
        self,
        *,
        limit: int = ...,
        lanes: Collection[Lane] = ...,
        after: Mapping[Lane, int] | None = ...,
    ) -> list[Entry]:
        """Entries after `after`, most urgent lane first; a lost range is one gap entry."""
        ...

    async def wait(
        self, lanes: Collection[Lane] = ..., after: Mapping[Lane, int] | None = ...
    ) -> None:
        """Return when something newer than `after` is there."""
        ...


class Feed(Protocol):
    """The journal, as far as readers see it."""

    @property
    def epoch(self) -> str:
        """The journal file's identity."""
        ...

    def heads(self) -> Mapping[Lane, int]:
        """The last committed number of each lane; 0 if there is none."""
        ...

    def follower(self, name: str, *, retaining: bool) -> Follower:
        """A follower of that name."""
        ...

    async def read(self, lane: Lane, after: int, limit: int = ...) -> list[Entry]:
        """A slice of one lane; a lost range is one gap entry."""
        ...
