"""Readers of the feed that wait: for platforms that fetch, a long poll of one lane.

Bounded like the streams: beyond `most` nobody waits, and the answer that there is nothing comes at
once; it is the reader who then asks again.
"""

import asyncio
import contextlib
from typing import Any

from aiohttp import web

from gateway.event import Lane
from gateway.journal.ports import FollowedReader

# Below the minute after which proxies hang up.
WAIT_S_MAX = 55

WAITING_MAX = 16


class LongPolls:
    """Those who wait for news of a lane."""

    def __init__(self, feed: FollowedReader, most: int = WAITING_MAX) -> None:
        self._follower = feed.follower("feed", retaining=False)
        self._free = asyncio.Semaphore(most)
        self._closing = asyncio.Event()

    async def news(self, lane: Lane, after: int, wait_s: float) -> None:
        """Return when there is something after that number, or the wait is over, or we stop."""
        if self._free.locked() or self._closing.is_set():
            return
        async with self._free:
            newer = asyncio.ensure_future(self._follower.wait(lanes=(lane,), after={lane: after}))
            closing = asyncio.ensure_future(self._closing.wait())
            waiters: set[asyncio.Future[Any]] = {newer, closing}
            try:
                await asyncio.wait(waiters, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waiters:
                    each.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await each

    async def close(self, _app: web.Application) -> None:
        """Answer all that wait: the station stops."""
        self._closing.set()
