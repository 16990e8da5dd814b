"""Opening the journal, whatever state its file is in.

A damaged file is set aside as a wreck, and a new journal takes its place at once: under a new
epoch, with all state. What entries the wreck still holds comes over behind the running station
(`carrier.py`). The new file is complete under another name before it takes the damaged one's, and
the wreck has its own name before that, so that a kill at any point leaves one or the other.
"""

import contextlib
import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from gateway.clock import Clock
from gateway.errors import JournalDamaged, JournalError, JournalFailed, JournalFull, JournalHeld
from gateway.event import Lane
from gateway.journal import events, salvage, wrecks
from gateway.journal.carrier import Carrier
from gateway.journal.core import Append, Core
from gateway.journal.database import disk_errors
from gateway.journal.frames import Frames
from gateway.journal.lock import Lock, Numbers
from gateway.journal.options import COMMIT_BYTES_MAX, JournalOptions, StateChange
from gateway.journal.positions import KEY, ROOM, Positions, Upto
from gateway.journal.salvage import Wreck
from gateway.journal.space import log_of, sync_directory
from gateway.journal.stored_state import SET_ASIDE, spoilt

log = logging.getLogger(__name__)

FILE = "journal.db"
NEXT = "journal.next.db"
# So many of the wrecks that may wait are left to damaged journals, where memory could take all.
DAMAGED_MIN = 2

# What releases before 0.2 built a salvage under; it was never opened for anybody.
FORMER_FRESH = "journal.fresh.db"


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

    def run(self, lock: Lock) -> Core:
        """Open the journal; set a damaged one aside first."""
        self._tidy()
        core = self._open_whole(self.directory / FILE, lock)
        if core is None:
            self._set_aside(lock)
            core = self.create(self.directory / FILE)
        elif lock.numbers is not None and lock.numbers.epoch != core.epoch:
            self._tell_gone(core, lock.numbers)
        return core

    def _tell_gone(self, core: Core, numbers: Numbers) -> None:
        """The file is another than the lock's file knows: who lacks entries must hear of it."""
        if wrecks.path_of(self.directory, numbers.epoch).exists():
            return  # set aside by a start that was cut off
        stamps, last = self.clock.stamp(), {lane: seq for lane, seq in numbers.most.items() if seq}
        named = {lane.wire: seq for lane, seq in last.items()}
        new = events.NewEpoch(numbers.epoch, events.GONE, named)
        bodies = [(events.NEW_EPOCH.lane, events.epoch_tail(self.station, stamps, new))]
        for lane, seq in last.items():
            gap = events.Gap(lane.wire, 1, seq, events.DAMAGED, numbers.epoch)
            bodies.append((lane, events.gap_tail(self.station, stamps, gap)))
        with contextlib.suppress(JournalFull):
            _stored(core, Append(tuple(bodies)))

    def _tidy(self) -> None:
        """Finish what was cut off while files changed places, or drop it."""
        path, following = self.directory / FILE, self.directory / NEXT
        wreck = next(filter(path.samefile, self._wreck_files()), None) if path.exists() else None
        if wreck is not None and following.exists():
            self._exchange(wreck)
        elif wreck is not None:  # somebody took away what was to follow: begin anew
            if log_of(wreck).exists():
                log_of(wreck).rename(log_of(path))
            wreck.unlink()
        wrecks.delete(following)
        for unfinished in self.directory.glob("journal.*.unfinished*"):
            unfinished.unlink(missing_ok=True)  # who lays one beside may hold no lock
        _undo_former_exchange(self.directory)

    def _wreck_files(self) -> list[Path]:
        unreadable = wrecks.path_of(self.directory, None)
        files = list(wrecks.found_in(self.directory).values())
        return [*files, unreadable] if unreadable.exists() else files

    def _open_whole(self, path: Path, lock: Lock) -> Core | None:
        """The core; None if the file is damaged, now or as an earlier run has found."""
        if Core.damage_mark(path).exists():
            return None
        frames = Frames(log_of(path))
        frames.close()
        if frames.broken:
            log.warning("%s: the log is damaged", path)
            return None
        numbers = lock.numbers  # as they were before those of a torn end
        try:
            torn = salvage.keep_torn(path, lock) if frames.torn else {}
            core = self._trusted(path, numbers, torn)
        except JournalDamaged as error:
            log.warning("%s: %s", path, error)
            return None
        core.log_torn = frames.torn
        return core

    def _trusted(self, path: Path, numbers: Numbers | None, torn: Mapping[Lane, int]) -> Core:
        core = self.create(path)
        try:
            _mistrust(core, numbers)  # first: the gaps are the ends then
            core.skip(torn)
        except BaseException:  # no connection is left open, whatever went wrong
            core.abandon()
            raise
        return core

    def _set_aside(self, lock: Lock) -> None:
        """Build the journal that follows beside the damaged one, then exchange them."""
        if len(wrecks.found_in(self.directory)) >= wrecks.WRECKS_MAX:
            raise JournalFailed("journal.failed", reason=f"{wrecks.WRECKS_MAX} damaged journals")
        unfinished = self.directory / (NEXT + ".unfinished")
        wrecks.delete(unfinished)
        damaged = Wreck(self.directory / FILE, lock.epoch)
        try:
            self._build(unfinished, damaged, lock.numbers)
        except JournalFull:  # it would keep the last of the room until the next attempt
            wrecks.delete(unfinished)
            raise
        finally:
            damaged.close()
        log_of(unfinished).unlink(missing_ok=True)  # closed: all of it is in the file
        unfinished.rename(self.directory / NEXT)
        sync_directory(self.directory)
        wreck = wrecks.path_of(self.directory, damaged.epoch)
        wrecks.delete(wreck)
        os.link(self.directory / FILE, wreck)
        self._exchange(wreck)

    def _build(self, path: Path, damaged: Wreck, numbers: Numbers | None) -> None:
        core = self.create(path)
        try:
            self._fill(core, damaged, numbers)
            core.close()
        except BaseException:  # no connection is left open, whatever went wrong
            core.abandon()
            raise

    def _fill(self, core: Core, damaged: Wreck, numbers: Numbers | None) -> None:
        """All state, the word that there is a new epoch, and that its wreck is to come over."""
        _fill_states(core, damaged.states)
        aside = {key for room, key in damaged.states if room == SET_ASIDE}
        changes = list(spoilt(damaged.spoilt, sorted(aside)))
        epoch, why = damaged.epoch, events.SALVAGED
        if epoch is not None:
            kept = {key: body for (room, key), body in damaged.states.items() if room == ROOM}
            end, most = self._ends(damaged, numbers)
            positions = Positions(kept, self.retaining, most)
            others = wrecks.progress_in(kept).values()
            progress = wrecks.beginning(epoch, events.SALVAGED, positions, end, others)
            changes.append(wrecks.change(epoch, progress))
            why = events.RECOVERING if progress.left else why
        new = events.epoch_tail(self.station, self.clock.stamp(), events.NewEpoch(epoch, why))
        _stored(core, Append(((events.NEW_EPOCH.lane, new),), tuple(changes)))

    def _ends(
        self, damaged: Wreck, numbers: Numbers | None
    ) -> tuple[Mapping[Lane, int] | None, Mapping[Lane, int] | None]:
        """The last numbers that may be missing, and those beyond which none was issued, if known.

        A whole log shows the last ones itself, and the lock's file was written when the log began;
        without one, every number that was promised may have been issued.
        """
        if numbers is None or numbers.epoch != damaged.epoch:
            return None, None
        whole = log_of(self.directory / FILE).exists() and not damaged.broken_log
        return numbers.issued if whole else numbers.most, numbers.most

    def _exchange(self, wreck: Path) -> None:
        """The wreck has its name; take away the damaged file's, step by step."""
        path = self.directory / FILE
        if log_of(path).exists():
            if not log_of(wreck).exists():
                os.link(log_of(path), log_of(wreck))
            sync_directory(self.directory)
            log_of(path).unlink()
        sync_directory(self.directory)
        Core.damage_mark(path).unlink(missing_ok=True)
        (self.directory / NEXT).rename(path)
        sync_directory(self.directory)


def _mistrust(core: Core, numbers: Numbers | None) -> None:
    """JournalDamaged if a lane's end is not what was written; `numbers` are the lock's."""
    for lane, table in core.tables.items():
        with disk_errors():
            sound = table.ends_whole()
        if numbers is not None and numbers.epoch == core.epoch:
            sound = sound and table.head >= numbers.issued[lane]
        if not sound:
            raise JournalDamaged("journal.damaged", reason=f"end of {lane.wire}")


def _fill_states(core: Core, states: Mapping[tuple[str, str], bytes]) -> None:
    """Store all states but the positions, which are the former epoch's."""
    changes: list[StateChange] = []
    size = 0
    for (room, key), body in states.items():
        if room == ROOM and key.startswith(KEY):
            continue
        changes.append(StateChange(room, key, body))
        size += len(body)
        if size >= COMMIT_BYTES_MAX // 4:
            _stored(core, Append((), tuple(changes)))
            changes, size = [], 0
    _stored(core, Append((), tuple(changes)))


def _stored(core: Core, append: Append) -> None:
    """Store it or raise why not."""
    (outcome,) = core.commit([append])
    if isinstance(outcome, JournalError):
        raise outcome
    while core.chore(idle=False):
        pass


def open_core(
    directory: Path,
    *,
    station: str,
    options: JournalOptions,
    clock: Clock,
    retaining: Collection[str] | None = None,
) -> Core:
    """The journal's core on `directory`; JournalHeld if another process has it, JournalFailed.

    JournalFull: a damaged file was found, and the disk has no room for what is to follow it.
    """
    with disk_errors():
        lock = Lock(directory)
        try:
            core = Opening(directory, station, options, clock, retaining).run(lock)
        except BaseException:  # the lock is let go, whatever went wrong
            lock.close()
            raise
        try:
            core.hold(lock)
            core.carrier = Carrier(core, directory, station, clock)
        except BaseException:  # no connection is left open, whatever went wrong
            core.abandon()
            raise
        return core


def _undo_former_exchange(directory: Path) -> None:
    """Where a release before 0.2 was cut off while its files changed places.

    What it had salvaged may be little: the damaged file gets its name back, and is replaced anew.
    """
    path, fresh = directory / FILE, directory / FORMER_FRESH
    aside = wrecks.path_of(directory, None)
    if not fresh.exists():
        return
    if not path.exists() and aside.exists():
        if log_of(aside).exists() and not log_of(path).exists():
            log_of(aside).rename(log_of(path))
        Core.damage_mark(path).touch()
        aside.rename(path)
        sync_directory(directory)
    wrecks.delete(fresh)


def lay_beside(core: Core, directory: Path, receipts: Mapping[str, Upto], *, again: bool) -> None:
    """Write what a journal in memory holds as a wreck of its own epoch, if the disk takes it.

    Unless the disk's journal can be had `again`, some wrecks are left to damage.
    """
    path = wrecks.path_of(directory, core.epoch)
    unfinished = path.with_name(path.name + ".unfinished")
    if not again and len(wrecks.found_in(directory)) >= wrecks.WRECKS_MAX - DAMAGED_MIN:
        log.warning("what was in memory is not kept: there are too many wrecks")
        return
    lock: Lock | None = None
    try:
        lock = Lock(directory)
    except JournalHeld:  # as by our own opening, which goes on: nobody else has this name
        pass
    except JournalError as error:
        log.warning("what was in memory is not kept: %s", error)
        return
    try:
        core.write_to(unfinished, receipts)
        unfinished.rename(path)
        sync_directory(directory)
    except (JournalError, OSError) as error:
        log.warning("what was in memory is not kept: %s", error)
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
    finally:
        if lock is not None:
            lock.close()


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
