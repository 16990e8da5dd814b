"""Opening, whatever state the disk is in."""

from collections.abc import Collection
from pathlib import Path

from gateway.clock import Clock
from gateway.journal.core import Core
from gateway.journal.lock import Lock
from gateway.journal.options import JournalOptions

FILE = "journal.db"


def open_core(
    directory: Path,
    *,
    station: str,
    options: JournalOptions,
    clock: Clock,
    retaining: Collection[str] | None = None,
) -> Core:
    """The journal's core on `directory`; JournalHeld if another process has it."""
    lock = Lock(directory)
    try:
        core = Core(
            directory / FILE, station=station, options=options, clock=clock, retaining=retaining
        )
        lock.name(core.epoch)
    except BaseException:
        lock.close()
        raise
    core.lock = lock
    return core
