"""The station tells the network that it is there."""

import asyncio
from collections.abc import Callable

from gateway import __version__
from gateway.appliance.schema import Settings
from gateway.discovery.card import Card, State
from gateway.health import Vitals
from gateway.station.machine import Announce

AFTER_S = 2.0
"""Being ready comes first: zeroconf costs 0.2 s and 5 MB to import, and probes for 0.7 s."""


class Presence:
    """Announced while it runs."""

    def __init__(
        self,
        settings: Settings,
        *,
        claimed: Callable[[], bool],
        port: Callable[[], int],
        vitals: Callable[[], Vitals],
        announce: Announce,
    ) -> None:
        """`port` is where desk computers come in."""
        self._announce = announce
        self._settings = settings
        self._claimed = claimed
        self._port = port
        self._vitals = vitals

    async def run(self) -> None:
        """Announce until cancelled, unless the settings say not to."""
        options = self._settings.discovery
        if not options.announce:
            await asyncio.Event().wait()
        await asyncio.sleep(AFTER_S)
        await self._announce(self.card, options.interfaces)

    def card(self) -> Card:
        """What is true now."""
        station = self._settings.station
        return Card(
            id=station.id,
            name=station.name,
            version=__version__,
            state=_state(self._vitals()) if self._claimed() else "setup",
            port=self._port(),
        )


def _state(vitals: Vitals) -> State:
    lost = vitals.journal.volatile or any(bus.state == "down" for bus in vitals.buses)
    return "fault" if lost else "ready"
