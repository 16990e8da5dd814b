"""What the lane senders of one uplink share."""

import random
from collections.abc import Callable
from typing import NamedTuple

from gateway.clock import Clock
from gateway.event import Lane
from gateway.faults import OnFault
from gateway.journal.ports import ReadAppender, ReceiptingFollower
from gateway.upstream.feed.batch_source import BatchSource
from gateway.upstream.feed.in_flight import InFlightBatches
from gateway.upstream.feed.poison import PoisonEvents
from gateway.upstream.feed.throughput import UplinkThroughput
from gateway.upstream.feed.uplink_status import UplinkStatus
from gateway.upstream.uplinks.contract import Uplink

# `(at, round_trip_ns)`: the platform's time in a receipt, and the duration of the round trip.
OnPlatformTime = Callable[[str, int], None]


class UplinkRoute(NamedTuple):
    """What the lane senders of one uplink share.

    `loaders`: the batch source of each lane. `unbegun`: lanes in which an optional uplink's
    follower does not know the platform's watermark yet. `deaf`: lanes in which the platform's
    answers to empty batches contradict its receipts and are ignored.
    """

    name: str
    station: str
    follower: ReceiptingFollower
    journal: ReadAppender
    uplink: Uplink
    clock: Clock
    standing: UplinkStatus
    poison: PoisonEvents
    rng: random.Random
    learn: OnPlatformTime
    on_fault: OnFault
    throughput: UplinkThroughput
    flights: InFlightBatches
    loaders: dict[Lane, BatchSource]
    unbegun: set[Lane]
    deaf: set[Lane]
