"""Holds the journal for one process, by a lock on a small file beside it.

The file also records the journal's epoch and how far its numbers may have gone. A salvage needs the
epoch to trust a row, and the numbers to know what is missing behind the last row that it finds.
"""

import contextlib
import errno
import fcntl
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from gateway.errors import JournalFailed, JournalLocked
from gateway.event import Lane

NAME = "journal.lock"
_EPOCH = re.compile(r"[0-9a-f]{16}")
_TEXT_BYTES = 64
_NUMBERS_BYTES = 256


class LaneNumbers(NamedTuple):
    """Numbers of each lane: `issued` were issued; none beyond `most` was."""

    epoch: str
    issued: dict[Lane, int]
    most: dict[Lane, int]

    def at_least(self, issued: Mapping[Lane, int]) -> "LaneNumbers":
        """The greater of these and the known ones."""
        more = {lane: max(seq, issued.get(lane, 0)) for lane, seq in self.issued.items()}
        most = {lane: max(seq, self.most[lane]) for lane, seq in more.items()}
        return self._replace(issued=more, most=most)

    def text(self) -> str:
        """One line, its checksum last."""
        figures = [self.issued[lane] for lane in Lane] + [self.most[lane] for lane in Lane]
        said = " ".join([self.epoch, *map(str, figures)])
        return f"{said} {zlib.crc32(said.encode()):08x}"

    @classmethod
    def parse(cls, text: str) -> "LaneNumbers | None":
        """Decode such a line; None if it is damaged."""
        said, _, checksum = text.strip().rpartition(" ")
        if not said or checksum != f"{zlib.crc32(said.encode()):08x}":
            return None
        epoch, *figures = said.split(" ")
        count = len(Lane)
        return cls(
            epoch,
            dict(zip(Lane, map(int, figures[:count]), strict=True)),
            dict(zip(Lane, map(int, figures[count:]), strict=True)),
        )


class JournalLock:
    """The lock, held from construction to `close` or the end of the process."""

    def __init__(self, directory: Path) -> None:
        """Take the lock; JournalHeld names the process that has it."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalFailed("journal.failed", reason=str(error)) from error
        text = os.pread(self._fd, _TEXT_BYTES, 0).decode("ascii", "replace")
        self.epoch = _epoch(text)
        said = os.pread(self._fd, _NUMBERS_BYTES, _TEXT_BYTES).decode("ascii", "replace")
        self.numbers = LaneNumbers.parse(said)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._fd)
            holder = (text.strip("\0").split() or ["?"])[-1]
            raise JournalLocked("journal.held", path=str(directory), pid=holder) from error

    def name(self, epoch: str) -> None:
        """Record the epoch of the open journal and the process, if the disk has room."""
        with _no_room_suffered():
            os.pwrite(self._fd, f"{epoch} {os.getpid():>10}\n".encode(), 0)  # never shorter
            if epoch != self.epoch:
                os.fsync(self._fd)
                self.epoch = epoch

    def record_numbers(self, numbers: LaneNumbers) -> None:
        """Record these numbers durably; a full disk is not an error here."""
        self.numbers = numbers
        with _no_room_suffered():
            os.pwrite(self._fd, numbers.text().ljust(_NUMBERS_BYTES).encode(), _TEXT_BYTES)
            os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


@contextlib.contextmanager
def _no_room_suffered() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def locked_epoch(directory: Path) -> str | None:
    """The epoch in the lock file, without taking the lock."""
    try:
        return _epoch((directory / NAME).read_bytes()[:_TEXT_BYTES].decode("ascii", "replace"))
    except OSError:
        return None


def _epoch(text: str) -> str | None:
    found = _EPOCH.match(text)
    return found.group() if found else None
