"""How long an alarm input may wait for the wire at most, whatever the others on it do. Pure.

One transaction is never cut short: so an input waits for the longest that may just have begun, by a
device that is dead, slow, or says half of its reply; and for the other inputs' rounds, which are as
urgent. Whoever talks all the time without being asked is not counted.

A module may lose a reply of its own, too. One that is known to answer at once has lost it, not
delayed it, and is asked again as soon as its time and a short window are over.
"""

from collections.abc import Mapping, Sequence

import msgspec

from drivers.bus.adaptive_timeout import FLOOR_S
from drivers.bus.link import GAP_MIN_S
from drivers.bus.rounds import PollRound, transaction_cost_s
from drivers.contract import Device
from drivers.family import Framing, Transaction, WireCost

# A point's priority where it is an alarm input.
ALARM_PRIORITY = 1


# How long a module with alarm inputs that answers at once rests after a reply that never came.
LOST_WINDOW_S = 0.1


class AlarmLatency(msgspec.Struct, frozen=True):
    """The longest wait of one device's inputs, and whom it is for (None: they need not wait).

    `lost_s`: the longest if one reply of its own is lost on the way, the wait for the others twice.
    """

    waits_s: float
    behind: str | None = None
    lost_s: float = 0.0


def alarm_latencies(
    planned: Mapping[str, Sequence[PollRound]], costs: Mapping[str, WireCost], inflight: int
) -> dict[str, AlarmLatency]:
    """The bound of each device that has alarm inputs."""
    inputs = [device for device, rounds in planned.items() if any(map(_urgent, rounds))]
    return {device: _bound(device, planned, costs, inflight) for device in inputs}


def _bound(
    own: str,
    planned: Mapping[str, Sequence[PollRound]],
    costs: Mapping[str, WireCost],
    inflight: int,
) -> AlarmLatency:
    begun = AlarmLatency(0.0)
    queued_s, others = 0.0, 0
    for name, rounds in planned.items():
        others += name != own
        for one in rounds:
            if name == own and _urgent(one):
                continue
            each_s = [_worst_s(one.device, each, costs[name]) for each in one.transactions]
            begun = max(
                begun, AlarmLatency(max(each_s, default=0.0), name), key=lambda b: b.waits_s
            )
            queued_s += sum(each_s) if _urgent(one) else 0.0
    if inflight > others:  # there is always room beside them
        begun, queued_s = AlarmLatency(0.0), 0.0
    waits_s = begun.waits_s + queued_s
    return AlarmLatency(waits_s, begun.behind, 2 * waits_s + _lost_s(planned[own], costs[own]))


def _urgent(one: PollRound) -> bool:
    return one.priority <= ALARM_PRIORITY


def _lost_s(rounds: Sequence[PollRound], wire: WireCost) -> float:
    """What a reply that never comes costs its own device, if it usually answers at once."""
    urgent = [each for one in rounds if _urgent(one) for each in one.transactions]
    rest_s = LOST_WINDOW_S if wire.framing is Framing.STREAM else 0.0
    return (
        max(transaction_cost_s(each, wire) for each in urgent)
        - wire.turnaround_s
        + FLOOR_S
        + rest_s
    )


def _worst_s(device: Device, transaction: Transaction, wire: WireCost) -> float:
    """A reply that begins as its time is over, and breaks off."""
    gap_s = GAP_MIN_S if wire.framing is Framing.STREAM else 0.0
    return transaction_cost_s(transaction, wire) - wire.turnaround_s + device.timeout_s + gap_s
