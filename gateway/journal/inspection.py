"""Looking into a journal from outside: through the running station, or into the file at rest."""

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
    """A journal that can be looked into."""

    def figures(self) -> dict[str, Any]:
        """Epoch, bytes used, and each lane's last number."""

    def events(self, lane: Lane, after: int) -> Iterator[bytes]:
        """The lane's CloudEvents behind `after`, gaps included."""

    def head(self) -> ChainHead | None:
        """Where the audit's chain ends; None where that cannot be asked."""

    def complaints(self) -> list[str]:
        """What the database itself finds wrong; empty where it cannot be asked."""

    def close(self) -> None:
        """Let it go."""


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
        """As the ledger has it; a station that keeps none has no chain to prove."""
        try:
            return _decode(self._get("/api/v1/audit/head"), type=ChainHead)
        except Unavailable:
            return None

    def complaints(self) -> list[str]:
        """A running station cannot be asked for a whole scan of its file."""
        return []

    def close(self) -> None:
        """Hang up."""
        self._line.close()


class JournalAtRest:
    """The file, which no station holds; it is held while we look."""

    def __init__(self, directory: Path) -> None:
        if not (directory / core_factory.FILE).exists():
            raise Unavailable("journal.none", path=str(directory))
        lock = JournalLock(directory)
        options = JournalOptions(reserve_mb=0)
        try:  # unlike a station's start, looking salvages nothing
            _look_first(directory / core_factory.FILE, lock)
            self._core = JournalCore(
                directory / core_factory.FILE,
                station="",
                options=options,
                clock=Clock.open(directory),
            )
        except BaseException:  # the lock is let go, whatever went wrong
            lock.close()
            raise
        if lock.numbers is None or lock.numbers.epoch == self._core.epoch:
            self._core.adopt_lock(lock)
        else:  # the next start tells what is missing: the lock's file must still say it then
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
        """From the state in the file; None, too, where that says nothing (see `complaints`)."""
        kept = self._core.load(chain.ROOM).get(chain.HEAD)
        try:
            return None if kept is None else chain.decode_head(chain.HEAD, kept)
        except (ValueError, msgspec.DecodeError):
            return None

    def complaints(self) -> list[str]:
        """SQLite's own check of the whole file, and the row of the chain's end if it is no end."""
        found = self._core.check()
        if chain.HEAD in self._core.load(chain.ROOM) and self.head() is None:
            found.append(f"{chain.ROOM}/{chain.HEAD}")
        return found

    def close(self) -> None:
        """Let the file go."""
        self._core.close()


def _look_first(path: Path, lock: JournalLock) -> None:
    """Keep the numbers that the log's torn end shows: it shows them no more once it was opened.

    JournalDamaged where SQLite, opening the file, would drop what a salvage still finds.
    """
    frames = WalFrames(wal_path(path))
    frames.close()
    if frames.broken:
        raise JournalDamaged("journal.damaged", reason=wal_path(path).name)
    if frames.torn:
        record_torn_numbers(path, lock)


def entry_station(entry: JournalEntry) -> str:
    """Which station an entry is of, from its source `/yizhan/<station>/<device>`."""
    source: str = _decode(b"{" + entry.body).get("source", "")
    parts = source.split("/")
    return parts[2] if len(parts) > 2 else ""  # noqa: PLR2004 - "", yizhan, station


def open_source(
    directory: Path, controls: Sequence[Path], *, any_station: bool = True
) -> JournalSource:
    """The running station's journal, if one answers at a control socket; else the file.

    Without `any_station` it must be that folder's own: a journal that lies still is looked into
    where it lies, whatever runs elsewhere.
    """
    for control in controls:
        if control.exists():
            try:
                running = RunningJournal(control)
                if any_station or running.figures()["epoch"] == locked_epoch(directory):
                    return running
                running.close()
            except (Unavailable, OSError, http.client.HTTPException):
                continue  # a socket that a killed station left behind
    return JournalAtRest(directory)
