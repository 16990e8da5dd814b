"""One device on a bus: everything that the bus remembers of it."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

from drivers.bus.breaker import Breaker
from drivers.bus.counters import Counters
from drivers.bus.line import Line
from drivers.bus.patience import Patience
from drivers.bus.plan import Round, cost
from drivers.bus.quarantine import Quarantine, window_s
from drivers.bus.stats import DeviceStats
from drivers.contract import (
    Device,
    DeviceChange,
    DeviceFault,
    DeviceState,
    Garbled,
    NoReply,
    Reading,
    Refused,
    Sample,
)
from drivers.family import Expect, Framing, PolledDriver, Transaction, WireCost

_BARREN_ROUNDS = 3
"""Rounds in a row with an answer but no value, after which a device counts as faulty."""


class Member:
    """A device with its breaker, quarantine, patience, counters and statistics."""

    def __init__(
        self,
        device: Device,
        *,
        driver: PolledDriver,
        line: Line,
        wire: WireCost,
        rounds: Sequence[Round],
        jitter: random.Random,
    ) -> None:
        self.device = device
        self.driver = driver
        self.line = line
        self.wire = wire
        self.rounds = rounds
        self.breaker = Breaker(jitter)
        self.patience = Patience(device.timeout_s)
        self.quarantine = Quarantine(window_s(device.timeout_s))
        self.counters = Counters()
        self.stats = DeviceStats(timeout_s=device.timeout_s)
        self.state = DeviceState.WAIT
        self.asked: Expect | None = None
        self._pause_until_s = 0.0
        self._barren = 0
        self._silent_on: bytes | None = None
        self._late_s: float | None = None
        self._asked = [each for one in rounds for each in one.transactions]

    @property
    def cheapest(self) -> Transaction:
        """What a probe asks."""
        return min(self._asked, key=lambda each: cost(each, self.wire))

    def learn(self, old: Transaction, parts: Iterable[Transaction]) -> None:
        """A transaction was divided for good."""
        self._asked = [each for each in self._asked if each is not old] + list(parts)

    def in_order(self, transactions: Sequence[Transaction], now_s: float) -> list[Transaction]:
        """How a round asks them: what was not answered last time after what was.

        A device that is silent on one block then still gives the others; and what could be
        mistaken for the missing answer waits until that has been asked again.
        """
        if self._silent_on is None and not self.quarantine.owes:  # nearly always
            return list(transactions)

        def key(each: Transaction) -> int:
            if self.quarantine.free_at_s(each, now_s) > self.quarantine.until_s:
                return 2
            return each.request == self._silent_on

        return sorted(transactions, key=key)

    def free_at_s(self, transaction: Transaction, now_s: float) -> float:
        """When this may be asked: after the late window, the pause, and every doubt."""
        return max(self.quarantine.free_at_s(transaction, now_s), self._pause_until_s)

    def replied(self, transaction: Transaction, rtt_s: float, began_s: float, now_s: float) -> None:
        """A reply came, whatever it says."""
        self.stats.replied(rtt_s)
        self.patience.replied(rtt_s)
        self._late_s = None
        if transaction.request == self._silent_on:
            self._silent_on = None
        self.quarantine.answered(transaction, began_s, now_s)

    def used(self, began_s: float, now_s: float) -> None:
        """A transaction with this device had the wire."""
        self.stats.transactions += 1
        self.stats.busy_s += now_s - began_s
        self._pause_until_s = now_s + self.device.limits.pause_ms / 1000

    def missed(
        self, transaction: Transaction, fault: DeviceFault, began_s: float, now_s: float
    ) -> None:
        """A transaction failed; after silence its reply may still come."""
        self.stats.fault(fault)
        if isinstance(fault, NoReply):
            self.patience.timed_out()
            self._silent_on = transaction.request
            self.left(transaction, began_s, now_s)
        if not isinstance(fault, Refused):
            self.stats.wasted_s += now_s - began_s

    def left(self, transaction: Transaction, began_s: float, now_s: float) -> None:
        """A transaction ended without its reply, which may still come."""
        if self.wire.framing is Framing.STREAM:
            self.quarantine.timed_out(transaction, began_s, now_s)

    def overheard(self, data: bytes, now_s: float) -> bool:
        """Bytes were heard; True if they are a late reply of this device."""
        rtt_s = self.quarantine.heard(data, now_s, self.asked)
        if rtt_s is None:
            return False
        self.stats.late += 1
        self._late_s = rtt_s
        self.patience.replied(rtt_s)
        return True

    def round_over(self, *, answered: bool, fruitful: bool, fault: DeviceFault | None) -> bool:
        """Judge the device after a round or probe; True if its state changed."""
        self.stats.timeout_s = self.patience.timeout_s
        self._barren = 0 if fruitful or not answered else self._barren + 1
        before = self.state
        if not self.breaker.closed:
            if before not in {DeviceState.SILENT, DeviceState.FAULTY}:
                noisy = isinstance(fault, Garbled)
                self.state = DeviceState.FAULTY if noisy else DeviceState.SILENT
        elif self._barren >= _BARREN_ROUNDS:
            self.state = DeviceState.FAULTY
        elif fruitful:
            self.state = DeviceState.OK
        self.stats.state = self.state
        return self.state is not before

    def change(self, fault: DeviceFault | None, at_s: float) -> DeviceChange:
        """What is to be said of the state that the device is in now, and why."""
        code: str | None = None
        data: dict[str, Any] = {}
        if self.state is DeviceState.SILENT and self._late_s is not None:
            # Not dead but slow: the remedy is a longer timeout_s, not a visit.
            code = "bus.late-reply"
            data = {"took_s": round(self._late_s, 2), "waited_s": self.device.timeout_s}
        elif fault is not None and self.state is not DeviceState.OK:
            code, data = fault.code, fault.data
        return DeviceChange(self.device.id, self.state, int(at_s * 1e9), code, dict(data))

    def readings(self, samples: Iterable[Sample], at_s: float) -> list[Reading]:
        """The samples as readings, counters judged."""
        at_ns = int(at_s * 1e9)
        device, judge = self.device.id, self.counters.judge
        return [
            Reading(
                device,
                (point := each.point).id,
                each.value,
                point.unit,
                judge(each, at_s) if point.counter else each.quality,
                at_ns,
                each.raw,
            )
            for each in samples
        ]

    def lost(self, transaction: Transaction, fault: DeviceFault, at_s: float) -> list[Reading]:
        """What is to be said of points that could not be read: nothing but why."""
        at_ns, quality = int(at_s * 1e9), fault.quality
        return [
            Reading(self.device.id, point.id, None, point.unit, quality, at_ns)
            for point in transaction.points
        ]
