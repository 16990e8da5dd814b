"""Reads a journal from outside: through the running station, or from the file at rest."""

import http.client
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from gateway.clock import Clock
from gateway.errors import JournalDamaged, Unavailable
from gateway.event import JournalEntry, Lane, encode_envelope
from gateway.journal import chain, core_factory
from gateway.journal.chain import ChainHead
from gateway.journal.core import JournalCore
from gateway.journal.lock import JournalLock, locked_epoch
from gateway.journal.options import JournalOptions
from gateway.journal.preallocation import wal_path
from gateway.journal.salvage import record_torn_numbers
from gateway.journal.wal_frames import WalFrames

_SLICE = 200
_TIMEOUT_S = 10.0
_decode = msgspec.json.decode


class JournalSource(Protocol):
    """A journal that can be inspected."""

    def figures(self) -> dict[str, Any]:
        """Epoch, bytes used, and each lane's last number."""

    def events(self, lane: Lane, after: int) -> Iterator[bytes]:
        """The lane's CloudEvents behind `after`, gaps included."""

    def head(self) -> ChainHead | None:
        """The end of the audit chain; None if it cannot be asked for."""

    def complaints(self) -> list[str]:
        """What the database itself finds wrong; empty if it cannot be asked."""

    def close(self) -> None: ...


class RunningJournal:
    """The journal of the station behind the control socket."""

    def __init__(self, path: Path) -> None:
        self._line = http.client.HTTPConnection("localhost", timeout=_TIMEOUT_S)
        self._line.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.sock.settimeout(_TIMEOUT_S)
        try:
            self._line.sock.connect(str(path))
        except OSError as error:
            self.close()
            raise Unavailable("journal.no-station", path=str(path), reason=str(error)) from error

    def _get(self, path: str) -> bytes:
        self._line.request("GET", path)
        answer = self._line.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise Unavailable("journal.no-answer", path=path, status=answer.status)
        return body

    def figures(self) -> dict[str, Any]:
        """From the vital signs."""
        vitals = _decode(self._get("/api/v1/vitals"))
        journal = vitals["journal"]
        return {
            "epoch": journal["epoch"],
            "volatile": journal["volatile"],
            "used_bytes": journal["used_bytes"],
            "evicted": journal["evicted"],
            "lanes": {lane["lane"]: lane["issued"] for lane in vitals["lanes"]},
        }

    def events(self, lane: Lane, after: int) -> Iterator[bytes]:
        """Slice by slice, so that the station never works long for us."""
        path = f"/api/v1/feed?lane={lane.wire}&limit={_SLICE}&after="
        while found := _decode(self._get(f"{path}{after}"), type=list[msgspec.Raw]):
            yield from map(bytes, found)
            after = int(_decode(found[-1])["sequence"])

    def head(self) -> ChainHead | None:
        """As the audit log has it; a station without one has no chain to verify."""
        try:
            return _decode(self._get("/api/v1/audit/head"), type=ChainHead)
        except Unavailable:
            return None

    def complaints(self) -> list[str]:
        """Always empty: a running station does not scan its whole file for us."""
        return []

    def close(self) -> None:
        self._line.close()


class JournalAtRest:
    """The file of a station that does not run; its lock is held meanwhile."""

    def __init__(self, directory: Path) -> None:
        if not (directory / core_factory.FILE).exists():
            raise Unavailable("journal.none", path=str(directory))
        lock = JournalLock(directory)
        options = JournalOptions(reserve_mb=0)
        try:  # unlike a station's start, an inspection salvages nothing
            _look_first(directory / core_factory.FILE, lock)
            self._core = JournalCore(
                directory / core_factory.FILE,
                station="",
                options=options,
                clock=Clock.open(directory),
            )
        except BaseException:  # release the lock whatever went wrong
            lock.close()
            raise
        if lock.numbers is None or lock.numbers.epoch == self._core.epoch:
            self._core.adopt_lock(lock)
        else:  # the next start reports what is missing, so the lock file must still tell
            self._core.lock = lock

    def figures(self) -> dict[str, Any]:
        """From the file."""
        measures = self._core.measure()
        return {
            "epoch": self._core.epoch,
            "volatile": False,
            "used_bytes": measures.used_bytes,
            "evicted": measures.lost,
            "lanes": {lane.wire: head for lane, head in self._core.heads().items()},
        }

    def events(self, lane: Lane, after: int) -> Iterator[bytes]:
        """Slice by slice."""
        while found := self._core.read(lane, after, _SLICE):
            for entry in found:
                yield encode_envelope(entry, entry_station(entry))
            after = found[-1].seq

    def head(self) -> ChainHead | None:
        """From the state in the file; None as well if that row is damaged (see `complaints`)."""
        kept = self._core.load(chain.ROOM).get(chain.HEAD)
        try:
            return None if kept is None else chain.decode_head(chain.HEAD, kept)
        except (ValueError, msgspec.DecodeError):
            return None

    def complaints(self) -> list[str]:
        """SQLite's own check of the whole file, and the chain's end if its row is damaged."""
        found = self._core.check()
        if chain.HEAD in self._core.load(chain.ROOM) and self.head() is None:
            found.append(f"{chain.ROOM}/{chain.HEAD}")
        return found

    def close(self) -> None:
        self._core.close()


def _look_first(path: Path, lock: JournalLock) -> None:
    """Record the numbers that the torn end of the log shows: opening the file erases it.

    JournalDamaged if SQLite would drop, on opening, what a salvage still finds.
    """
    frames = WalFrames(wal_path(path))
    frames.close()
    if frames.broken:
        raise JournalDamaged("journal.damaged", reason=wal_path(path).name)
    if frames.torn:
        record_torn_numbers(path, lock)


def entry_station(entry: JournalEntry) -> str:
    """The station of an entry, from its source `/yizhan/<station>/<device>`."""
    source: str = _decode(b"{" + entry.body).get("source", "")
    parts = source.split("/")
    return parts[2] if len(parts) > 2 else ""  # noqa: PLR2004 - "", yizhan, station


def open_source(
    directory: Path, controls: Sequence[Path], *, any_station: bool = True
) -> JournalSource:
    """The running station's journal if one answers at a control socket, else the file.

    Without `any_station` it must be the station of that directory: a journal at rest is read
    from its file, whatever else runs.
    """
    for control in controls:
        if control.exists():
            try:
                running = RunningJournal(control)
                if any_station or running.figures()["epoch"] == locked_epoch(directory):
                    return running
                running.close()
            except (Unavailable, OSError, http.client.HTTPException):
                continue  # left behind by a killed station
    return JournalAtRest(directory)
