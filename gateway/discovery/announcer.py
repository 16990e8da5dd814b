"""Announces the station, keeps the announcement current, and says goodbye."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection

from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from gateway.discovery.dns_sd import HTTP, YIZHAN, StationCard, instance_name, txt_record
from gateway.discovery.network_changes import NetworkChanges, own_addresses

log = logging.getLogger(__name__)

# How often the announcement is compared with the truth.
LOOK_EVERY_S = 5.0

# Retry interval without a network; a change of the links comes first.
AGAIN_AFTER_S = 30.0


class StationAnnouncer:
    """Runs until cancelled, on any network."""

    def __init__(self, card: Callable[[], StationCard], interfaces: Collection[str] = ()) -> None:
        """`card` is asked repeatedly; `interfaces` as in `DiscoveryOptions`."""
        self._card = card
        self._interfaces = interfaces
        self._addresses: tuple[str, ...] = ()
        self._said: StationCard | None = None
        self._services: dict[str, ServiceInfo] = {}
        self._lost = False

    async def run(self) -> None:
        """Announce until cancelled, then say goodbye."""
        async with NetworkChanges() as links:
            while True:
                try:
                    await self._on_this_network(links)
                except OSError as error:  # no interface at all, or the one named is not there
                    self._lose(error)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(AGAIN_AFTER_S):
                            await links.wait_for_change()

    def _lose(self, error: OSError) -> None:
        """Log a lost network once."""
        if not self._lost:
            log.warning("not announced on the network: %s", error.strerror or error)
        self._lost = True

    async def _on_this_network(self, links: NetworkChanges) -> None:
        """Announce until the network changes; OSError without one."""
        self._addresses = own_addresses(self._interfaces)
        zeroconf = AsyncZeroconf(interfaces=[at for at in self._addresses if ":" not in at])
        try:
            stirred = asyncio.ensure_future(links.wait_for_change())
            try:
                while not stirred.done():
                    await self._tell(zeroconf)
                    await asyncio.wait((stirred,), timeout=LOOK_EVERY_S)
            finally:
                stirred.cancel()
        finally:
            self._said = None
            self._services.clear()
            await zeroconf.async_close()  # the goodbye is in it

    async def _tell(self, zeroconf: AsyncZeroconf) -> None:
        """Announce what has changed."""
        card = self._card()
        if card == self._said:
            return
        wanted = {YIZHAN} if card.state == "setup" else {YIZHAN, HTTP}
        for kind in self._services.keys() - wanted:
            await (await zeroconf.async_unregister_service(self._services.pop(kind)))
        for kind in sorted(wanted, reverse=True):
            if kind in self._services:
                await self._update(zeroconf, kind, card)
            else:
                await self._register(zeroconf, kind, card)
        self._said = card
        if self._lost:
            log.info("announced on the network again")
        self._lost = False

    async def _register(self, zeroconf: AsyncZeroconf, kind: str, card: StationCard) -> None:
        """Probe for the name first, and add a number if it is taken."""
        wanted = f"{instance_name(card.id, card.name)}.{kind}"
        probe = self._info(kind, card, wanted)
        await zeroconf.zeroconf.async_wait_for_start()
        await zeroconf.zeroconf.async_check_service(probe, allow_name_change=True)
        if probe.name != wanted:
            log.warning("another station is called %s, so this one is %s", card.id, probe.name)
        # Built anew, because the host's name bears the number, too.
        info = self._info(kind, card, probe.name)
        await (await zeroconf.async_register_service(info, cooperating_responders=True))
        self._services[kind] = info

    async def _update(self, zeroconf: AsyncZeroconf, kind: str, card: StationCard) -> None:
        info = self._info(kind, card, self._services[kind].name)
        await (await zeroconf.async_update_service(info))
        self._services[kind] = info

    def _info(self, kind: str, card: StationCard, name: str) -> ServiceInfo:
        """Every name, also the host's, ends in what makes it unique."""
        number = name.removesuffix(f".{kind}").removeprefix(instance_name(card.id, card.name))
        return ServiceInfo(
            kind,
            name,
            port=card.port,
            properties=txt_record(card),
            server=f"{card.id}{number}.local.",
            parsed_addresses=list(self._addresses),
        )
