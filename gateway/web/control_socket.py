"""The control socket: the same API for commands on this machine, without a port or a password.

It lies in the runtime directory, belongs to the owner alone (0600), and every peer is checked by
uid on connecting; so `yizhan` beside a running station needs no secret. A station that is started
by hand has it in a directory of that user's own, where the other commands look.
"""

import errno
import logging
import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

from gateway.clock.boot import CONTROL, control_sockets
from gateway.errors import Unavailable

log = logging.getLogger(__name__)

NAME = CONTROL


def choose_socket_path(environ: Mapping[str, str]) -> Path | None:
    """The path of this station's socket; None to go without.

    In $RUNTIME_DIRECTORY (the first, if systemd lists several) it is required. Otherwise it is
    optional: a directory that others can access, or another station of the same user, must not
    prevent a start.
    """
    path = control_sockets(environ)[0]
    if environ.get("RUNTIME_DIRECTORY"):
        return path
    try:
        _keep_private(path.parent)
    except OSError as error:
        log.warning("no control socket in %s: %s", path.parent, error.strerror)
        return None
    if _alive(path):
        log.warning("another station has the control socket %s; this one has none", path)
        return None
    return path


def _keep_private(folder: Path) -> None:
    """Make the directory accessible to us only; OSError if that is impossible."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def bind_socket(path: Path) -> socket.socket:
    """A bound socket at `path`; one left by a killed station is replaced, a live one is not."""
    if _alive(path):
        raise Unavailable("web.control-held", path=str(path))
    path.unlink(missing_ok=True)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o177)
    try:
        line.bind(str(path))
    except OSError as error:
        line.close()
        raise Unavailable("web.control-refused", path=str(path), why=error.strerror) from error
    finally:
        os.umask(umask)
    return line


def _alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        try:
            line.connect(str(path))
        except OSError as error:
            return error.errno in {errno.EACCES, errno.EAGAIN}  # busy, or owned by somebody else
        return True
