"""A listening socket for an inlet."""

import errno
import socket

from drivers.contract import LineDown, PortForbidden, PortHeld, PortUnfit

# Connections that the kernel holds until they are accepted.
BACKLOG = 32

# A peer that acknowledges nothing for this time is gone.
USER_TIMEOUT_MS = 20_000


def listen(host: str, port: int) -> socket.socket:
    """Bind the port on that address; LineDown if that fails."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        line = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise _line_down(error, f"{host}:{port}") from error
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    line.setblocking(False)
    return line


def _line_down(error: Exception, where: str) -> LineDown:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return PortHeld("inlet.port-held", listen=where)
    if number in {errno.EACCES, errno.EPERM}:
        return PortForbidden("inlet.port-forbidden", listen=where)
    if number == errno.EADDRNOTAVAIL:
        return PortUnfit("inlet.no-address", listen=where)
    return PortUnfit("inlet.port-unfit", listen=where, reason=str(error))
