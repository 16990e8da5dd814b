"""Imports what wrecks still hold into the open journal, behind the running station.

It works chunk by chunk while nothing else is due: every entry without a receipt, urgent lanes
first. An entry gets a new number and carries its former identity (`formerid`), so a platform that
has it already recognises it. Numbers that are lost are reported as gaps of the former epoch. A
chunk and the progress of its wreck are one transaction. No chunk ever evicts anything unreceipted:
where there is no room, the import waits until receipts have made some, and the wreck remains the
store of the rest.

A wreck is deleted when all of it is imported and every required platform has receipted that.
"""

from collections.abc import Mapping
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import JournalError
from gateway.event import JournalEntry, Lane
from gateway.journal import events, wrecks
from gateway.journal.append_request import AppendRequest
from gateway.journal.core import JournalCore
from gateway.journal.positions import ROOM, FollowerPositions, LanePositions
from gateway.journal.salvage import Wreck
from gateway.journal.wreck_chunks import WreckChunk, WreckChunks
from gateway.journal.wreck_port import ImportBacklog, ImportStep
from gateway.journal.wrecks import WreckProgress

# The import takes at most a third of the time.
SHARE = 3

PAUSE_NS = 20_000_000
# Pause while the journal is full: receipts must make room first.
FULL_NS = 5_000_000_000

# How often to check whether a wreck can be deleted.
RECEIPTS_NS = 30_000_000_000

# Pause after an unexpected fault.
AGAIN_NS = 600_000_000_000


class WreckImporter:
    """Imports the wrecks of one directory into the core; called by the writer only."""

    def __init__(self, core: JournalCore, directory: Path, station: str, clock: Clock) -> None:
        """Find the wrecks; they are not read before the first step."""
        self._core = core
        self._station = station
        self._clock = clock
        self._paths = wrecks.find_wrecks(directory)
        known = wrecks.decode_progress(core.load(ROOM))
        self._gone = known.keys() - self._paths.keys()
        self._progress = {epoch: known[epoch] for epoch in self._paths if epoch in known}
        self._reading: str | None = None
        self._chunks: WreckChunks | None = None
        self.remains = self._count()

    def close(self) -> None:
        """Close the wreck that is being read."""
        if self._chunks is not None:
            self._chunks.close()
            self._chunks = None

    def step(self, receipts: Mapping[str, LanePositions]) -> ImportStep:
        """Import a little. Errors of the journal's own disk are raised."""
        began_ns = self._clock.now_ns()
        self._core.positions.advance(receipts)
        try:
            entries, pause_ns = self._step()
        except BaseException:  # start again from what was stored, if anything
            self.close()
            epoch = self._reading
            if epoch is not None and epoch in self._progress:  # try the other wrecks first
                self._progress[epoch] = self._progress.pop(epoch)
            raise
        self.remains = self._count()
        if pause_ns is None:
            return ImportStep(entries, None)
        return ImportStep(entries, max(pause_ns, (self._clock.now_ns() - began_ns) * (SHARE - 1)))

    def _step(self) -> tuple[tuple[JournalEntry, ...], int | None]:
        if self._gone or self._paths.keys() - self._progress.keys():
            return (), self._take_note()
        if self._chunks is None and not self._begin():
            return (), self._let_go()
        assert self._chunks is not None
        chunk = self._chunks.next()
        if chunk is None:
            return (), PAUSE_NS
        return self._store(chunk, self._chunks)

    def _count(self) -> ImportBacklog:
        files = sum(path.stat().st_size for path in self._paths.values() if path.exists())
        waiting = sum(progress.waiting for progress in self._progress.values())
        return ImportBacklog(waiting + len(self._paths.keys() - self._progress.keys()), files)

    def _take_note(self) -> int:
        """Record new wrecks, and forget the progress of those that are gone.

        A wreck that cannot be opened (owned by another user, say) is left to the next start
        and reported.
        """
        new: dict[str, WreckProgress] = {}
        unopened: OSError | None = None
        for epoch in [each for each in self._paths if each not in self._progress]:
            try:
                new[epoch] = self._beginning(epoch, self._paths[epoch])
            except OSError as error:
                unopened = error
                del self._paths[epoch]
        changes = [wrecks.progress_change(epoch, None) for epoch in sorted(self._gone)]
        changes += [wrecks.progress_change(epoch, progress) for epoch, progress in new.items()]
        if isinstance(self._core.import_entries(AppendRequest((), tuple(changes))), JournalError):
            return FULL_NS
        self._gone = set()
        self._progress |= new
        if unopened is not None:
            raise unopened
        return PAUSE_NS

    def _beginning(self, epoch: str, path: Path) -> WreckProgress:
        """Progress of a former journal in memory: its own positions say what is receipted."""
        wreck = Wreck(path, epoch)
        try:
            states = wreck.states
        finally:
            wreck.close()
        kept = {key: body for (room, key), body in states.items() if room == ROOM}
        positions = FollowerPositions(kept, self._core.positions.names())
        others = self._progress.values()
        return wrecks.initial_progress(epoch, events.CARRIED, positions, others=others)

    def _begin(self) -> bool:
        """Open the next lanes to read; False if all wrecks are done."""
        for lanes in self._urgent_first():
            for epoch, progress in self._progress.items():
                left = tuple(lane for lane in lanes if lane.wire in progress.left)
                if left:
                    path = self._paths[epoch]
                    self._reading = epoch
                    self._chunks = WreckChunks(path, progress, left, self._station, self._clock)
                    return True
        return False

    def _urgent_first(self) -> tuple[tuple[Lane, ...], ...]:
        """A single wreck is scanned once; of several, everything urgent comes first."""
        if len(self._paths) == 1:
            return (tuple(Lane),)
        return ((Lane.EMERGENCY, Lane.ALARM), (Lane.SERVICE, Lane.TELEMETRY))

    def _store(
        self, chunk: WreckChunk, chunks: WreckChunks
    ) -> tuple[tuple[JournalEntry, ...], int]:
        """Commit the chunk with its progress; without room, keep it for later."""
        epoch = self._reading
        assert epoch is not None
        head = self._core.heads()[chunk.lane]
        progress = chunk.after(self._progress[epoch], self._core.epoch, head)
        bodies = [(chunk.lane, body) for body in chunk.bodies]
        if not progress.left:
            bodies.append((events.NEW_EPOCH.lane, self._last_word(progress)))
        moved = {epoch: progress} | self._once_more(chunk)
        changes = tuple(wrecks.progress_change(*each) for each in moved.items())
        outcome = self._core.import_entries(AppendRequest(tuple(bodies), changes))
        if isinstance(outcome, JournalError):
            return (), FULL_NS
        self._progress |= moved
        if not chunks.stored():
            self.close()
        return outcome, PAUSE_NS

    def _once_more(self, chunk: WreckChunk) -> dict[str, WreckProgress]:
        """Other wrecks on disk that hold what could not be found in this one."""
        if not chunk.through:
            return {}
        return {
            epoch: self._progress[epoch].once_more(chunk.lane.wire, lost)
            for epoch, lost in chunk.within.items()
            if lost and epoch in self._progress and self._paths[epoch].exists()
        }

    def _last_word(self, progress: WreckProgress) -> bytes:
        """The event that reports the outcome of the wreck, once all of it is imported."""
        last = {lane: seq for lane, seq in progress.end.items() if seq}
        new = events.NewEpoch(progress.former, progress.why, last, progress.salvaged)
        return events.encode_new_epoch(self._station, self._clock.stamp(), new)

    def _let_go(self) -> int | None:
        """Delete the wrecks that are no longer needed."""
        for epoch, progress in tuple(self._progress.items()):
            if self._receipted(progress) or self._core.cramped:
                wrecks.delete_wreck(self._paths.pop(epoch))
                del self._progress[epoch]
                self._gone = self._gone | {epoch}
        if self._gone:
            return PAUSE_NS
        return RECEIPTS_NS if self._paths else None

    def _receipted(self, progress: WreckProgress) -> bool:
        """Whether everything that was imported has been receipted under its new numbers."""
        if any(progress.former in other.within for other in self._progress.values()):
            return False  # it may be read again
        if progress.into not in ("", self._core.epoch):
            # It was imported into a journal that was damaged itself, and is deleted together with
            # that one.
            return progress.into not in self._paths
        positions, heads = self._core.positions, self._core.heads()
        ends = {lane: progress.ends.get(lane.wire, 0) for lane in Lane}
        return all(positions.floor(lane, heads[lane]) >= end for lane, end in ends.items())
