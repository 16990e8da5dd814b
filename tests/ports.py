"""Ports that stay free until whoever asked for them listens.

The kernel hands out its own range to every connection that anybody opens, also to one that opens
between the choice and the listening. So ours lie below that range, and each is kept for as long as
the process lives that chose it, whatever else is tested beside it.
"""

import random
import socket

RANGE = range(20_000, 32_000)
KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM)

_kept: list[socket.socket] = []


def free_port() -> int:
    """A port of loopback that nobody holds, neither TCP nor UDP, and nobody else will be given."""
    chance = random.SystemRandom()
    while True:
        port = chance.choice(RANGE)
        if _keep(port) and all(_is_free(port, kind) for kind in KINDS):
            return port


def _keep(port: int) -> bool:
    """An abstract name is one process's alone, and gone with it."""
    note = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        note.bind(f"\0yizhan-test-port-{port}")
    except OSError:
        note.close()
        return False
    _kept.append(note)
    return True


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
