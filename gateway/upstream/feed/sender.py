"""Sends one follower's entries to one uplink.

Emergencies and alarms have a lane sender of their own, so that they never queue behind anything
else, and an emergency leaves beside alarms in flight. Requests and readings share the other, and
yield on a slow link. Nothing is stored here: entries in flight stay in the journal until the
platform's receipt.
"""

import asyncio
import random
from collections.abc import Callable
from functools import partial

from gateway import entropy
from gateway.clock import Clock
from gateway.event import Lane
from gateway.faults import OnFault, log_fault
from gateway.health import UplinkVitals
from gateway.journal.ports import ReadAppender, ReceiptingFollower
from gateway.upstream.feed.batch_load import ResendRange
from gateway.upstream.feed.in_flight import InFlightBatches
from gateway.upstream.feed.lane_sender import LaneSender
from gateway.upstream.feed.poison import PoisonEvents
from gateway.upstream.feed.receipt import LaneRange
from gateway.upstream.feed.throughput import UplinkThroughput
from gateway.upstream.feed.uplink_route import OnPlatformTime, UplinkRoute
from gateway.upstream.feed.uplink_status import UplinkStatus
from gateway.upstream.uplinks.contract import Uplink
from gateway.upstream.uplinks.kind import Worth

URGENT_LANES = (Lane.EMERGENCY, Lane.ALARM)
BULK_LANES = (Lane.SERVICE, Lane.TELEMETRY)


def _deaf(at: str, round_trip_ns: int) -> None:
    """Ignore the platform's time."""


class Sender:
    """Sends a follower's entries to an uplink, in order, until the platform receipts them."""

    def __init__(
        self,
        name: str,
        follower: ReceiptingFollower,
        journal: ReadAppender,
        uplink: Uplink,
        clock: Clock,
        *,
        station: str,
        kind: str = "http",
        worth: Worth = "stored",
        rng: random.Random | None = None,
        learn: OnPlatformTime = _deaf,
        on_fault: OnFault = log_fault,
    ) -> None:
        self.name = name
        self._standing = UplinkStatus(name, kind, clock.now_ns, worth)
        route = UplinkRoute(
            name=name,
            station=station,
            follower=follower,
            journal=journal,
            uplink=uplink,
            clock=clock,
            standing=self._standing,
            poison=PoisonEvents(name, journal, clock, station),
            rng=rng or entropy.jitter_generator(),
            learn=learn,
            on_fault=on_fault,
            throughput=UplinkThroughput(clock.now_ns),
            flights=InFlightBatches(),
            loaders={},
            unbegun=set(Lane),
            deaf=set(),
        )
        self._urgent = LaneSender("urgent", route, URGENT_LANES, urgent=True)
        self._bulk = LaneSender("bulk", route, BULK_LANES, urgent=False)
        self.on_return: Callable[[], None] = lambda: None
        self._urgent.on_return = partial(self._returned, self._bulk)
        self._bulk.on_return = partial(self._returned, self._urgent)

    async def run(self) -> None:
        """Send until cancelled; a failed journal raises."""
        async with asyncio.TaskGroup() as couriers:
            couriers.create_task(self._urgent.run(), name=f"{self.name} urgent")
            couriers.create_task(self._bulk.run(), name=f"{self.name} bulk")

    def on_reconnected(self) -> None:
        """Another part of the uplink reached the platform after a failure."""
        self._urgent.on_reconnected()
        self._bulk.on_reconnected()

    def _returned(self, other: LaneSender) -> None:
        other.on_reconnected()
        self.on_return()

    def resend_range(self, wanted: LaneRange) -> ResendRange:
        """Send a range of history again; `done` of the result is set at the end."""
        courier = self._urgent if wanted.lane in URGENT_LANES else self._bulk
        return courier.loader.request_resend(wanted)

    @property
    def vitals(self) -> UplinkVitals:
        """The state of the uplink now."""
        return self._standing.vitals

    def set_certificate(self, life: tuple[int, int]) -> None:
        """Set the lifetime of the certificate that we present there, UTC in ns."""
        self._standing.certificate = life

    @property
    def latency_ms(self) -> float | None:
        """The time from a reading to its receipt, in ms; None before the first."""
        return self._standing.latency_ms
