"""What rooms need of the journal, each as little as it is; `Journal` is all of it.

A room names the port that it uses, so a test gives it a double of that size.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

from gateway.event import Event, JournalEntry, Lane
from gateway.journal.options import StateChange

# Done once the events are on disk; holds their entries, or a JournalError.
Ticket: TypeAlias = asyncio.Future[tuple[JournalEntry, ...]]

# Called with the place of a row that was set aside, and why (an exception's type).
OnSetAside: TypeAlias = Callable[[str, str], None]


class StateStore(Protocol):
    """A room's state: rows of bytes by key."""

    on_set_aside: OnSetAside

    async def load(self, room: str) -> dict[str, bytes]:
        """The room's rows by key."""

    def offer(self, events: Sequence[Event], state: Sequence[StateChange] = ()) -> Ticket:
        """Store both or neither, at some time; JournalError once the disk has failed."""


class Appender(StateStore, Protocol):
    """Stores events and state."""

    @property
    def epoch(self) -> str:
        """The identity of the journal file."""

    async def append(
        self, events: Sequence[Event], state: Sequence[StateChange] = ()
    ) -> tuple[JournalEntry, ...]:
        """Store both or neither; returns the entries once they are on disk."""


class Reader(Protocol):
    """Reads lanes."""

    @property
    def epoch(self) -> str:
        """The identity of the journal file."""

    def heads(self) -> Mapping[Lane, int]:
        """The last committed number of each lane; 0 if there is none."""

    async def read(self, lane: Lane, after: int, limit: int = ...) -> list[JournalEntry]:
        """At most `limit` entries behind `after`; numbers that are gone are one gap entry."""


class ReadAppender(Reader, Appender, Protocol):
    """Stores, and reads back."""


class PassingFollower(Protocol):
    """Reads all lanes from a given position on, and keeps nothing in the journal for itself."""

    async def read(
        self,
        *,
        limit: int = ...,
        lanes: Collection[Lane] = ...,
        after: Mapping[Lane, int] | None = ...,
    ) -> list[JournalEntry]:
        """Entries behind `after`, the most urgent lane first; a lost range is one gap entry."""

    async def wait(
        self, lanes: Collection[Lane] = ..., after: Mapping[Lane, int] | None = ...
    ) -> None:
        """Return when there is something newer than `after`."""


class FollowedReader(Reader, Protocol):
    """Reads lanes, and hands out followers."""

    def follower(self, name: str, *, retaining: bool) -> PassingFollower:
        """The follower of that name."""


class ReceiptingFollower(Protocol):
    """Reads for an uplink; where it is retaining, entries are kept until their receipt."""

    @property
    def retaining(self) -> bool:
        """Whether what it has not receipted is kept."""

    @property
    def position(self) -> Mapping[Lane, int]:
        """The last receipted number of each lane."""

    async def read(
        self,
        *,
        limit: int,
        max_bytes: int,
        lanes: Collection[Lane],
        after: Mapping[Lane, int] | None = None,
    ) -> list[JournalEntry]:
        """What comes next, the most urgent lane first."""

    def receipt(self, upto: Mapping[Lane, int]) -> None:
        """The platform holds everything up to these numbers."""

    def begin(self, upto: Mapping[Lane, int]) -> None:
        """Where it retains nothing, stand where the platform says, be it further back."""

    async def wait(self, lanes: Collection[Lane], after: Mapping[Lane, int] | None = None) -> None:
        """Return when there is something newer."""

    def waiting(self) -> Mapping[Lane, int]:
        """How many entries of each lane have no receipt."""
