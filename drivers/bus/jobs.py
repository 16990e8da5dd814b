"""The jobs of a bus: rounds (`poll.py`), probes of silent devices, and writes.

Each job hands out one transaction at a time, so that a more urgent job can go in between.
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

# Longest time between requests to a device that answers twice: whatever its period, it is
# # trusted again within minutes of its last surplus reply.
RECHECK_S = 5.0


class Job(Protocol):
    """The work of one device on the wire."""

    member: BusDevice
    alive: bool
    wasted_s: float
    fault: DeviceFault | None

    @property
    def priority(self) -> int:
        """Lower goes first."""

    @property
    def deadline_s(self) -> float:
        """Orders jobs of equal priority."""

    def ready_s(self, now_s: float) -> float:
        """When its next transaction may be sent."""

    def current(self) -> Transaction: ...

    def on_reply(
        self, samples: Sequence[Sample], now_s: float, *, unsure_since_s: float | None = None
    ) -> None:
        """The current transaction was answered, perhaps by another's reply (`unsure_since_s`)."""

    def on_fault(self, fault: DeviceFault, cost_s: float, now_s: float) -> None:
        """The current transaction failed after `cost_s` on the wire."""

    @property
    def is_over(self) -> bool:
        """True when nothing is left to send (for this turn)."""

    @property
    def is_fruitful(self) -> bool:
        """True if it achieved its purpose."""


class ProbeJob:
    """The cheapest request to a silent device, or a repetition of what it has answered twice.

    The former when its breaker allows it, the latter until enough replies came alone. The values
    are discarded: they come with the round that follows.
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
        """Rechecks compete with the device's own rounds, which otherwise leave them no time."""
        doubled = self.member.breaker.is_closed and self.member.quarantine.doubled
        return self._urgent if doubled else PROBE_PRIORITY

    @property
    def deadline_s(self) -> float:
        """Probes run in the order of their due times."""
        breaker, quarantine = self.member.breaker, self.member.quarantine
        if not breaker.is_closed:
            return breaker.retry_at_s
        if quarantine.doubled:  # its other answers prove nothing
            return max(self._asked_s, quarantine.counted_s) + RECHECK_S
        return self.member.used_s + RECHECK_S

    def ready_s(self, now_s: float) -> float:
        """When the breaker wants a probe, or when the device's own rounds are too far apart."""
        member = self.member
        if member.breaker.is_closed and not member.quarantine.twice:  # the usual case
            return math.inf
        return max(self.deadline_s, member.free_at_s(self.current(), now_s))

    def current(self) -> Transaction:
        """The device's cheapest transaction, or in turn those that it has answered twice."""
        self.is_over = False
        doubled = self.member.recheck_transactions if self.member.breaker.is_closed else []
        return doubled[self._turn % len(doubled)] if doubled else self.member.cheapest_transaction

    def on_reply(
        self, samples: Sequence[Sample], now_s: float, *, unsure_since_s: float | None = None
    ) -> None:
        """The device is alive; the values come with the round that follows."""
        del samples, unsure_since_s
        self._next(now_s)
        self.alive, self.is_over, self.wasted_s, self.fault = True, True, 0.0, None

    def on_fault(self, fault: DeviceFault, cost_s: float, now_s: float) -> None:
        """The device is not alive, unless it answered with a refusal."""
        self._next(now_s)
        self.alive, self.is_over, self.wasted_s = isinstance(fault, RequestRefused), True, cost_s
        self.fault = fault

    def _next(self, now_s: float) -> None:
        self._turn += 1
        self._asked_s = now_s

    @property
    def is_fruitful(self) -> bool:
        """True if the answer had values."""
        return self.alive and self.fault is None


class WriteJob:
    """A write and its proof; if the write gets no reply, reading back decides.

    `done` may be cancelled by its caller; the transaction is still completed.
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
        """As soon as the device may be asked; an open breaker does not delay a write."""
        return self.member.free_at_s(self._steps[0], now_s)

    def current(self) -> Transaction:
        """The write, then the read-back."""
        return self._steps[0]

    def on_reply(
        self, samples: Sequence[Sample], now_s: float, *, unsure_since_s: float | None = None
    ) -> None:
        # A person waits, and another reply is unlikely to show the written value.
        del unsure_since_s
        self.alive = True
        del self._steps[0]
        if samples:
            self._judge(self.member.readings(samples, now_s)[0])
        elif not self._steps:  # confirmed at most: the value was not read back
            self._resolve(self._unproved(now_s))

    def on_fault(self, fault: DeviceFault, cost_s: float, now_s: float) -> None:
        """A refusal is final; after anything else reading back decides, where that is possible."""
        del now_s
        self.alive = isinstance(fault, RequestRefused)
        self.wasted_s += cost_s
        self.fault = fault
        del self._steps[0]
        if self.alive or not self._steps:
            self.abandon(fault)

    @property
    def is_fruitful(self) -> bool:
        """True if the device kept the written value."""
        return self.alive and self.fault is None

    def abandon(self, error: DeviceFault | LineDown) -> None:
        """Fail the write with this reason."""
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
