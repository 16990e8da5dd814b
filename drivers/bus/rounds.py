"""Which units to read in one request, and whether the wire can bear the load. Pure.

A request has a fixed cost (request, turnaround, silences) and a cost per unit of the reply (a
register, a bit, a byte). Reading across an unwanted gap is cheaper than a second request as long as
the gap costs less than the fixed part. Replies of one device should also not look alike: where a
reply does not name its request, a longer one can be told from another's.
"""

import collections
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from drivers.contract import Device, Point
from drivers.family import Framing, PolledDriver, Transaction, WireCost

# Largest planned share of the wire; the rest is for writes, retries and probes.
LOAD_MAX = 0.8


class ReadSpan(NamedTuple):
    """The units `first` to `last`, inclusive."""

    first: int
    last: int


class ReadBlock(NamedTuple):
    """Units that are read together, and the indices of the spans that they cover."""

    first: int
    last: int
    spans: tuple[int, ...]

    @property
    def width(self) -> int:
        """Number of units in the reply."""
        return self.last - self.first + 1


def coalesce(
    spans: Sequence[ReadSpan],
    *,
    fixed: float,
    unit: float,
    most: int,
    unreadable: Sequence[ReadSpan] = (),
) -> list[ReadBlock]:
    """The cheapest blocks that cover all spans, none longer than `most` or touching the unreadable.

    `fixed` is the cost of a request, `unit` that of one more unit. A span that is too long or
    unreadable itself stands alone; the check of the device reports it.
    """
    order = sorted(range(len(spans)), key=lambda index: spans[index])
    ordered = [spans[index] for index in order]
    best: list[tuple[float, int]] = [
        (0.0, 0)
    ]  # cost of the first n spans, and where the last block of them begins
    for stop in range(1, len(order) + 1):
        candidates = _blocks_ending_at(stop, ordered, most, unreadable)
        best.append(
            min(
                (best[start][0] + fixed + unit * (last - first + 1), start)
                for start, first, last in candidates
            )
        )
    blocks: list[ReadBlock] = []
    stop = len(order)
    while stop:
        start = best[stop][1]
        covered = order[start:stop]
        last = max(spans[index].last for index in covered)
        blocks.append(ReadBlock(spans[covered[0]].first, last, tuple(covered)))
        stop = start
    return blocks[::-1]


def _blocks_ending_at(
    stop: int, spans: Sequence[ReadSpan], most: int, unreadable: Sequence[ReadSpan]
) -> Iterator[tuple[int, int, int]]:
    """Every block that ends with span `stop - 1`: index of its first span, first and last unit."""
    last = spans[stop - 1].last
    for start in range(stop - 1, -1, -1):
        first, last = spans[start].first, max(last, spans[start].last)
        alone = start == stop - 1
        if not alone and (last - first + 1 > most or overlaps(first, last, unreadable)):
            return
        yield start, first, last


def overlaps(first: int, last: int, unreadable: Iterable[ReadSpan]) -> bool:
    """True if these units include one that must not be read."""
    return any(first <= hole.last and hole.first <= last for hole in unreadable)


class PollRound(msgspec.Struct, frozen=True):
    """The points of one device with the same period and priority, and their transactions."""

    device: Device
    period_s: float
    priority: int
    transactions: tuple[Transaction, ...]
    cost_s: float

    @property
    def load(self) -> float:
        """The share of the wire that it needs."""
        return self.cost_s / self.period_s


def plan_rounds(device: Device, driver: PolledDriver, wire: WireCost) -> list[PollRound]:
    """All rounds of the device."""
    groups: dict[tuple[float, int], list[Point]] = {}
    for point in device.points:
        key = (point.every_s or device.every_s, point.priority)
        groups.setdefault(key, []).append(point)
    asked = [driver.plan(device, points, wire) for points in groups.values()]
    if wire.framing is Framing.STREAM:
        asked = make_replies_distinct(asked)
    planned = []
    for (period_s, priority), transactions in zip(groups, asked, strict=True):
        cost_s = sum(transaction_cost_s(transaction, wire) for transaction in transactions)
        cost_s += len(transactions) * device.limits.pause_ms / 1000
        planned.append(PollRound(device, period_s, priority, transactions, cost_s))
    return planned


def make_replies_distinct(groups: Sequence[Sequence[Transaction]]) -> list[tuple[Transaction, ...]]:
    """Lengthen replies that look like another's, as far as the device permits."""
    looks = collections.Counter(each.expect for group in groups for each in group)

    def unlike(one: Transaction) -> Transaction:
        if looks[one.expect] == 1 or one.longer is None:
            return one
        found = next((each for each in one.longer() if not looks[each.expect]), one)
        looks[one.expect] -= 1
        looks[found.expect] += 1
        return found

    return [tuple(unlike(each) for each in group) for group in groups]


def transaction_cost_s(transaction: Transaction, wire: WireCost) -> float:
    """The wire time of one transaction."""
    return wire.cost_s(len(transaction.request), transaction.reply_bytes)


class WireLoad(msgspec.Struct, frozen=True):
    """The planned load of a bus; `longest_s` limits how long an alarm input may wait."""

    share: float
    longest_s: float
    by_device: dict[str, float]

    @property
    def is_bearable(self) -> bool:
        """True if the bus may run with it."""
        return self.share <= LOAD_MAX


def plan_load(planned: Iterable[PollRound], cost_of: dict[str, WireCost]) -> WireLoad:
    """The load of all rounds; `cost_of` has the wire costs of each device."""
    share, longest_s = 0.0, 0.0
    by_device: dict[str, float] = {}
    for one in planned:
        share += one.load
        by_device[one.device.id] = by_device.get(one.device.id, 0.0) + one.load
        wire = cost_of[one.device.id]
        longest_s = max([longest_s, *(transaction_cost_s(each, wire) for each in one.transactions)])
    return WireLoad(share, longest_s, by_device)
