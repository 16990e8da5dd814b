"""Polls the platform for commands: how long each poll stays open, how soon the next follows.

An emergency order may be waiting. So a lost platform is tried every second or two, and one that
another part of the uplink has reached is polled at once, in place of a poll that was open before:
that may hang on a dead connection.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable

from gateway.errors import PlatformUnreachable, UpstreamError
from gateway.upstream.feed.retry import URGENT, RetryDelay, RetryLimits
from gateway.upstream.inbox.idle_wait import IdleWait
from gateway.upstream.uplinks.contract import PollAnswer, PollPosition, Uplink

EVERY_S_MIN = 1.0
# A platform that cannot be reached costs a connection attempt only.
ROAD = RetryLimits(cap_s=1.5, retry_after_max_s=10.0)

# A platform that repeats known commands is polled once a second, or at this many bytes a second.
REPEATED_BYTES_S, REPEATED_S_MAX = 65_536, 10.0

# A poll sent this recently went over the connection that has just opened.
YOUNG_S = 1.0


class CommandPoll:
    """The polls of one uplink; `on_return` is called when one succeeds after a failure."""

    def __init__(
        self, uplink: Uplink, rng: random.Random, on_return: Callable[[], None] = lambda: None
    ) -> None:
        self._uplink = uplink
        self._on_return = on_return
        self._idle = IdleWait()
        self._retry = RetryDelay(rng)
        self._opened = asyncio.Event()
        self._lost = False

    def on_reconnected(self) -> None:
        """Another part of the uplink reached the platform after a failure."""
        self._opened.set()

    async def next_commands(self, since: PollPosition) -> PollAnswer:
        """The next answer, possibly empty; UpstreamError only for a refused cursor."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            handed = await self._asked(since)
        except UpstreamError as error:
            if _refuses(since, error):
                raise
            await self._stumbled(error, loop.time() - began_s)
            return PollAnswer([])
        if handed is None:
            return PollAnswer([])
        self._idle.on_answered(loop.time())
        self._retry.reset()
        if self._lost:
            self._lost = False
            self._on_return()
        if not handed.commands:
            await self._pace(began_s)
        return handed

    async def wait_after_repeats(self, size: int) -> None:
        """Pause after an answer of `size` bytes that held nothing new."""
        await asyncio.sleep(min(max(EVERY_S_MIN, size / REPEATED_BYTES_S), REPEATED_S_MAX))

    async def _asked(self, since: PollPosition) -> PollAnswer | None:
        """The answer; None if the platform came back since the poll was sent."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        asking = asyncio.ensure_future(self._uplink.commands(since, self._idle.wait_s))
        opened = asyncio.ensure_future(self._opened.wait())
        try:
            while not asking.done():
                await asyncio.wait({asking, opened}, return_when=asyncio.FIRST_COMPLETED)
                if opened.done():
                    self._opened.clear()
                    opened = asyncio.ensure_future(self._opened.wait())
                    if not asking.done() and loop.time() - began_s >= YOUNG_S:
                        return None
            return asking.result()
        finally:
            asking.cancel()
            opened.cancel()
            await asyncio.gather(asking, opened, return_exceptions=True)

    async def _stumbled(self, error: UpstreamError, after_s: float) -> None:
        loop = asyncio.get_running_loop()
        if self._idle.on_cut(error, after_s, loop.time()):
            return
        self._idle.on_lost()
        self._lost = True
        reached = not isinstance(error, PlatformUnreachable) or "status" in error.data
        wait_s = self._retry.delay_after(error, URGENT if reached else ROAD)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._opened.wait()
        self._opened.clear()

    async def _pace(self, began_s: float) -> None:
        """Poll a platform that does not hold polls open once a second."""
        left_s = began_s + EVERY_S_MIN - asyncio.get_running_loop().time()
        if left_s > 0:
            await asyncio.sleep(left_s)


def _refuses(since: PollPosition, error: UpstreamError) -> bool:
    """Whether the platform does not know this cursor (any more)."""
    return bool(since.cursor) and error.data.get("status") in (400, 404, 410, 422)
