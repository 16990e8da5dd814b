"""The one SQLite connection: its settings, migrations, and the meaning of its errors.

One connection in EXCLUSIVE locking mode: resetting the log with two connections hits a bug in the
SQLite of Debian 12. Nothing here checkpoints on its own: the core decides when.
"""

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from gateway.errors import JournalDamaged, JournalFailed, JournalFull, JournalLocked
from gateway.journal import preallocation
from gateway.journal.options import PAGE_BYTES

APPLICATION_ID = 0x59495A48  # "YIZH"
SQL = Path(__file__).parent / "sql"
# The newest migration, and so the `user_version` of our files.
VERSION = max(int(path.name[:4]) for path in SQL.glob("*.sql"))

_PRAGMAS = (
    f"page_size={PAGE_BYTES}",
    "locking_mode=EXCLUSIVE",
    "secure_delete=OFF",  # Debian's default ON writes a fifth more
    "wal_autocheckpoint=0",
    "cache_size=-1024",
    "temp_store=MEMORY",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "mmap_size=0",  # an I/O error must be an error code, not a SIGBUS
)
_CODE = 0xFF  # extended error codes have the primary one in the low byte


@contextlib.contextmanager
def translate_disk_errors() -> Iterator[None]:
    """Raise errors of SQLite and the system as JournalErrors."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate_error(error) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise JournalFull("journal.full") from error
        raise JournalFailed("journal.failed", reason=str(error)) from error


def translate_error(error: sqlite3.Error) -> Exception:
    """The JournalError for that error."""
    code = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    match None if code is None else code & _CODE:
        case sqlite3.SQLITE_FULL:
            return JournalFull("journal.full")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return JournalDamaged("journal.damaged", reason=name)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalLocked("journal.held", path="", pid="?")
        case _:
            return JournalFailed("journal.failed", reason=name)


class Database:
    """The connection; with `path` None, to a database in memory."""

    def __init__(self, path: Path | None, *, synchronous: str = "FULL") -> None:
        """Open or create the file and migrate it to the current schema.

        `synchronous` is for proofs that anything less than FULL loses data.
        """
        self.path = path
        with translate_disk_errors():
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path,
                isolation_level=None,
                check_same_thread=False,
                timeout=0,
            )
            self.run = self._connection.execute
            self.run_many = self._connection.executemany
        try:
            with translate_disk_errors():
                self._set_up(synchronous)
        except BaseException:  # close the connection whatever went wrong
            self.close()
            raise

    def _set_up(self, synchronous: str) -> None:
        for pragma in (*_PRAGMAS, f"synchronous={synchronous}"):
            self.run(f"PRAGMA {pragma}")
        if self.path is not None:
            (mode,) = self.run("PRAGMA journal_mode=WAL").fetchone()
            if mode != "wal":  # SQLite falls back to another mode without an error
                raise JournalFailed("journal.failed", reason=f"journal_mode {mode}")
        with self.transaction():
            if self._number("user_version") == 0:
                self.run(f"PRAGMA application_id={APPLICATION_ID}")
            for migration in sorted(SQL.glob("*.sql")):
                self._migrate(migration)

    def _migrate(self, migration: Path) -> None:
        version = int(migration.name[:4])
        if self._number("user_version") >= version:
            return
        for statement in migration.read_text("utf-8").split(";"):
            if statement.strip():
                self.run(statement)
        self.run(f"PRAGMA user_version={version}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; COMMIT has returned when the block is left."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:  # whatever went wrong, nothing of it is stored
            if self._connection.in_transaction:  # after some errors SQLite has rolled back itself
                with contextlib.suppress(sqlite3.Error):
                    self.run("ROLLBACK")
            raise

    def _number(self, pragma: str) -> int:
        number: int = self.run(f"PRAGMA {pragma}").fetchone()[0]
        return number

    @property
    def version(self) -> int:
        """The schema's version; a newer release may have raised it."""
        return self._number("user_version")

    @property
    def pages(self) -> int:
        """Pages of the file, including those that are only in the log."""
        return self._number("page_count")

    @property
    def free_pages(self) -> int:
        """Pages in the free list."""
        return self._number("freelist_count")

    def limit_pages(self, pages: int) -> int:
        """Limit the file to so many pages, but not below its present size; returns the limit."""
        return self._number(f"max_page_count={pages}")

    def checkpoint(self) -> bool:
        """Copy the log into the file; True if all of it was copied."""
        busy, frames, copied = self.run("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return not busy and frames == copied

    def copy_to(self, path: Path) -> None:
        """Write everything into a new file, durably."""
        path.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous=FULL")
            self._connection.backup(copy)

    def close(self, *, copied: bool = False) -> None:
        """Close; `copied`: the whole log was copied into the file.

        SQLite would delete the log. It is kept: its blocks stay allocated over a restart,
        and what it holds may be the only copy of a page.
        """
        try:
            if self.path is not None:
                preallocation.link_wal(self.path)
        finally:
            self._connection.close()
            if self.path is not None:
                preallocation.relink_wal(self.path, copied=copied)
