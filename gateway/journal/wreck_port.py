"""What the core needs of the import of wrecks, which works on the core in steps."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from gateway.event import JournalEntry
from gateway.journal.positions import LanePositions


class ImportStep(NamedTuple):
    """What a step stored, and the pause until the next; None: there is nothing more to do."""

    entries: tuple[JournalEntry, ...]
    pause_ns: int | None


class ImportBacklog(NamedTuple):
    """What is still to be imported: the approximate count, and the bytes of all wrecks."""

    entries: int = 0
    wreck_bytes: int = 0


class WreckImport(Protocol):
    """Imports what the wrecks beside the journal still hold."""

    remains: ImportBacklog

    def step(self, receipts: Mapping[str, LanePositions]) -> ImportStep:
        """Import a little. Errors of the journal's own disk are raised."""

    def close(self) -> None:
        """Close the wrecks."""
