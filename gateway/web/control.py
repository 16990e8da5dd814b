"""The control socket: the same API for commands on this machine, without a port or a password.

It lies in the runtime directory, is the owner's alone (0600), and every peer is asked for by uid
at the door; so `yizhan` beside a running station needs no secret.
"""

import errno
import os
import socket
from pathlib import Path

from gateway.errors import Unavailable

NAME = "control.sock"


def control_path(environ: dict[str, str] | None = None) -> Path | None:
    """Where the socket is: in $RUNTIME_DIRECTORY (systemd may list several: the first); or None."""
    directory = (environ or dict(os.environ)).get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(directory) / NAME if directory else None


def listen(path: Path) -> socket.socket:
    """A bound socket at `path`; one left by a killed station is replaced, a living one is not."""
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
            return error.errno in {errno.EACCES, errno.EAGAIN}  # busy, or somebody else's
        return True
