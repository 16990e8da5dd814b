"""What the upstream needs of the journal, and no more: `gateway.journal` offers it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from gateway.event import Entry, Event, Lane
from gateway.journal import StateChange, StateStore


class Ledger(StateStore, Protocol):
    """The journal: append, history, and how far each lane has been issued."""

    @property
    def epoch(self) -> str:
        """Of this journal file."""

    async def append(
        self, events: Sequence[Event], state: Sequence[StateChange] = ()
    ) -> tuple[Entry, ...]:
        """Commit events and state together."""

    async def read(self, lane: Lane, after: int, limit: int = 200) -> list[Entry]:
        """A slice of history; what is gone shows as a gap entry."""

    def heads(self) -> Mapping[Lane, int]:
        """The last number issued in each lane."""


class Following(Protocol):
    """What has been receipted: for a retaining one (a required uplink) the rest is kept."""

    @property
    def retaining(self) -> bool:
        """Whether what it has not receipted is kept."""

    @property
    def position(self) -> Mapping[Lane, int]:
        """Receipted so far."""

    async def read(
        self,
        *,
        limit: int,
        max_bytes: int,
        lanes: Collection[Lane],
        after: Mapping[Lane, int] | None = None,
    ) -> list[Entry]:
        """What comes next, the most urgent lane first."""

    def receipt(self, upto: Mapping[Lane, int]) -> None:
        """The platform holds everything up to there."""

    def begin(self, upto: Mapping[Lane, int]) -> None:
        """One that retains nothing stands where the platform says, be it further back."""

    async def wait(self, lanes: Collection[Lane], after: Mapping[Lane, int] | None = None) -> None:
        """Until something newer is there."""

    def waiting(self) -> Mapping[Lane, int]:
        """How many entries each lane holds for this follower."""
