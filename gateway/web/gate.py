"""Who may do what: the gate is asked once for every request, before its handler runs.

Until people sign in, the station listens on loopback only and the gate lets whoever reaches it
look, and do no more; the control socket has already asked the kernel who is calling.
"""

import ipaddress
import socket
from typing import Protocol

from aiohttp import web

from gateway.web.section import Handler, Permission, Route


class Gate(Protocol):
    """Decides whether this caller has that permission."""

    async def allows(self, request: web.Request, permission: Permission) -> bool:
        """True if the request may go on."""
        ...


class LoopbackGate:
    """Whoever is on this machine may look; whoever came by the control socket may do everything."""

    async def allows(self, request: web.Request, permission: Permission) -> bool:
        """True if the request may go on."""
        if by_control(request):
            return True
        return permission in {Permission.PUBLIC, Permission.VIEW} and _from_loopback(request)


def by_control(request: web.Request) -> bool:
    """True if the request came by the control socket, whose peers are checked at the door."""
    if request.transport is None:
        return False
    line = request.transport.get_extra_info("socket")
    return line is not None and bool(line.family == socket.AF_UNIX)


def _from_loopback(request: web.Request) -> bool:
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def guarded(route: Route, permission: Permission, gate: Gate) -> Handler:
    """The route's handler behind the gate."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if not await gate.allows(request, permission):
            raise web.HTTPForbidden
        return await route.handler(request)

    return handler
