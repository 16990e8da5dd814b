"""Opens the journal, whatever state its file is in.

A damaged file is set aside as a wreck and replaced at once by a new journal with a new epoch and
all state. The entries of the wreck are imported behind the running station (`wreck_import.py`). The
new file is complete under another name before it replaces the damaged one, and the wreck has its
own name before that, so a kill at any point leaves one or the other.
"""

import contextlib
import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from gateway.clock import Clock
from gateway.errors import JournalDamaged, JournalError, JournalFailed, JournalFull, JournalLocked
from gateway.event import Lane
from gateway.journal import events, salvage, wrecks
from gateway.journal.append_request import AppendRequest
from gateway.journal.core import JournalCore
from gateway.journal.database import translate_disk_errors
from gateway.journal.lock import JournalLock, LaneNumbers
from gateway.journal.options import COMMIT_BYTES_MAX, JournalOptions, StateChange
from gateway.journal.positions import KEY, ROOM, FollowerPositions, LanePositions
from gateway.journal.preallocation import sync_directory, wal_path
from gateway.journal.salvage import Wreck
from gateway.journal.stored_state import SET_ASIDE, set_aside_spoilt
from gateway.journal.wal_frames import WalFrames
from gateway.journal.wreck_import import WreckImporter

log = logging.getLogger(__name__)

FILE = "journal.db"
NEXT = "journal.next.db"
# Wreck places kept free for damaged journals; journals in memory could take all.
DAMAGED_MIN = 2

# The name under which releases before 0.2 built a salvage; never an open journal.
FORMER_FRESH = "journal.fresh.db"


class OpenContext(NamedTuple):
    """The parameters that every journal file of this station is opened with."""

    directory: Path
    station: str
    options: JournalOptions
    clock: Clock
    retaining: Collection[str] | None

    def create(self, path: Path) -> JournalCore:
        return JournalCore(
            path,
            station=self.station,
            options=self.options,
            clock=self.clock,
            retaining=self.retaining,
        )

    def run(self, lock: JournalLock) -> JournalCore:
        """Open the journal; set a damaged one aside first."""
        self._tidy()
        core = self._open_whole(self.directory / FILE, lock)
        if core is None:
            self._set_aside(lock)
            core = self.create(self.directory / FILE)
        elif lock.numbers is not None and lock.numbers.epoch != core.epoch:
            self._tell_gone(core, lock.numbers)
        return core

    def _tell_gone(self, core: JournalCore, numbers: LaneNumbers) -> None:
        """The file is not the one in the lock file: record a gap for those who lack entries."""
        if wrecks.wreck_path(self.directory, numbers.epoch).exists():
            return  # set aside by a start that was interrupted
        stamps, last = self.clock.stamp(), {lane: seq for lane, seq in numbers.most.items() if seq}
        named = {lane.wire: seq for lane, seq in last.items()}
        new = events.NewEpoch(numbers.epoch, events.GONE, named)
        bodies = [(events.NEW_EPOCH.lane, events.encode_new_epoch(self.station, stamps, new))]
        for lane, seq in last.items():
            gap = events.Gap(lane.wire, 1, seq, events.DAMAGED, numbers.epoch)
            bodies.append((lane, events.encode_gap(self.station, stamps, gap)))
        with contextlib.suppress(JournalFull):
            _stored(core, AppendRequest(tuple(bodies)))

    def _tidy(self) -> None:
        """Complete or drop an exchange of files that was interrupted."""
        path, following = self.directory / FILE, self.directory / NEXT
        wreck = next(filter(path.samefile, self._wreck_files()), None) if path.exists() else None
        if wreck is not None and following.exists():
            self._exchange(wreck)
        elif wreck is not None:  # the file that was to follow is gone: start again
            if wal_path(wreck).exists():
                wal_path(wreck).rename(wal_path(path))
            wreck.unlink()
        wrecks.delete_wreck(following)
        for unfinished in self.directory.glob("journal.*.unfinished*"):
            unfinished.unlink(missing_ok=True)  # laid without the lock
        _undo_former_exchange(self.directory)

    def _wreck_files(self) -> list[Path]:
        unreadable = wrecks.wreck_path(self.directory, None)
        files = list(wrecks.find_wrecks(self.directory).values())
        return [*files, unreadable] if unreadable.exists() else files

    def _open_whole(self, path: Path, lock: JournalLock) -> JournalCore | None:
        """The core; None if the file is damaged, now or according to an earlier run."""
        if JournalCore.damage_mark(path).exists():
            return None
        frames = WalFrames(wal_path(path))
        frames.close()
        if frames.broken:
            log.warning("%s: the log is damaged", path)
            return None
        numbers = lock.numbers  # as they were before those of a torn end
        try:
            torn = salvage.record_torn_numbers(path, lock) if frames.torn else {}
            core = self._trusted(path, numbers, torn)
        except JournalDamaged as error:
            log.warning("%s: %s", path, error)
            return None
        core.log_torn = frames.torn
        return core

    def _trusted(
        self, path: Path, numbers: LaneNumbers | None, torn: Mapping[Lane, int]
    ) -> JournalCore:
        core = self.create(path)
        try:
            _mistrust(core, numbers)  # first, because afterwards the gaps are the ends
            core.skip(torn)
        except BaseException:  # close the connection whatever went wrong
            core.abandon()
            raise
        return core

    def _set_aside(self, lock: JournalLock) -> None:
        """Build the new journal beside the damaged one, then exchange them."""
        if len(wrecks.find_wrecks(self.directory)) >= wrecks.WRECKS_MAX:
            raise JournalFailed("journal.failed", reason=f"{wrecks.WRECKS_MAX} damaged journals")
        unfinished = self.directory / (NEXT + ".unfinished")
        wrecks.delete_wreck(unfinished)
        damaged = Wreck(self.directory / FILE, lock.epoch)
        try:
            self._build(unfinished, damaged, lock.numbers)
        except JournalFull:  # it would occupy the last free space until the next attempt
            wrecks.delete_wreck(unfinished)
            raise
        finally:
            damaged.close()
        wal_path(unfinished).unlink(missing_ok=True)  # closed: everything is in the file
        unfinished.rename(self.directory / NEXT)
        sync_directory(self.directory)
        wreck = wrecks.wreck_path(self.directory, damaged.epoch)
        wrecks.delete_wreck(wreck)
        os.link(self.directory / FILE, wreck)
        self._exchange(wreck)

    def _build(self, path: Path, damaged: Wreck, numbers: LaneNumbers | None) -> None:
        core = self.create(path)
        try:
            self._fill(core, damaged, numbers)
            core.close()
        except BaseException:  # no connection is left open, whatever went wrong
            core.abandon()
            raise

    def _fill(self, core: JournalCore, damaged: Wreck, numbers: LaneNumbers | None) -> None:
        """Store all state, the new epoch, and the wreck that is to be imported."""
        _fill_states(core, damaged.states)
        aside = {key for room, key in damaged.states if room == SET_ASIDE}
        changes = list(set_aside_spoilt(damaged.spoilt, sorted(aside)))
        epoch, why = damaged.epoch, events.SALVAGED
        if epoch is not None:
            kept = {key: body for (room, key), body in damaged.states.items() if room == ROOM}
            end, most = self._ends(damaged, numbers)
            positions = FollowerPositions(kept, self.retaining, most)
            others = wrecks.decode_progress(kept).values()
            progress = wrecks.initial_progress(epoch, events.SALVAGED, positions, end, others)
            changes.append(wrecks.progress_change(epoch, progress))
            why = events.RECOVERING if progress.left else why
        new = events.encode_new_epoch(self.station, self.clock.stamp(), events.NewEpoch(epoch, why))
        _stored(core, AppendRequest(((events.NEW_EPOCH.lane, new),), tuple(changes)))

    def _ends(
        self, damaged: Wreck, numbers: LaneNumbers | None
    ) -> tuple[Mapping[Lane, int] | None, Mapping[Lane, int] | None]:
        """The last numbers that may be missing, and those beyond which none was issued, if known.

        An intact log shows the last numbers itself, and the lock file was written when the
        log began; without it, every reserved number may have been issued.
        """
        if numbers is None or numbers.epoch != damaged.epoch:
            return None, None
        whole = wal_path(self.directory / FILE).exists() and not damaged.broken_log
        return numbers.issued if whole else numbers.most, numbers.most

    def _exchange(self, wreck: Path) -> None:
        """The wreck has its name; remove the damaged file's, step by step."""
        path = self.directory / FILE
        if wal_path(path).exists():
            if not wal_path(wreck).exists():
                os.link(wal_path(path), wal_path(wreck))
            sync_directory(self.directory)
            wal_path(path).unlink()
        sync_directory(self.directory)
        JournalCore.damage_mark(path).unlink(missing_ok=True)
        (self.directory / NEXT).rename(path)
        sync_directory(self.directory)


def _mistrust(core: JournalCore, numbers: LaneNumbers | None) -> None:
    """JournalDamaged if a lane does not end as written; `numbers` are those of the lock file."""
    for lane, table in core.tables.items():
        with translate_disk_errors():
            sound = table.ends_whole()
        if numbers is not None and numbers.epoch == core.epoch:
            sound = sound and table.head >= numbers.issued[lane]
        if not sound:
            raise JournalDamaged("journal.damaged", reason=f"end of {lane.wire}")


def _fill_states(core: JournalCore, states: Mapping[tuple[str, str], bytes]) -> None:
    """Store all states except the positions, which belong to the former epoch."""
    changes: list[StateChange] = []
    size = 0
    for (room, key), body in states.items():
        if room == ROOM and key.startswith(KEY):
            continue
        changes.append(StateChange(room, key, body))
        size += len(body)
        if size >= COMMIT_BYTES_MAX // 4:
            _stored(core, AppendRequest((), tuple(changes)))
            changes, size = [], 0
    _stored(core, AppendRequest((), tuple(changes)))


def _stored(core: JournalCore, append: AppendRequest) -> None:
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
) -> JournalCore:
    """The journal's core for `directory`; raises JournalHeld, JournalFailed.

    JournalFull: a damaged file was found, and the disk has no room for its successor.
    """
    with translate_disk_errors():
        lock = JournalLock(directory)
        try:
            core = OpenContext(directory, station, options, clock, retaining).run(lock)
        except BaseException:  # release the lock whatever went wrong
            lock.close()
            raise
        try:
            core.adopt_lock(lock)
            core.carrier = WreckImporter(core, directory, station, clock)
        except BaseException:  # no connection is left open, whatever went wrong
            core.abandon()
            raise
        return core


def _undo_former_exchange(directory: Path) -> None:
    """Complete an exchange of files in which a release before 0.2 was interrupted.

    Its salvage may be incomplete: the damaged file gets its name back and is replaced again.
    """
    path, fresh = directory / FILE, directory / FORMER_FRESH
    aside = wrecks.wreck_path(directory, None)
    if not fresh.exists():
        return
    if not path.exists() and aside.exists():
        if wal_path(aside).exists() and not wal_path(path).exists():
            wal_path(aside).rename(wal_path(path))
        JournalCore.damage_mark(path).touch()
        aside.rename(path)
        sync_directory(directory)
    wrecks.delete_wreck(fresh)


def write_wreck(
    core: JournalCore, directory: Path, receipts: Mapping[str, LanePositions], *, again: bool
) -> None:
    """Write a journal in memory as a wreck of its own epoch, if the disk accepts it.

    Unless the journal on disk is available `again`, some places are left to damaged journals.
    """
    path = wrecks.wreck_path(directory, core.epoch)
    unfinished = path.with_name(path.name + ".unfinished")
    if not again and len(wrecks.find_wrecks(directory)) >= wrecks.WRECKS_MAX - DAMAGED_MIN:
        log.warning("what was in memory is not kept: there are too many wrecks")
        return
    lock: JournalLock | None = None
    try:
        lock = JournalLock(directory)
    except JournalLocked:  # held by our own opening, which goes on: nobody else has this name
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
) -> JournalCore:
    """A journal that lasts as long as the process; its first entry says so."""
    core = JournalCore(None, station=station, options=options, clock=clock, retaining=retaining)
    new = events.NewEpoch(None, events.VOLATILE)
    body = events.encode_new_epoch(station, clock.stamp(), new)
    core.commit([AppendRequest(((events.NEW_EPOCH.lane, body),))])
    return core
