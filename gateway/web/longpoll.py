"""Long polls of one lane, for platforms that fetch the feed.

Bounded like the streams: beyond `most` waiting readers, the empty answer comes at once, and the
reader asks again.
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
    """The readers that wait for entries of a lane."""

    def __init__(self, feed: FollowedReader, most: int = WAITING_MAX) -> None:
        self._follower = feed.follower("feed", retaining=False)
        self._free = asyncio.Semaphore(most)
        self._closing = asyncio.Event()

    async def wait_for_entry(self, lane: Lane, after: int, wait_s: float) -> None:
        """Return when there is an entry behind that number, after `wait_s`, or on stop."""
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
        """Answer all readers that wait: the station stops."""
        self._closing.set()
