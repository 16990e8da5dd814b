"""Opening the journal, whatever state its file is in.

A damaged file is set aside (one is kept, the newest), and a new journal takes its place under a
new epoch, with what could be salvaged. The new file is complete under another name before the
damaged one gives up its own, so that a power cut at any point leaves one or the other.
"""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from gateway.clock import Clock
from gateway.errors import JournalDamaged, JournalFailed
from gateway.journal import events
from gateway.journal.core import Append, Core
from gateway.journal.lock import Lock
from gateway.journal.options import JournalOptions
from gateway.journal.salvage import Wreck
from gateway.journal.space import log_of, sync_directory
from gateway.journal.transfer import Transfer

FILE = "journal.db"
ASIDE = "journal.damaged.db"
FRESH = "journal.fresh.db"


class Opening(NamedTuple):
    """What every journal file of this station is opened with."""

    directory: Path
    station: str
    options: JournalOptions
    clock: Clock
    retaining: Collection[str] | None

    def create(self, path: Path) -> Core:
        """The core on that file."""
        return Core(
            path,
            station=self.station,
            options=self.options,
            clock=self.clock,
            retaining=self.retaining,
        )

    def run(self, epoch: str | None) -> Core:
        """Open the journal; salvage it first if it is damaged. `epoch` is the lock file's."""
        _finish_exchange(self.directory)
        core = self._open_whole(self.directory / FILE)
        if core is None:
            self._salvage(epoch)
            core = self.create(self.directory / FILE)
        return core

    def _open_whole(self, path: Path) -> Core | None:
        """The core; None if the file is damaged, now or as an earlier run has found."""
        if Core.damage_mark(path).exists():
            return None
        try:
            return self.create(path)
        except JournalDamaged:
            return None

    def _salvage(self, epoch: str | None) -> None:
        """Build the new journal beside the damaged one, then exchange them."""
        unfinished = self.directory / (FRESH + ".unfinished")
        _delete(unfinished)
        wreck = Wreck(self.directory / FILE, epoch)
        try:
            core = self.create(unfinished)
            try:
                Transfer(wreck, core, self.station, self.clock.stamp(), self.retaining).run()
                core.close()
            except BaseException:  # no connection is left open, whatever went wrong
                core.abandon()
                raise
        finally:
            wreck.close()
        log_of(unfinished).unlink(missing_ok=True)  # closed: all of it is in the file
        unfinished.rename(self.directory / FRESH)
        sync_directory(self.directory)
        _delete(self.directory / ASIDE)
        (self.directory / FILE).rename(self.directory / ASIDE)
        _finish_exchange(self.directory)


def open_core(
    directory: Path,
    *,
    station: str,
    options: JournalOptions,
    clock: Clock,
    retaining: Collection[str] | None = None,
) -> Core:
    """The journal's core on `directory`; JournalHeld if another process has it, JournalFailed."""
    lock = Lock(directory)
    try:
        core = Opening(directory, station, options, clock, retaining).run(lock.epoch)
        lock.name(core.epoch)
    except OSError as error:
        lock.close()
        raise JournalFailed("journal.failed", reason=str(error)) from error
    except BaseException:  # the lock is let go, whatever went wrong
        lock.close()
        raise
    core.lock = lock
    return core


def _finish_exchange(directory: Path) -> None:
    """If a salvage was cut off while the files changed places, finish it; if before, drop it."""
    path, fresh = directory / FILE, directory / FRESH
    if not fresh.exists():
        return
    if path.exists():
        _delete(fresh)
        return
    if log_of(path).exists():
        log_of(path).rename(log_of(directory / ASIDE))
    Core.damage_mark(path).unlink(missing_ok=True)
    sync_directory(directory)
    fresh.rename(path)
    sync_directory(directory)


def _delete(path: Path) -> None:
    log_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def open_in_memory(
    *,
    station: str,
    options: JournalOptions,
    clock: Clock,
    retaining: Collection[str] | None = None,
) -> Core:
    """A journal that lasts as long as the process; its first entry says so."""
    core = Core(None, station=station, options=options, clock=clock, retaining=retaining)
    new = events.NewEpoch(None, events.VOLATILE)
    body = events.epoch_tail(station, clock.stamp(), new)
    core.commit([Append(((events.NEW_EPOCH.lane, body),))])
    return core
