"""When is the disk dead? When the journal could not be opened twice within 60 seconds.

A journal that opened but then met an I/O error counts as one that could not be opened: the
process ends, and the next one finds the strike. Strikes are kept in the runtime directory, which
is memory: the disk that is judged cannot be the one that remembers.
"""

import asyncio
import logging
from collections.abc import Collection
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import JournalDamaged, JournalFailed, JournalFull, JournalHeld
from gateway.journal.journal import Journal
from gateway.journal.options import JournalOptions

log = logging.getLogger(__name__)

WITHIN_NS = 60_000_000_000
STRIKES_MAX = 2
PAUSE_S = 1.0
"""Between two attempts: a card that was just plugged in again needs a moment."""

_KEPT = 16


class Strikes:
    """The failures of this boot, in a small file."""

    def __init__(self, runtime: Path, clock: Clock) -> None:
        self._path = runtime / "journal-strikes"
        self._clock = clock
        self._here: list[str] = []

    def note(self) -> None:
        """One more failure, now. Where it cannot be written down, this process remembers it."""
        self._here = [*self._all(), f"{self._clock.boot} {self._clock.now_ns()}"][-_KEPT:]
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.write_text("\n".join(self._here), "ascii")
        except OSError as error:
            log.warning("%s cannot be written: %s", self._path, error)

    def _all(self) -> list[str]:
        try:
            return self._path.read_text("ascii").splitlines()
        except (OSError, UnicodeDecodeError):
            return self._here

    def out(self) -> bool:
        """Whether the disk is to be taken for dead."""
        return recent(self._all(), self._clock.boot, self._clock.now_ns()) >= STRIKES_MAX


def recent(lines: Collection[str], boot: str, now_ns: int) -> int:
    """How many of these strikes are of this boot and not too old."""
    count = 0
    for line in lines:
        of_boot, _, at_ns = line.partition(" ")
        if of_boot == boot and at_ns.isdecimal():
            count += 0 <= now_ns - int(at_ns) <= WITHIN_NS
    return count


async def open_or_volatile(
    directory: Path,
    *,
    runtime: Path,
    station: str,
    options: JournalOptions,
    clock: Clock,
    retaining: Collection[str] | None = None,
    pause_s: float = PAUSE_S,
) -> Journal:
    """The journal on disk; when the disk is dead, one in memory with `volatile` set.

    JournalHeld is no failure of the disk, and is raised.
    """
    strikes = Strikes(runtime, clock)
    while not strikes.out():
        try:
            journal = await Journal.open(
                directory, station=station, options=options, clock=clock, retaining=retaining
            )
        except JournalHeld:
            raise
        except (JournalFailed, JournalDamaged, JournalFull) as error:
            log.warning("the journal in %s cannot be opened: %s", directory, error)
            strikes.note()
            if not strikes.out():
                await asyncio.sleep(pause_s)
        else:
            journal.fatal.add_done_callback(lambda _: strikes.note())
            return journal
    return await Journal.open_in_memory(
        station=station, options=options, clock=clock, retaining=retaining
    )
