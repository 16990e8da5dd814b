"""Messages to systemd (sd_notify(3)): ready, stopping, watchdog."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping


def notify(message: str) -> bool:
    """Send one datagram to the service manager; False without one.

    Never raises: the station goes on whether it is watched or not.
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
    """Half of the period that systemd demands; None if it demands none."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    allowed_us = environ.get("WATCHDOG_USEC", "")
    return int(allowed_us) / 2e6 if allowed_us.isdecimal() and int(allowed_us) > 0 else None


async def feed_watchdog(
    every_s: float, moved: Callable[[], bool], notify: Callable[[str], bool] = notify
) -> None:
    """Feed the watchdog while `moved()` says that the journal's writer makes progress.

    That this runs shows that the event loop turns. A stuck bus is no matter for the watchdog: it is
    reopened by itself.
    """
    while True:
        if moved():
            notify("WATCHDOG=1")
        await asyncio.sleep(every_s)
