"""The longest time for which an alarm input may have to wait for the wire. Pure.

A transaction is never interrupted, so an input waits for the longest one that may have just begun,
with a device that is dead, slow or breaks off its reply, and for the rounds of other inputs, which
are equally urgent. A device that talks without being asked is not accounted for.

A module may also lose a reply of its own. If it is known to answer quickly, a missing reply counts
as lost rather than late, and the module is asked again after its timeout and a short window.
"""

from collections.abc import Mapping, Sequence

import msgspec

from drivers.bus.adaptive_timeout import FLOOR_S
from drivers.bus.link import GAP_MIN_S
from drivers.bus.rounds import PollRound, transaction_cost_s
from drivers.contract import Device
from drivers.family import Framing, Transaction, WireCost

# The priority of points that are alarm inputs.
ALARM_PRIORITY = 1


# How long a quick module with alarm inputs rests after a missing reply.
LOST_WINDOW_S = 0.1


class AlarmLatency(msgspec.Struct, frozen=True):
    """The longest wait of one device's inputs, and the device it is spent on (None: no wait).

    `lost_s` is the longest wait if one of its own replies is lost; other devices then count twice.
    """

    waits_s: float
    behind: str | None = None
    lost_s: float = 0.0


def alarm_latencies(
    planned: Mapping[str, Sequence[PollRound]], costs: Mapping[str, WireCost], inflight: int
) -> dict[str, AlarmLatency]:
    """The latency of each device that has alarm inputs."""
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
    if inflight > others:  # other requests can always be sent beside them
        begun, queued_s = AlarmLatency(0.0), 0.0
    waits_s = begun.waits_s + queued_s
    return AlarmLatency(waits_s, begun.behind, 2 * waits_s + _lost_s(planned[own], costs[own]))


def _urgent(one: PollRound) -> bool:
    return one.priority <= ALARM_PRIORITY


def _lost_s(rounds: Sequence[PollRound], wire: WireCost) -> float:
    """What a lost reply costs a device that usually answers at once."""
    urgent = [each for one in rounds if _urgent(one) for each in one.transactions]
    rest_s = LOST_WINDOW_S if wire.framing is Framing.STREAM else 0.0
    return (
        max(transaction_cost_s(each, wire) for each in urgent)
        - wire.turnaround_s
        + FLOOR_S
        + rest_s
    )


def _worst_s(device: Device, transaction: Transaction, wire: WireCost) -> float:
    """A reply that begins at the end of its timeout and breaks off."""
    gap_s = GAP_MIN_S if wire.framing is Framing.STREAM else 0.0
    return transaction_cost_s(transaction, wire) - wire.turnaround_s + device.timeout_s + gap_s
