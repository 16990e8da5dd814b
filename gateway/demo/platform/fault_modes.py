"""The ways in which a platform can misbehave, each on a button of its page."""

import asyncio
import enum
from collections.abc import Awaitable, Callable

from aiohttp import web

SLOW_S = 3.0
BUSY_RETRY_AFTER_S = 2

Respond = Callable[[], Awaitable[web.StreamResponse]]


class FaultMode(enum.Enum):
    """How the platform behaves towards stations."""

    NORMAL = "normal"
    AWAY = "away"  # hangs up on everybody
    FROZEN = "frozen"  # accepts, and never answers
    REFUSES = "refuses"  # 500
    BUSY = "busy"  # 503 with Retry-After
    GARBAGE = "garbage"  # 200 and something that is not JSON
    SILENT = "silent"  # 200 without a receipt; stores nothing
    FORGETFUL = "forgetful"  # stores, then hangs up before the receipt
    SLOW = "slow"  # answers after a while


class FaultSwitch:
    """The present mood; changing it ends what hangs in the former one."""

    def __init__(self) -> None:
        self.mood = FaultMode.NORMAL
        self._changed = asyncio.Event()

    def change(self, mood: FaultMode) -> None:
        """From now on."""
        self.mood = mood
        self._changed.set()
        self._changed = asyncio.Event()

    async def answer(self, request: web.Request, honest: Respond) -> web.StreamResponse:
        """The honest answer, or what the mood makes of it."""
        if self.mood is FaultMode.FROZEN:
            await self._changed.wait()
            return _hang_up(request)
        if self.mood is FaultMode.SLOW:
            await asyncio.sleep(SLOW_S)
        if self.mood in _DISHONEST:
            return _DISHONEST[self.mood](request)
        response = await honest()
        return _hang_up(request) if self.mood is FaultMode.FORGETFUL else response


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


_DISHONEST: dict[FaultMode, Callable[[web.Request], web.Response]] = {
    FaultMode.AWAY: _hang_up,
    FaultMode.REFUSES: lambda _: web.Response(status=500, text="refused"),
    FaultMode.BUSY: lambda _: web.Response(
        status=503, headers={"Retry-After": str(BUSY_RETRY_AFTER_S)}
    ),
    FaultMode.GARBAGE: lambda _: web.Response(body=b"<html>\xff\x00 502 \xe9\xa9\xbf", status=200),
    FaultMode.SILENT: lambda _: web.json_response({"ok": True}),
}
