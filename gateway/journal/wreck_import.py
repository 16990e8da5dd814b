"""Brings what wrecks still hold into the open journal, behind the running station.

Chunk by chunk, when nothing else is due: every entry that somebody has not receipted, the urgent
lanes first. An entry comes under a new number and says which identity it had (`formerid`), so that
a platform which has it already knows it again; numbers that are not there any more are told as gaps
of the former epoch. A chunk and the word how far the wreck has come over are one transaction. No
chunk ever puts a gap in the place of anything: where there is no room it waits until receipts have
made some, and the wreck stays the store of the rest.

A wreck goes when all of it has come over and every required platform has receipted that.
"""

from collections.abc import Mapping
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import JournalError
from gateway.event import JournalEntry, Lane
from gateway.journal import events, wrecks
from gateway.journal.core import AppendRequest, JournalCore
from gateway.journal.positions import ROOM, FollowerPositions, LanePositions
from gateway.journal.salvage import Wreck
from gateway.journal.wreck_chunks import WreckChunk, WreckChunks
from gateway.journal.wreck_port import ImportBacklog, ImportStep
from gateway.journal.wrecks import WreckProgress

# A third of the time is spent on it at most.
SHARE = 3

PAUSE_NS = 20_000_000
# How long it waits for receipts to make room.
FULL_NS = 5_000_000_000

# How often it looks whether a wreck may go.
RECEIPTS_NS = 30_000_000_000

# After a fault of its own.
AGAIN_NS = 600_000_000_000


class WreckImporter:
    """The wrecks of one directory and the core that takes them; used by the writer alone."""

    def __init__(self, core: JournalCore, directory: Path, station: str, clock: Clock) -> None:
        """Look which wrecks there are; nothing of them is read before the first step."""
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
        """Let the wrecks go."""
        if self._chunks is not None:
            self._chunks.close()
            self._chunks = None

    def step(self, receipts: Mapping[str, LanePositions]) -> ImportStep:
        """Do a little. An error of the journal's own disk is raised."""
        began_ns = self._clock.now_ns()
        self._core.positions.advance(receipts)
        try:
            entries, pause_ns = self._step()
        except BaseException:  # begun anew from what was stored, if at all
            self.close()
            epoch = self._reading
            if epoch is not None and epoch in self._progress:  # then the others come first
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
        """Write down wrecks that are new here, and forget what is said of those that are gone.

        One that cannot be opened (it is another user's, say) is left to the next start, and told.
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
        """Of a file that was laid beside the journal: its own positions say what is receipted."""
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
        """Open the next lanes to read; False if all wrecks are through."""
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
        """One wreck is scanned once; of several, all that is urgent comes first."""
        if len(self._paths) == 1:
            return (tuple(Lane),)
        return ((Lane.EMERGENCY, Lane.ALARM), (Lane.SERVICE, Lane.TELEMETRY))

    def _store(
        self, chunk: WreckChunk, chunks: WreckChunks
    ) -> tuple[tuple[JournalEntry, ...], int]:
        """Commit the chunk with the word about it; where there is no room, keep it for later."""
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
        """The wrecks, if they are still there, that hold what was not to be found in this one."""
        if not chunk.through:
            return {}
        return {
            epoch: self._progress[epoch].once_more(chunk.lane.wire, lost)
            for epoch, lost in chunk.within.items()
            if lost and epoch in self._progress and self._paths[epoch].exists()
        }

    def _last_word(self, progress: WreckProgress) -> bytes:
        """What became of the wreck, now that all of it is here."""
        last = {lane: seq for lane, seq in progress.end.items() if seq}
        new = events.NewEpoch(progress.former, progress.why, last, progress.salvaged)
        return events.encode_new_epoch(self._station, self._clock.stamp(), new)

    def _let_go(self) -> int | None:
        """Delete the wrecks that are not needed any more."""
        for epoch, progress in tuple(self._progress.items()):
            if self._receipted(progress) or self._core.cramped:
                wrecks.delete_wreck(self._paths.pop(epoch))
                del self._progress[epoch]
                self._gone = self._gone | {epoch}
        if self._gone:
            return PAUSE_NS
        return RECEIPTS_NS if self._paths else None

    def _receipted(self, progress: WreckProgress) -> bool:
        """Whether all that came over has been receipted under its new numbers."""
        if any(progress.former in other.within for other in self._progress.values()):
            return False  # it may be asked once more
        if progress.into not in ("", self._core.epoch):
            # It came into a journal that was damaged in its turn, and goes when that one does.
            return progress.into not in self._paths
        positions, heads = self._core.positions, self._core.heads()
        ends = {lane: progress.ends.get(lane.wire, 0) for lane in Lane}
        return all(positions.floor(lane, heads[lane]) >= end for lane, end in ends.items())
