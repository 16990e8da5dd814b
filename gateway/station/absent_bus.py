"""The stand-in for a bus that could not be built: down, with silent devices."""

import asyncio
from collections.abc import Sequence

from drivers.bus.stats import BusStats, DeviceStats
from drivers.contract import BusState, LineLost, Reading, Value
from drivers.counters import Counters

ABSENT = "bus.absent"


class AbsentBus:
    """A bus that is down for good."""

    def __init__(self, name: str, devices: Sequence[str]) -> None:
        self.name = name
        self._devices = {device: DeviceStats() for device in devices}

    async def run(self) -> None:
        """There is nothing to serve."""
        await asyncio.get_running_loop().create_future()

    async def write(self, device: str, point: str, value: Value) -> Reading:
        """Refuse."""
        raise LineLost(ABSENT, device=device, point=point, value=value)

    def restart(self) -> None:
        """Do nothing: what the bus lacks is still missing."""

    def counters(self, device: str) -> Counters | None:
        """No counters."""
        del device
        return None

    def accept_counter(self, device: str, point: str) -> None:
        """Ignore it: no values arrive."""

    @property
    def stats(self) -> BusStats:
        """Down, and nothing counted."""
        return BusStats(self.name, BusState.DOWN, ABSENT, devices=self._devices)
