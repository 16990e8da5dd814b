"""Followers: a name and a position in every lane.

A *retaining* follower (a required uplink) holds entries until it has receipted them, and keeps its
position over restarts. A *passing* one (desk, live feed) holds nothing: when it lags behind an
eviction it reads a gap.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

from gateway.event import JournalEntry, Lane
from gateway.journal.positions import LanePositions

ALL: tuple[Lane, ...] = tuple(Lane)
BATCH_ENTRIES = 100
BATCH_BYTES = 256 * 1024


class FollowerSource(Protocol):
    """What a follower asks of the journal."""

    async def read(self, lane: Lane, after: int, limit: int = 200) -> list[JournalEntry]:
        """At most `limit` entries behind `after`; may return fewer although there are more."""

    def heads(self) -> dict[Lane, int]:
        """The last number of each lane."""

    async def newer(self, lanes: Collection[Lane], after: LanePositions) -> None:
        """Return when one of the lanes has something behind `after`."""


class Follower:
    """One reader. `position`: what it has receipted (retaining) or read (passing)."""

    def __init__(
        self, source: FollowerSource, name: str, position: dict[Lane, int], *, retaining: bool
    ) -> None:
        self.name = name
        self.position = position
        self.retaining = retaining
        self._source = source

    async def read(
        self,
        *,
        limit: int = BATCH_ENTRIES,
        max_bytes: int = BATCH_BYTES,
        lanes: Collection[Lane] = ALL,
        after: Mapping[Lane, int] | None = None,
    ) -> list[JournalEntry]:
        """The next entries, the most urgent lane first, behind `after` or else `position`.

        Returns at least one entry, however large, if there is one. Only a passing follower
        without `after` moves by reading.
        """
        behind = self.position | dict(after or {})
        batch: list[JournalEntry] = []
        size = 0
        for lane in sorted(lanes):
            while len(batch) < limit:
                found = await self._source.read(lane, behind[lane], limit - len(batch))
                for entry in found:
                    size += len(entry.body)
                    if batch and size > max_bytes:
                        return self._passed(batch, after)
                    batch.append(entry)
                if not found:
                    break
                behind[lane] = found[-1].seq
        return self._passed(batch, after)

    def _passed(
        self, batch: list[JournalEntry], after: Mapping[Lane, int] | None
    ) -> list[JournalEntry]:
        if not self.retaining and after is None:
            for entry in batch:
                self.position[entry.lane] = entry.seq
        return batch

    def receipt(self, upto: Mapping[Lane, int]) -> None:
        """Record that everything up to these numbers has arrived.

        Never moves back, nor past the last number. It becomes durable with one of the next
        commits: a receipt costs no write of its own.
        """
        heads = self._source.heads()
        for lane, seq in upto.items():
            self.position[lane] = max(self.position[lane], min(seq, heads[lane]))

    def begin(self, upto: Mapping[Lane, int]) -> None:
        """Move behind these numbers, possibly back; only for passing followers."""
        assert not self.retaining, "what it has receipted may be gone"
        self.position.update(upto)

    async def wait(
        self, lanes: Collection[Lane] = ALL, after: Mapping[Lane, int] | None = None
    ) -> None:
        """Return when one of the lanes has something behind `after`, else behind `position`."""
        await self._source.newer(lanes, self.position | dict(after or {}))

    def waiting(self) -> dict[Lane, int]:
        """How many entries of each lane are behind `position`."""
        heads = self._source.heads()
        return {lane: heads[lane] - self.position[lane] for lane in Lane}
