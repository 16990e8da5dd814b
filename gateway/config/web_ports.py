"""Whether the ports of `[web]` are free on this machine."""

import errno
import os
import socket
from collections.abc import Iterator, Mapping

from gateway.clock.boot import control_sockets
from gateway.toml import Phrase
from gateway.web.server import WebOptions


def held_ports(web: WebOptions, environ: Mapping[str, str] = os.environ) -> Iterator[Phrase]:
    """Ports of the pages that another program holds.

    None while a station runs here: it may be the one that holds them, and reports a conflict
    itself.
    """
    if _station_runs(environ):
        return
    for key, host, port in (("port", "127.0.0.1", web.port), ("lan_port", "0.0.0.0", web.lan_port)):  # noqa: S104  # where the pages listen
        if port and _held(host, port):
            yield Phrase("check.web-port-held", {"key": key, "port": port})


def _held(host: str, port: int) -> bool:
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False


def _station_runs(environ: Mapping[str, str]) -> bool:
    """Whether a station answers at its socket, or denies it to this user."""
    for path in control_sockets(environ):
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(str(path))
        except PermissionError:
            return True
        except OSError:
            continue
        return True
    return False
