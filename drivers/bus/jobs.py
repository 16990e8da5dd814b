"""What a bus carries out: rounds (`poll.py`), probes of silent devices, and what somebody asked.

Each job hands out one transaction at a time, so that a more urgent one may go between.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Protocol

from drivers.bus.device import BusDevice
from drivers.contract import (
    DeviceFault,
    LineDown,
    Quality,
    Reading,
    RequestRefused,
    Sample,
    WriteNotKept,
)
from drivers.family import Transaction, WritePlan

WRITE_PRIORITY = 0
PROBE_PRIORITY = 8

# A device that answers twice is asked at least so often: whatever its period is, it is trusted
# again within minutes of its last surplus reply.
RECHECK_S = 5.0


class Job(Protocol):
    """One device's business on the wire."""

    member: BusDevice
    alive: bool
    wasted_s: float
    fault: DeviceFault | None

    @property
    def priority(self) -> int:
        """How urgent it is; lower goes first."""

    @property
    def deadline_s(self) -> float:
        """Which of the equally urgent goes first."""

    def ready_s(self, now_s: float) -> float:
        """When its next transaction may go."""

    def current(self) -> Transaction:
        """Its next transaction."""

    def on_reply(
        self, samples: Sequence[Sample], now_s: float, *, unsure_since_s: float | None = None
    ) -> None:
        """The current transaction was answered; if unsure, perhaps by another's reply."""

    def on_fault(self, fault: DeviceFault, cost_s: float, now_s: float) -> None:
        """The current transaction failed and took the wire so long."""

    @property
    def is_over(self) -> bool:
        """True when nothing of it is left to be asked (this time)."""

    @property
    def is_fruitful(self) -> bool:
        """True if it brought what it was to bring."""


class ProbeJob:
    """The cheapest question to a device that does not answer, or what it has answered twice.

    The one when its breaker allows it, the other until enough answers have been alone. What
    it says is given to nobody: values come with the round that follows.
    """

    def __init__(self, member: BusDevice) -> None:
        self.member = member
        self.alive = False
        self.is_over = False
        self.fault: DeviceFault | None = None
        self.wasted_s = 0.0
        self._turn = 0
        self._asked_s = -math.inf
        self._urgent = min((one.priority for one in member.rounds), default=PROBE_PRIORITY)

    @property
    def priority(self) -> int:
        """What was answered twice is asked beside its rounds, which else leave it no time."""
        doubled = self.member.breaker.is_closed and self.member.quarantine.doubled
        return self._urgent if doubled else PROBE_PRIORITY

    @property
    def deadline_s(self) -> float:
        """Probes are served in the order of their time."""
        breaker, quarantine = self.member.breaker, self.member.quarantine
        if not breaker.is_closed:
            return breaker.retry_at_s
        if quarantine.doubled:  # other answers of it tell nothing
            return max(self._asked_s, quarantine.counted_s) + RECHECK_S
        return self.member.used_s + RECHECK_S

    def ready_s(self, now_s: float) -> float:
        """When the breaker wants to know, or the device's own rounds are too far apart."""
        member = self.member
        if member.breaker.is_closed and not member.quarantine.twice:  # nearly always
            return math.inf
        return max(self.deadline_s, member.free_at_s(self.current(), now_s))

    def current(self) -> Transaction:
        """The cheapest transaction of the device, or in turn what it has answered twice."""
        self.is_over = False
        doubled = self.member.recheck_transactions if self.member.breaker.is_closed else []
        return doubled[self._turn % len(doubled)] if doubled else self.member.cheapest_transaction

    def on_reply(
        self, samples: Sequence[Sample], now_s: float, *, unsure_since_s: float | None = None
    ) -> None:
        """It lives; the values come with the round that follows."""
        del samples, unsure_since_s
        self._next(now_s)
        self.alive, self.is_over, self.wasted_s, self.fault = True, True, 0.0, None

    def on_fault(self, fault: DeviceFault, cost_s: float, now_s: float) -> None:
        """It does not, unless even a refusal is a sign of life."""
        self._next(now_s)
        self.alive, self.is_over, self.wasted_s = isinstance(fault, RequestRefused), True, cost_s
        self.fault = fault

    def _next(self, now_s: float) -> None:
        self._turn += 1
        self._asked_s = now_s

    @property
    def is_fruitful(self) -> bool:
        """True if it was answered with values."""
        return self.alive and self.fault is None


class WriteJob:
    """A write and its proof. Whether a write without a reply was carried out, reading back tells.

    `done` may be cancelled by whoever waits; the wire finishes all the same.
    """

    priority = WRITE_PRIORITY

    def __init__(self, member: BusDevice, plan: WritePlan, now_s: float) -> None:
        self.member = member
        self.deadline_s = now_s
        self.done: asyncio.Future[Reading] = asyncio.get_running_loop().create_future()
        self.alive = False
        self.wasted_s = 0.0
        self.fault: DeviceFault | None = None
        self._expected = plan.expected
        self._steps = [plan.write] + ([plan.read_back] if plan.read_back is not None else [])
        self._point = plan.write.points[0]

    @property
    def is_over(self) -> bool:
        """True when it is proved or has failed."""
        return not self._steps

    def ready_s(self, now_s: float) -> float:
        """As soon as the device may be asked; an open breaker does not stop a person."""
        return self.member.free_at_s(self._steps[0], now_s)

    def current(self) -> Transaction:
        """The write, then the reading back."""
        return self._steps[0]

    def on_reply(
        self, samples: Sequence[Sample], now_s: float, *, unsure_since_s: float | None = None
    ) -> None:
        """Written, or read back."""
        del unsure_since_s  # a person waits; another's reply hardly shows what was written
        self.alive = True
        del self._steps[0]
        if samples:
            self._judge(self.member.readings(samples, now_s)[0])
        elif not self._steps:  # confirmed at most: nobody has seen that it is so
            self._resolve(self._unproved(now_s))

    def on_fault(self, fault: DeviceFault, cost_s: float, now_s: float) -> None:
        """A refusal is final; anything else is settled by reading back, if that is possible."""
        del now_s
        self.alive = isinstance(fault, RequestRefused)
        self.wasted_s += cost_s
        self.fault = fault
        del self._steps[0]
        if self.alive or not self._steps:
            self.abandon(fault)

    @property
    def is_fruitful(self) -> bool:
        """True if the device kept what was written."""
        return self.alive and self.fault is None

    def abandon(self, error: DeviceFault | LineDown) -> None:
        """Tell whoever waits that it failed."""
        self._steps.clear()
        if not self.done.done():
            self.done.set_exception(error)

    def _judge(self, reading: Reading) -> None:
        if reading.value == self._expected:
            self._resolve(reading)
            return
        device, point = self.member.device.id, self._point.id
        self.fault = WriteNotKept(
            "bus.not-kept", device=device, point=point, wrote=self._expected, reads=reading.value
        )
        self.abandon(self.fault)

    def _resolve(self, reading: Reading) -> None:
        self.fault = None
        if not self.done.done():
            self.done.set_result(reading)

    def _unproved(self, now_s: float) -> Reading:
        device, point, at_ns = self.member.device.id, self._point, int(now_s * 1e9)
        return Reading(device, point.id, self._expected, point.unit, Quality.SUBSTITUTED, at_ns)
