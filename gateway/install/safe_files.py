"""Files by descriptor: the installer runs as root and follows no name that others could have set.

The service owns `/etc/yizhan` and `/var/lib/yizhan`, so a compromised service could place a link
there and wait for the next upgrade. Every folder on the way is opened without following links,
unless only root may have made the link; files are created under a temporary name, and only a
regular file with a single name is given away.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from gateway.errors import UsageError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def read_regular_file(place: Path) -> bytes | None:
    """The contents of a regular file; None for anything else, as a pipe would block."""
    with contextlib.suppress(OSError):
        found = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(found, "rb") as file:
            if stat.S_ISREG(os.fstat(found).st_mode):
                return file.read()
    return None


def replace_file(root: Path, path: str, body: bytes, mode: int) -> None:
    """Replace a file as a whole; a link in its place is replaced, not followed.

    UsageError if a folder on the way is a link that others than root may have made.
    """
    with _parent(root, path) as (folder, name):
        fresh = f".{name}.{secrets.token_hex(8)}"
        file = os.open(
            fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder
        )
        try:
            with os.fdopen(file, "wb") as out:
                out.write(body)
                out.flush()
                os.fchmod(out.fileno(), mode)
                os.fsync(out.fileno())
            os.replace(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:  # whatever it is, nothing half-made stays
            with contextlib.suppress(OSError):
                os.unlink(fresh, dir_fd=folder)
            raise


def set_owner(root: Path, path: str, mode: int, ids: tuple[int, int] | None) -> None:
    """Set the mode and, with `ids`, the owner of a folder or of a file with one name.

    UsageError for a link, a device, or a file with several names.
    """
    with _parent(root, path) as (folder, name):
        try:
            found = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder
            )
        except OSError as error:
            raise UsageError("install.not-followed", path=f"/{path}") from error
        try:
            what = os.fstat(found)
            alone = stat.S_ISREG(what.st_mode) and what.st_nlink == 1
            if not (alone or stat.S_ISDIR(what.st_mode)):
                raise UsageError("install.not-followed", path=f"/{path}")
            os.fchmod(found, mode)
            if ids is not None:
                os.fchown(found, *ids)
        finally:
            os.close(found)


@contextlib.contextmanager
def _parent(root: Path, path: str) -> Iterator[tuple[int, str]]:
    """The opened folder of the last name of the path, and that name."""
    *above, name = Path(path).parts
    folder = os.open(root, _FOLDER)
    try:
        for part in above:
            below = _below(root, folder, part, path)
            os.close(folder)
            folder = below
        yield folder, name
    finally:
        os.close(folder)


def _below(root: Path, folder: int, part: str, path: str) -> int:
    """Open a subfolder."""
    try:
        return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        owner = os.fstat(folder)
        if owner.st_uid not in (0, os.geteuid()) or owner.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise UsageError("install.not-followed", path=f"/{path}") from error
        return _through(root, folder, part)


def _through(root: Path, folder: int, part: str) -> int:
    """Open the target of root's own link, below the root of the tree."""
    target = Path(os.readlink(part, dir_fd=folder))
    if target.is_absolute():
        return os.open(root / target.relative_to("/"), _FOLDER)
    return os.open(target, _FOLDER, dir_fd=folder)
