"""Who holds the journal: one process, by a lock on a small file beside it.

The file also names the journal's epoch. A salvage needs it to believe a row, even when the page
that holds it is gone.
"""

import fcntl
import os
import re
from pathlib import Path

from gateway.errors import JournalFailed, JournalHeld

NAME = "journal.lock"
_EPOCH = re.compile(r"[0-9a-f]{16}")
_TEXT_BYTES = 64


class Lock:
    """The lock, held from construction to `close` or the process's end."""

    def __init__(self, directory: Path) -> None:
        """Take it; JournalHeld names the process that has it."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalFailed("journal.failed", reason=str(error)) from error
        text = os.pread(self._fd, _TEXT_BYTES, 0).decode("ascii", "replace")
        self.epoch = _epoch(text)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._fd)
            holder = text.split()[-1] if text.split() else "?"
            raise JournalHeld("journal.held", path=str(directory), pid=holder) from error

    def name(self, epoch: str) -> None:
        """Write down the epoch of the open journal, and who holds it."""
        os.pwrite(self._fd, f"{epoch} {os.getpid():>10}\n".encode(), 0)  # never shorter
        if epoch != self.epoch:
            os.fsync(self._fd)
            self.epoch = epoch

    def close(self) -> None:
        """Let go."""
        os.close(self._fd)


def epoch_of(directory: Path) -> str | None:
    """The epoch that the lock file names, without taking the lock."""
    try:
        return _epoch((directory / NAME).read_bytes()[:_TEXT_BYTES].decode("ascii", "replace"))
    except OSError:
        return None


def _epoch(text: str) -> str | None:
    found = _EPOCH.match(text)
    return found.group() if found else None
