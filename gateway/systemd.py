"""What systemd is told: ready, stopping, alive while the station makes progress (sd_notify(3))."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping


def notify(message: str) -> bool:
    """Send one datagram to the service manager; False if there is none, or it does not listen.

    Never an error: the station runs with or without it.
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
    """Interval of feeding the watchdog: half of what systemd allows; None without a watchdog."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    allowed_us = environ.get("WATCHDOG_USEC", "")
    return int(allowed_us) / 2e6 if allowed_us.isdecimal() and int(allowed_us) > 0 else None


async def feed_watchdog(
    every_s: float, moved: Callable[[], bool], notify: Callable[[str], bool] = notify
) -> None:
    """Feed the watchdog while `moved()` shows that the journal's writer makes progress.

    That this runs at all shows that the event loop turns. A stuck bus is no matter for the
    watchdog: it is closed, reopened and reported by itself.
    """
    while True:
        if moved():
            notify("WATCHDOG=1")
        await asyncio.sleep(every_s)
