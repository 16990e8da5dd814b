"""Blocks on the disk: what the journal will need is its own before it needs it.

A full disk must not stop the emergency lane. The log's blocks are allocated once and kept for
ever; the file's are allocated ahead of its growth, as much as the log can hold before it is
copied, and SQLite is told never to grow beyond them. So no write of the journal ever meets
ENOSPC: it meets its own limit, and evicts.
"""

import contextlib
import ctypes
import errno
import os
from pathlib import Path

from gateway.errors import JournalFailed
from gateway.journal.options import PAGE_BYTES, WAL_BYTES

_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE: the file's length stays SQLite's business
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LOG_HEAD = 32
_FRAME_BYTES = PAGE_BYTES + 24
_SALT_BYTES = 8
# What a log begins with that holds nothing more: to SQLite it has no head, and is empty.
COPIED = b"yizhan: all of it was copied".ljust(_LOG_HEAD)

_KEPT = "-kept"


def wal_path(path: Path) -> Path:
    """The write-ahead log of that database."""
    return path.with_name(path.name + "-wal")


def sync_directory(directory: Path) -> None:
    """Make the names of new files survive a power cut."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def link_wal(path: Path) -> None:
    """Give the log a second name, which SQLite does not delete with the first when it closes.

    A disk that is dead, or knows no links, keeps none.
    """
    kept = path.with_name(path.name + _KEPT)
    with contextlib.suppress(OSError):
        kept.unlink(missing_ok=True)
        if wal_path(path).exists():
            os.link(wal_path(path), kept)


def relink_wal(path: Path, *, copied: bool) -> None:
    """Put the log back under its name.

    Where all of it was `copied` into the file it begins anew: a frame that is damaged later would
    else put former versions of pages in the place of newer ones.
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

    The descriptor stays open as long as the connection: closing it would drop SQLite's locks,
    for POSIX locks belong to the process.
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

        Then it gets half of what there is: an attempt that fails may keep all.
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

        Where the file system cannot allocate ahead, free space must do.
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
        """Frames in the log that are not yet copied: those that carry the log's present salt."""
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
        """The whole log was copied into the file: SQLite begins it anew with the next write."""
        self._copied = os.pread(self._log, _SALT_BYTES, 16)

    def close(self) -> None:
        """Only after the connection is closed."""
        os.close(self._fd)
        os.close(self._log)
