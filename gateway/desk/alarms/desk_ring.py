"""A linkage's call to the desk: rings until the alarm is acknowledged, whatever its severity.

The call is done once a page of the desk has shown it. Without a page it waits as long as the
linkage allows, and is then recorded as expired.
"""

import asyncio

from gateway.rules.linkage import LinkageTask

RINGING_MAX = 200


class DeskRing:
    """The handler of `call`; `ringing` are the alarms with a call to the desk, oldest first."""

    def __init__(self) -> None:
        self.ringing: dict[str, None] = {}
        self._looked = asyncio.Event()

    async def handle(self, task: LinkageTask) -> None:
        """Ring, and wait until a page of the desk has shown it."""
        self.ringing[task.alarm] = None
        while len(self.ringing) > RINGING_MAX:
            del self.ringing[next(iter(self.ringing))]
        self._looked.clear()
        await self._looked.wait()

    def mark_shown(self) -> None:
        """A page of the desk shows what rings."""
        self._looked.set()

    def stop_ringing(self, alarm: str) -> None:
        """The alarm was acknowledged."""
        self.ringing.pop(alarm, None)
