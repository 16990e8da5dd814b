"""The statistics of a bus: per device, and of the wire as a whole."""

import bisect
from typing import Self

import msgspec

from drivers.contract import BusState, DeviceFault, DeviceState, GarbledReply, RequestRefused

# Upper bounds of the round-trip histogram; one more bucket takes slower replies.
RTT_BOUNDS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

LOAD_WINDOW_S = 60


class DeviceStats(msgspec.Struct):
    """One device since the start; `busy_s` is the wire time it took, `rtt` a histogram.

    `code` is the text code of what is wrong with it, even while its values are good.
    """

    transactions: int = 0
    timeouts: int = 0
    crc: int = 0
    exceptions: int = 0
    late: int = 0
    surplus: int = 0
    polls: int = 0
    busy_s: float = 0.0
    wasted_s: float = 0.0
    rtt_s: float = 0.0
    timeout_s: float = 0.0
    period_s: float = 0.0
    state: DeviceState = DeviceState.WAIT
    code: str | None = None
    rtt: list[int] = msgspec.field(default_factory=lambda: [0] * (len(RTT_BOUNDS_S) + 1))

    def record_reply(self, rtt_s: float) -> None:
        """A reply was complete this long after its request."""
        self.rtt_s = rtt_s
        self.rtt[bisect.bisect_left(RTT_BOUNDS_S, rtt_s)] += 1

    def record_fault(self, fault: DeviceFault) -> None:
        """Count a fault by its kind."""
        if isinstance(fault, RequestRefused):
            self.exceptions += 1
        elif isinstance(fault, GarbledReply):
            self.crc += 1
        else:
            self.timeouts += 1


class WireStats(msgspec.Struct, frozen=True):
    """The wire of a polled bus. `load` is the busy share of the last minute.

    `cycle_s` is the longest time between the last two rounds of any answering device;
    `silence_broken` counts requests that were sent too early, and must stay 0.
    """

    planned: float = 0.0
    load: float = 0.0
    cycle_s: float = 0.0
    silence_kept: int = 0
    silence_broken: int = 0
    line_changes: int = 0
    stray_bytes: int = 0
    late: int = 0


class BusStats(msgspec.Struct, frozen=True):
    """One bus at one instant; `wire` is None where devices send on their own.

    `transactions` counts replies, or messages of our devices; `opened` counts opened ports.
    """

    name: str
    state: BusState
    code: str | None = None
    transactions: int = 0
    timeouts: int = 0
    errors: int = 0
    opened: int = 0
    moved_s: float = 0.0
    devices: dict[str, DeviceStats] = {}
    wire: WireStats | None = None

    @classmethod
    def summarize(
        cls,
        name: str,
        state: BusState,
        code: str | None,
        devices: dict[str, DeviceStats],
        *,
        opened: int,
        moved_s: float = 0.0,
        wire: WireStats | None = None,
    ) -> Self:
        """A snapshot whose counts are the sums over its devices."""
        stats = devices.values()
        return cls(
            name=name,
            state=state,
            code=code,
            transactions=sum(each.transactions for each in stats),
            timeouts=sum(each.timeouts for each in stats),
            errors=sum(each.crc + each.exceptions for each in stats),
            opened=opened,
            moved_s=moved_s,
            devices=devices,
            wire=wire,
        )


class Occupancy:
    """The share of the last minute for which the wire was busy, in buckets of a second."""

    def __init__(self, now_s: float) -> None:
        self._since_s = now_s
        self._buckets = [0.0] * LOAD_WINDOW_S
        self._last = int(now_s)

    def add(self, start_s: float, end_s: float) -> None:
        """The wire was busy between these instants."""
        second = int(end_s)
        if int(start_s) == second == self._last:  # the usual case
            self._buckets[second % LOAD_WINDOW_S] += end_s - start_s
            return
        self._advance(end_s)
        while start_s < end_s:
            stop_s = min(end_s, int(start_s) + 1.0)
            if int(start_s) > self._last - LOAD_WINDOW_S:
                self._buckets[int(start_s) % LOAD_WINDOW_S] += stop_s - start_s
            start_s = stop_s

    def share(self, now_s: float) -> float:
        """The busy share of the last minute, or of the time since the start if that is shorter."""
        self._advance(now_s)
        window_s = min(max(now_s - self._since_s, 1.0), float(LOAD_WINDOW_S))
        return min(sum(self._buckets) / window_s, 1.0)

    def _advance(self, now_s: float) -> None:
        for second in range(max(self._last + 1, int(now_s) - LOAD_WINDOW_S), int(now_s) + 1):
            self._buckets[second % LOAD_WINDOW_S] = 0.0
        self._last = max(self._last, int(now_s))
