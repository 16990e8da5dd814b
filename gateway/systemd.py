"""What systemd is told: ready, stopping, alive while the station really moves (sd_notify(3))."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping


def notify(message: str) -> bool:
    """Send one datagram to the service manager; False where there is none, or it does not listen.

    Never an error: the station goes on whoever watches it.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):  # abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        try:
            sock.sendto(message.encode(), address)
        except OSError:
            return False
    return True


def watchdog_period_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """How often to feed the watchdog: half of what systemd allows; None where it asks nothing."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    allowed_us = environ.get("WATCHDOG_USEC", "")
    return int(allowed_us) / 2e6 if allowed_us.isdecimal() and int(allowed_us) > 0 else None


async def feed_watchdog(
    every_s: float, moved: Callable[[], bool], notify: Callable[[str], bool] = notify
) -> None:
    """Feed the watchdog as long as `moved()` says that the journal's writer goes on.

    That this runs at all shows that the event loop turns. A stuck bus is not the watchdog's: it
    is closed, reopened and reported alone.
    """
    while True:
        if moved():
            notify("WATCHDOG=1")
        await asyncio.sleep(every_s)
