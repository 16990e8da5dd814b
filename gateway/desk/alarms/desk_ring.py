"""A linkage's call to the desk: rings until the alarm is acknowledged, whatever its severity.

The call is done once a desk's page has shown it. With nobody looking it waits for somebody, as
long as the linkage lets it, and is recorded as expired then.
"""

import asyncio

from gateway.rules.linkage import LinkageTask

RINGING_MAX = 200


class DeskRing:
    """The doer of `call`; `ringing` are the alarms that the desk was called for, oldest first."""

    def __init__(self) -> None:
        """Nobody is called."""
        self.ringing: dict[str, None] = {}
        self._looked = asyncio.Event()

    async def handle(self, task: LinkageTask) -> None:
        """Ring, and wait until a desk's page has shown it."""
        self.ringing[task.alarm] = None
        while len(self.ringing) > RINGING_MAX:
            del self.ringing[next(iter(self.ringing))]
        self._looked.clear()
        await self._looked.wait()

    def mark_shown(self) -> None:
        """A desk's page is being shown what rings."""
        self._looked.set()

    def stop_ringing(self, alarm: str) -> None:
        """Somebody has acknowledged it."""
        self.ringing.pop(alarm, None)
