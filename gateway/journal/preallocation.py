"""Allocates disk blocks for the journal before it needs them.

A full disk must not stop the emergency lane. The blocks of the log are allocated once and kept;
those of the file are allocated ahead of its growth, as much as the log can hold before it is
copied, and SQLite is told never to grow beyond them. So no write of the journal meets ENOSPC: it
meets our own limit, and evicts.
"""

import contextlib
import ctypes
import errno
import os
from pathlib import Path

from gateway.errors import JournalFailed
from gateway.journal.options import PAGE_BYTES, WAL_BYTES

_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE: SQLite manages the file's length
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LOG_HEAD = 32
_FRAME_BYTES = PAGE_BYTES + 24
_SALT_BYTES = 8
# Header of a log whose content was copied: SQLite sees no valid header and takes it as empty.
COPIED = b"yizhan: all of it was copied".ljust(_LOG_HEAD)

_KEPT = "-kept"


def wal_path(path: Path) -> Path:
    """The path of that database's write-ahead log."""
    return path.with_name(path.name + "-wal")


def sync_directory(directory: Path) -> None:
    """Make the names of new files durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def link_wal(path: Path) -> None:
    """Give the log a second name, so that SQLite does not delete its blocks on closing.

    Without effect on a dead disk or a file system without hard links.
    """
    kept = path.with_name(path.name + _KEPT)
    with contextlib.suppress(OSError):
        kept.unlink(missing_ok=True)
        if wal_path(path).exists():
            os.link(wal_path(path), kept)


def relink_wal(path: Path, *, copied: bool) -> None:
    """Put the log back under its name.

    If all of it was `copied` into the file it is marked empty: otherwise a frame that is
    damaged later would replace newer pages by older versions.
    """
    kept = path.with_name(path.name + _KEPT)
    with contextlib.suppress(OSError):
        if not kept.exists():
            return
        if copied:
            with kept.open("r+b") as log:
                log.write(COPIED)
        kept.rename(wal_path(path))


class PreallocatedBlocks:
    """The blocks of one open database and its log.

    The descriptor stays open as long as the connection: POSIX locks belong to the process, so
    closing it would release SQLite's locks.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._log = os.open(wal_path(path), os.O_RDWR | os.O_CLOEXEC)
        self._fallocate = ctypes.CDLL(None, use_errno=True).fallocate
        self._salt = b""
        self._frames = 0
        self._copied = b""

    @property
    def log_frames_owned(self) -> int:
        """How long the log may get without a new block."""
        return (os.fstat(self._log).st_size - _LOG_HEAD) // _FRAME_BYTES

    def own_log(self) -> bool:
        """Allocate the log to its full length; False if the disk has no room for it.

        Then it gets half of what there is: a failing attempt may keep all.
        """
        have = os.fstat(self._log).st_size
        disk = os.fstatvfs(self._log)
        length = min(WAL_BYTES, have + disk.f_bavail * disk.f_frsize // 2)
        if have >= length:
            return have >= WAL_BYTES
        try:
            os.posix_fallocate(self._log, 0, length)
        except OSError as error:
            if error.errno in _NO_ROOM:
                return False
            raise JournalFailed("journal.failed", reason=str(error)) from error
        return length >= WAL_BYTES

    def own_ahead(self, pages: int, more: int) -> bool:
        """Allocate room for `more` pages behind the first `pages`; False if there is none.

        If the file system cannot allocate ahead, free space must be enough.
        """
        start, length = pages * PAGE_BYTES, more * PAGE_BYTES
        if more <= 0:
            return True
        arguments = (ctypes.c_int64(start), ctypes.c_int64(length))
        if self._fallocate(self._fd, _KEEP_SIZE, *arguments) == 0:
            return True
        code = ctypes.get_errno()
        if code in _NO_ROOM:
            return False
        if code in (errno.EOPNOTSUPP, errno.ENOSYS):
            disk = os.fstatvfs(self._fd)
            return disk.f_bavail * disk.f_frsize > 2 * length
        raise JournalFailed("journal.failed", reason=os.strerror(code))

    def frames(self) -> int:
        """Frames in the log that are not copied yet: those with the log's present salt."""
        salt = os.pread(self._log, _SALT_BYTES, 16)
        if salt != self._salt:
            self._salt, self._frames = salt, 0
        if salt == self._copied:
            return 0
        while self._frame_salt(self._frames) == salt:
            self._frames += 1
        return self._frames

    def _frame_salt(self, index: int) -> bytes:
        return os.pread(self._log, _SALT_BYTES, _LOG_HEAD + index * _FRAME_BYTES + 8)

    def copied(self) -> None:
        """The whole log was copied into the file: SQLite restarts it with the next write."""
        self._copied = os.pread(self._log, _SALT_BYTES, 16)

    def close(self) -> None:
        """Call it only after the connection is closed."""
        os.close(self._fd)
        os.close(self._log)
