"""Announces the station on the network while it runs."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from gateway import __version__
from gateway.discovery.dns_sd import AnnouncedState, StationCard
from gateway.discovery.options import DiscoveryOptions
from gateway.health import Vitals

# Being ready comes first: zeroconf costs 0.2 s and 5 MB to import, and probes for 0.7 s.
AFTER_S = 2.0

# Tells the network what the card says, on these interfaces (none: all), until cancelled.
Announce = Callable[[Callable[[], StationCard], Collection[str]], Awaitable[None]]


class MdnsService:
    """Announces the station by multicast DNS, if its settings say so."""

    def __init__(
        self,
        options: DiscoveryOptions,
        station: tuple[str, str],
        *,
        claimed: Callable[[], bool],
        port: Callable[[], int],
        vitals: Callable[[], Vitals],
        announce: Announce,
    ) -> None:
        """`station` is its id and name; `port` is where desk computers come in."""
        self._options = options
        self._id, self._name = station
        self._claimed = claimed
        self._port = port
        self._vitals = vitals
        self._announce = announce

    async def run(self) -> None:
        """Announce until cancelled, unless the settings say not to."""
        if not self._options.announce:
            await asyncio.Event().wait()
        await asyncio.sleep(AFTER_S)
        await self._announce(self.card, self._options.interfaces)

    def card(self) -> StationCard:
        """The present announcement."""
        return StationCard(
            id=self._id,
            name=self._name,
            version=__version__,
            state=_state(self._vitals()) if self._claimed() else "setup",
            port=self._port(),
        )


def _state(vitals: Vitals) -> AnnouncedState:
    lost = vitals.journal.volatile or any(bus.state == "down" for bus in vitals.buses)
    return "fault" if lost else "ready"
