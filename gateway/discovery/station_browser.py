"""Looks for stations on the network."""

import asyncio
from collections.abc import Callable
from typing import Self

from zeroconf import InterfaceChoice, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from gateway.discovery.dns_sd import YIZHAN, FoundStation, parse_txt_record
from gateway.discovery.network_changes import own_addresses

# How long a station may take for the rest of its records before it is asked again.
ASK_MS = 3000

AGAIN_S_MIN, AGAIN_S_MAX = 1, 60

# An instance's name with its present record; None once it has said goodbye or fallen silent.
OnStation = Callable[[str, FoundStation | None], None]


class StationBrowser:
    """An asynchronous context that reports every change; OSError without a network."""

    def __init__(self, on_station: OnStation, interfaces: tuple[str, ...] = ()) -> None:
        """`interfaces` as in `DiscoveryOptions`; none means all."""
        self._on_station = on_station
        self._interfaces = interfaces
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        named = [at for at in own_addresses(self._interfaces) if ":" not in at]
        chosen = named if self._interfaces else InterfaceChoice.All
        self._zeroconf = AsyncZeroconf(interfaces=chosen)
        self._browser = AsyncServiceBrowser(
            self._zeroconf.zeroconf, YIZHAN, handlers=[self._changed]
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._browser.async_cancel()
        for task in self._asking.values():
            task.cancel()
        await self._zeroconf.async_close()

    def _changed(
        self,
        zeroconf: Zeroconf,
        service_type: str,
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        # zeroconf passes these by name
        instance = name.removesuffix(f".{service_type}")
        if (former := self._asking.pop(name, None)) is not None:
            former.cancel()
        if state_change is ServiceStateChange.Removed:
            self._on_station(instance, None)
        else:
            task = asyncio.ensure_future(self._ask(zeroconf, name, instance))
            self._asking[name] = task

    async def _ask(self, zeroconf: Zeroconf, name: str, instance: str) -> None:
        """Ask until the rest has arrived or the station is gone: a slow one counts as well."""
        info, again_s = AsyncServiceInfo(YIZHAN, name), AGAIN_S_MIN
        while not await info.async_request(zeroconf, ASK_MS):
            await asyncio.sleep(again_s)
            info, again_s = AsyncServiceInfo(YIZHAN, name), min(2 * again_s, AGAIN_S_MAX)
        found = parse_txt_record(
            instance,
            info.properties,
            host=info.server or "",
            addresses=tuple(info.parsed_scoped_addresses(IPVersion.All)),
            port=info.port or 0,
        )
        self._on_station(instance, found)


async def find_stations(within_s: float, interfaces: tuple[str, ...] = ()) -> list[FoundStation]:
    """The stations that answer within that time, by id."""
    stations: dict[str, FoundStation] = {}

    def on_station(instance: str, found: FoundStation | None) -> None:
        if found is None:
            stations.pop(instance, None)
        else:
            stations[instance] = found

    async with StationBrowser(on_station, interfaces):
        await asyncio.sleep(within_s)
    return sorted(stations.values(), key=lambda found: (found.id, found.instance))
