"""What the couriers of one uplink share."""

import random
from collections.abc import Callable
from typing import NamedTuple

from gateway.clock import Clock
from gateway.event import Lane
from gateway.faults import OnFault
from gateway.journal.ports import ReadAppender, ReceiptingFollower
from gateway.upstream.feed.flight import Flights
from gateway.upstream.feed.loader import Loader
from gateway.upstream.feed.poison import Poison
from gateway.upstream.feed.standing import Standing
from gateway.upstream.feed.throughput import Throughput
from gateway.upstream.uplinks.contract import Uplink

# `(at, round_trip_ns)`: the platform's time in a receipt, and how long the round trip took.
Learn = Callable[[str, int], None]


class Route(NamedTuple):
    """What the couriers of one uplink share.

    `loaders` has that of each lane, `unbegun` the lanes of which a follower that retains nothing
    does not know yet where the platform stands; `deaf` are the lanes of which the platform's
    answers to empty batches tell something else than its receipts.
    """

    name: str
    station: str
    follower: ReceiptingFollower
    journal: ReadAppender
    uplink: Uplink
    clock: Clock
    standing: Standing
    poison: Poison
    rng: random.Random
    learn: Learn
    on_fault: OnFault
    throughput: Throughput
    flights: Flights
    loaders: dict[Lane, Loader]
    unbegun: set[Lane]
    deaf: set[Lane]
