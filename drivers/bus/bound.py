"""How long an alarm input may wait for the wire at most, whatever the others on it do. Pure.

One transaction is never cut short: so an input waits for the longest that may just have begun, by a
device that is dead, slow, or says half of its reply; and for the other inputs' rounds, which are as
urgent. Whoever talks all the time without being asked is not counted.
"""

from collections.abc import Mapping, Sequence

import msgspec

from drivers.bus.link import GAP_MIN_S
from drivers.bus.plan import Round, cost
from drivers.contract import Device
from drivers.family import Framing, Transaction, WireCost

ALARM_PRIORITY = 1
"""A point's priority where it is an alarm input."""


class Bound(msgspec.Struct, frozen=True):
    """The longest wait of one device's inputs, and whom it is for (None: they need not wait)."""

    waits_s: float
    behind: str | None = None


def bounds(
    planned: Mapping[str, Sequence[Round]], costs: Mapping[str, WireCost], inflight: int
) -> dict[str, Bound]:
    """The bound of each device that has alarm inputs."""
    inputs = [device for device, rounds in planned.items() if any(map(_urgent, rounds))]
    return {device: _bound(device, planned, costs, inflight) for device in inputs}


def _bound(
    own: str,
    planned: Mapping[str, Sequence[Round]],
    costs: Mapping[str, WireCost],
    inflight: int,
) -> Bound:
    begun = Bound(0.0)
    queued_s, others = 0.0, 0
    for name, rounds in planned.items():
        others += name != own
        for one in rounds:
            if name == own and _urgent(one):
                continue
            each_s = [_worst_s(one.device, each, costs[name]) for each in one.transactions]
            begun = max(begun, Bound(max(each_s, default=0.0), name), key=lambda b: b.waits_s)
            queued_s += sum(each_s) if _urgent(one) else 0.0
    if inflight > others:  # there is always room beside them
        return Bound(0.0)
    return Bound(begun.waits_s + queued_s, begun.behind)


def _urgent(one: Round) -> bool:
    return one.priority <= ALARM_PRIORITY


def _worst_s(device: Device, transaction: Transaction, wire: WireCost) -> float:
    """A reply that begins as its time is over, and breaks off."""
    gap_s = GAP_MIN_S if wire.framing is Framing.STREAM else 0.0
    return cost(transaction, wire) - wire.turnaround_s + device.timeout_s + gap_s
