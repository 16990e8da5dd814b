"""The routes on which a car is asked for: the platform, and a dispatcher of its own."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from gateway.clock import Clock
from gateway.faults import OnFault
from gateway.upstream.uplinks.contract import (
    UNREACHABLE,
    QueryRefused,
    QueryReply,
    QueryUnanswered,
    Uplink,
)
from gateway.upstream.uplinks.kind import OpenUplink, UplinkContext
from gateway.upstream.uplinks.late_uplink import LateUplink
from gateway.upstream.uplinks.platform_tls import PlatformTls
from kiosk.request_types.ride.dispatch import DISPATCHER, NO_ROAD, PLATFORM
from kiosk.request_types.ride.options import DispatcherOptions
from kiosk.requests.outside import OpenedRoute, PlatformLines, RouteContext

# A platform that has been down for so long is shown as away before anybody presses.
AWAY_NS = 10_000_000_000

PROBE_S, PROBE_WITHIN_S = 10.0, 5.0


class PlatformRoute:
    """The platform that the settings name first, past its queue; a ride stays where it was asked.

    Another uplink is another platform: it never hears of a resident in the first one's place.
    """

    def __init__(self, lines: Callable[[], PlatformLines], clock: Clock) -> None:
        """`lines` are looked at anew each time, for the settings may change."""
        self._lines = lines
        self._clock = clock

    @property
    def holder(self) -> str:
        """The uplink that the settings name first."""
        return next(iter(self._lines().names), "")

    @property
    def open(self) -> bool:
        """Whether the platform has answered lately, or has only just stopped to."""
        found = self._lines().connection(self.holder)
        if found is None:
            return False
        vitals = found[1].vitals
        down = vitals.state in ("down", "refused")
        return not down or self._clock.now_ns() - vitals.since_ns < AWAY_NS

    async def ask(
        self, message: bytes, deadline_ns: int, holder: str
    ) -> QueryReply | QueryRefused | QueryUnanswered:
        """Now or never, and of `holder` alone; of the first where none is known."""
        lines, name = self._lines(), holder or self.holder
        if name not in lines.names:
            return QueryRefused(NO_ROAD)
        found = lines.connection(name)
        return (
            QueryRefused(UNREACHABLE) if found is None else await found[0].ask(message, deadline_ns)
        )


class DispatcherRoute:
    """A dispatcher of its own; asked now and then whether it is there."""

    holder = ""

    def __init__(
        self,
        options: DispatcherOptions,
        station: str,
        keys: Path,
        clock: Clock,
        *,
        on_fault: OnFault,
        open_uplink: OpenUplink,
    ) -> None:
        """Inside the running loop."""
        self._clock = clock

        def opened() -> Uplink:
            tls = partial(PlatformTls, clock, ca_file=options.ca_file, own=None)
            return open_uplink(UplinkContext(DISPATCHER, options.uplink, station, keys, clock, tls))

        self._line = LateUplink("dispatcher", opened, on_fault)
        self.open = True

    async def ask(
        self, message: bytes, deadline_ns: int, holder: str = ""
    ) -> QueryReply | QueryRefused | QueryUnanswered:
        """Now or never; there is only one, so that nobody else holds a ride."""
        del holder
        return await self._line.ask(message, deadline_ns)

    async def run(self) -> None:
        """Keep knowing whether it is there."""
        while True:
            until = self._clock.deadline(PROBE_WITHIN_S)
            answer = await self._line.ask(b'{"kind":"ping"}', until.at_ns)
            self.open = isinstance(answer, QueryReply)
            await asyncio.sleep(PROBE_S)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._line.close()


def open_routes(context: RouteContext) -> Iterator[tuple[str, OpenedRoute]]:
    """The platform, and the dispatcher that the settings name, if any; inside the running loop."""
    yield PLATFORM, OpenedRoute(PlatformRoute(context.lines, context.clock))
    named = (options.dispatcher for options in context.options.values())
    dispatcher = next(filter(None, named), None)
    if dispatcher is not None:
        route = DispatcherRoute(
            dispatcher,
            context.station,
            context.keys,
            context.clock,
            on_fault=context.on_fault,
            open_uplink=context.open_uplink,
        )
        yield DISPATCHER, OpenedRoute(route, route.run, route.close)
