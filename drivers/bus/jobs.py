"""What a bus carries out: rounds that recur, probes of silent devices, and what somebody asked.

Each job hands out one transaction at a time, so that a more urgent one may go between.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Protocol

import msgspec

from drivers.bus.member import Member
from drivers.bus.plan import Round
from drivers.contract import (
    DeviceFault,
    Garbled,
    LineDown,
    NotKept,
    PollResult,
    Quality,
    Reading,
    Refused,
    Sample,
)
from drivers.family import Transaction, WritePlan

WRITE_PRIORITY = 0
PROBE_PRIORITY = 8

BEAT_S = 1.0
"""Rounds of a second and more begin on a beat that all buses share: what they bring is stored and
sent together, and the machine sleeps in between."""

_MUTE_AT = 3
"""So often in a row a device that speaks is silent at a block before its parts are asked."""

_REUNITE_MIN, _REUNITE_MAX = 50, 6400
"""Rounds after which the block is tried again; doubled each time."""

_GRAIN = 1e-9
"""A due instant is a sum of floats and may fall just short of itself."""


class Job(Protocol):
    """One device's business on the wire."""

    member: Member
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

    def answered(
        self, samples: Sequence[Sample], now_s: float, *, unsure_since_s: float | None = None
    ) -> None:
        """The current transaction was answered; if unsure, perhaps by another's reply."""

    def failed(self, fault: DeviceFault, cost_s: float, now_s: float) -> None:
        """The current transaction failed and took the wire so long."""

    @property
    def over(self) -> bool:
        """True when nothing of it is left to be asked (this time)."""

    @property
    def fruitful(self) -> bool:
        """True if it brought what it was to bring."""


class Unsure(msgspec.Struct, frozen=True):
    """What a reply says that may have been another's; not to be believed before the echo time.

    What has come since `since_s`, when it was asked, may speak against it.
    """

    samples: Sequence[Sample]
    since_s: float
    at_s: float
    again: bool = False
    """Its counters puzzle: it was asked once more, and is only there to bear the second out."""


class _Divided(msgspec.Struct):
    """A block that was met with silence, what is asked instead, and when it is tried again."""

    whole: Transaction
    parts: list[Transaction]
    rounds: int = _REUNITE_MIN
    at: int = 0


class Poll:
    """One round, again and again on its own grid of instants.

    `phase` spreads the rounds of one bus; one of at least `beat_from_s` moves to the beat before.
    """

    def __init__(
        self,
        member: Member,
        planned: Round,
        start_s: float,
        phase: float,
        *,
        beat_from_s: float = BEAT_S,
    ) -> None:
        self.member = member
        self.priority = planned.priority
        self.period_s = planned.period_s
        self.due_s = start_s
        self.finished_s: float | None = None
        self.unsure: list[Unsure] = []
        self._transactions = list(planned.transactions)
        self._divided: list[_Divided] = []
        self._round = 0
        self._grid_s = start_s + phase * planned.period_s
        self._behind_beat_s = self._grid_s % BEAT_S if planned.period_s >= beat_from_s else 0.0
        self._grid_s -= self._behind_beat_s
        self._restart(start_s)

    def _restart(self, now_s: float) -> None:
        self._reunite()
        self._order = self.member.in_order(self._transactions, now_s)
        self._begun = False
        self._retried = False
        self._readings: list[Reading] = []
        self.unsure = []
        self.wasted_s = 0.0
        self.alive = False
        self.fault: DeviceFault | None = None

    @property
    def deadline_s(self) -> float:
        """When the following round is due; on one beat, one round ends before the next begins.

        Who was silent lets the others go first.
        """
        behind_s = self.period_s if self.member.patience.missed else 0.0
        return self.due_s + self.period_s + self._behind_beat_s + behind_s

    @property
    def over(self) -> bool:
        """True when every transaction has been answered or given up."""
        return not self._order

    def ready_s(self, now_s: float) -> float:
        """When it is due and the device may be asked; never while its breaker is open."""
        if not self.member.breaker.closed:
            return math.inf
        if self.due_s > now_s:
            return self.due_s
        free_s = self.member.free_at_s(self._order[0], now_s, going_on=self._begun)
        return max(self.due_s, free_s)

    def current(self) -> Transaction:
        """The next block of this round."""
        return self._order[0]

    def answered(
        self, samples: Sequence[Sample], now_s: float, *, unsure_since_s: float | None = None
    ) -> None:
        """The block's values are here; if one of its counters puzzles, it is asked once more.

        Unsure ones are no readings yet, and not shown to the counters before they are.
        """
        self.alive = self._begun = True
        counters, retried = self.member.counters, self._retried
        if unsure_since_s is None and retried and self.unsure and self.unsure[-1].again:
            unsure_since_s = self.unsure[-1].since_s  # what it bears out is not known yet
        if unsure_since_s is not None:
            again = not retried and counters.would_puzzle(samples, now_s)
            self.unsure.append(Unsure(samples, unsure_since_s, now_s, again=again))
        else:
            readings = self.member.readings(samples, now_s)
            again = not retried and counters.puzzled()
            self._readings += [] if again else readings
        if again:
            self._retried = True
            return
        self._next()

    def failed(self, fault: DeviceFault, cost_s: float, now_s: float) -> None:
        """Divide what was refused, repeat once what was garbled, give up what is silent."""
        transaction = self._order[0]
        if isinstance(fault, Refused):
            self.alive = True
            if fault.divisible and self._divide(transaction):
                return
        else:
            self.wasted_s += cost_s
            if self.member.silences(transaction) >= _MUTE_AT:
                self._learn_silence(transaction)
        if isinstance(fault, Garbled) and not self._retried:
            self._retried = True
            return
        self.fault = self.fault or fault
        given_up = 1 if isinstance(fault, Refused | Garbled) else len(self._order)
        for each in self._order[:given_up]:
            self._readings += self.member.lost(each, fault, now_s)
        del self._order[: given_up - 1]
        self._next()

    def result(self, now_s: float) -> PollResult:
        """The round as it ended; the next one is due on the grid."""
        readings = tuple(self._readings)
        took_ns = int((now_s - self.due_s) * 1e9)
        device, replaced = self.member.device.id, self.member.counters.replaced()
        result = PollResult(device, int(now_s * 1e9), took_ns, readings, self.fault, replaced)
        if self.finished_s is not None and self.alive:
            self.member.stats.period_s = now_s - self.finished_s
        self.finished_s = now_s
        self.member.stats.polls += 1
        self._rearm(now_s)
        return result

    @property
    def fruitful(self) -> bool:
        """True if at least one value could be used."""
        return bool(self.unsure) or any(each.value is not None for each in self._readings)

    def start_over(self, now_s: float) -> None:
        """The bus or the device is back: begin a fresh round now."""
        self.due_s = now_s
        self._restart(now_s)

    def _rearm(self, now_s: float) -> None:
        # The instant after the last one; of those already missed only the latest is made up for.
        rounds = max(self._rounds_by(self.due_s) + 1, self._rounds_by(now_s))
        self.due_s = self._grid_s + rounds * self.period_s
        self._restart(now_s)

    def _rounds_by(self, at_s: float) -> int:
        """How many instants of the grid have come by then; one that is due now counts."""
        return math.floor((at_s - self._grid_s) / self.period_s + _GRAIN)

    def _next(self) -> None:
        del self._order[0]
        self._retried = False

    def _divide(self, transaction: Transaction) -> bool:
        """Ask in smaller pieces from now on."""
        parts = _parts(transaction)
        if not parts:
            return False
        for order in (self._transactions, self._order):
            at = order.index(transaction)
            order[at : at + 1] = parts
        self.member.learn([transaction], parts)
        return True

    def _learn_silence(self, transaction: Transaction) -> None:
        """Silence that comes again and again, from a device that speaks, is a denial, too.

        It may have been the line after all: so the whole is tried again, ever more rarely.
        """
        again = next((each for each in self._divided if each.whole is transaction), None)
        parts = _parts(transaction) if again is None else again.parts
        if not parts:
            return
        if again is None:
            again = _Divided(transaction, parts)
            self._divided.append(again)
        again.rounds = min(2 * again.rounds, _REUNITE_MAX)
        again.at = self._round + again.rounds
        self._exchange([transaction], parts)

    def _reunite(self) -> None:
        self._round += 1
        for each in self._divided:
            if each.at == self._round and all(part in self._transactions for part in each.parts):
                self._exchange(each.parts, [each.whole])

    def _exchange(self, old: Sequence[Transaction], new: Sequence[Transaction]) -> None:
        """Other pieces of the same points, from the next round on."""
        at = self._transactions.index(old[0])
        kept = [each for each in self._transactions if each not in old]
        self._transactions = kept[:at] + list(new) + kept[at:]
        self.member.learn(old, new)


def _parts(transaction: Transaction) -> list[Transaction]:
    return list(transaction.divide()) if transaction.divide is not None else []


class Probe:
    """The cheapest question to a silent device, when its breaker allows one."""

    priority = PROBE_PRIORITY

    def __init__(self, member: Member) -> None:
        self.member = member
        self.alive = False
        self.over = False
        self.fault: DeviceFault | None = None
        self.wasted_s = 0.0

    @property
    def deadline_s(self) -> float:
        """Probes are served in the order of their time."""
        return self.member.breaker.retry_at_s

    def ready_s(self, now_s: float) -> float:
        """When the breaker wants to know."""
        if self.member.breaker.closed:
            return math.inf
        free_s = self.member.free_at_s(self.current(), now_s)
        return max(self.member.breaker.retry_at_s, free_s)

    def current(self) -> Transaction:
        """The cheapest transaction of the device."""
        self.over = False
        return self.member.cheapest

    def answered(
        self, samples: Sequence[Sample], now_s: float, *, unsure_since_s: float | None = None
    ) -> None:
        """It lives; the values come with the round that follows."""
        del samples, now_s, unsure_since_s
        self.alive, self.over, self.wasted_s, self.fault = True, True, 0.0, None

    def failed(self, fault: DeviceFault, cost_s: float, now_s: float) -> None:
        """It does not, unless even a refusal is a sign of life."""
        del now_s
        self.alive, self.over, self.wasted_s = isinstance(fault, Refused), True, cost_s
        self.fault = fault

    @property
    def fruitful(self) -> bool:
        """True if it was answered with values."""
        return self.alive and self.fault is None


class Write:
    """A write and its proof. Whether a write without a reply was carried out, reading back tells.

    `done` may be cancelled by whoever waits; the wire finishes all the same.
    """

    priority = WRITE_PRIORITY

    def __init__(self, member: Member, plan: WritePlan, now_s: float) -> None:
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
    def over(self) -> bool:
        """True when it is proved or has failed."""
        return not self._steps

    def ready_s(self, now_s: float) -> float:
        """As soon as the device may be asked; an open breaker does not stop a person."""
        return self.member.free_at_s(self._steps[0], now_s)

    def current(self) -> Transaction:
        """The write, then the reading back."""
        return self._steps[0]

    def answered(
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

    def failed(self, fault: DeviceFault, cost_s: float, now_s: float) -> None:
        """A refusal is final; anything else is settled by reading back, if that is possible."""
        del now_s
        self.alive = isinstance(fault, Refused)
        self.wasted_s += cost_s
        self.fault = fault
        del self._steps[0]
        if self.alive or not self._steps:
            self.abandon(fault)

    @property
    def fruitful(self) -> bool:
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
        self.fault = NotKept(
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
