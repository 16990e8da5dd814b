"""One device's round: its transactions one after the other, repeated on a grid of instants."""

import math
from collections.abc import Sequence

import msgspec

from drivers.bus.device import MUTE_AT, BusDevice
from drivers.bus.rounds import PollRound
from drivers.contract import (
    DeviceFault,
    GarbledReply,
    PollResult,
    Reading,
    RequestRefused,
    Sample,
    TargetDead,
)
from drivers.family import Transaction

# Rounds of a second and more begin on a beat that all buses share: their readings are stored and
# # sent together, and the machine sleeps in between.
BEAT_S = 1.0

# Rounds after which a divided block is tried whole again; doubled each time.
_REUNITE_MIN, _REUNITE_MAX = 50, 6400

# Tolerance for due instants, which are sums of floats.
_GRAIN = 1e-9


class DoubtfulReply(msgspec.Struct, frozen=True):
    """Samples that may belong to another request's reply; not trusted before the echo time.

    What arrived after `since_s`, the time of the request, may contradict it.
    """

    samples: Sequence[Sample]
    since_s: float
    at_s: float
    # Its counters were implausible: it was asked again, and only serves to confirm the second
    # reply.
    again: bool = False


class _DividedBlock(msgspec.Struct):
    """A block that was not answered, the transactions sent instead, and when it is tried again."""

    whole: Transaction
    parts: list[Transaction]
    rounds: int = _REUNITE_MIN
    at: int = 0


class PollJob:
    """One round, repeated on its own grid of instants.

    `phase` spreads the rounds of one bus; one of at least `beat_from_s` moves to the beat before.
    """

    def __init__(
        self,
        member: BusDevice,
        planned: PollRound,
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
        self.unsure: list[DoubtfulReply] = []
        self._transactions = list(planned.transactions)
        self._divided: list[_DividedBlock] = []
        self._clipped: set[bytes] = set()
        self._round = 0
        self._grid_s = start_s + phase * planned.period_s
        self._behind_beat_s = self._grid_s % BEAT_S if planned.period_s >= beat_from_s else 0.0
        self._grid_s -= self._behind_beat_s
        self._restart(start_s)

    def _restart(self, now_s: float) -> None:
        self._reunite()
        self._order = self.member.order_transactions(self._transactions, now_s)
        self._retried = False
        self._readings: list[Reading] = []
        self.unsure = []
        self.wasted_s = 0.0
        self.alive = False
        self.fault: DeviceFault | None = None

    @property
    def deadline_s(self) -> float:
        """When the following round is due. Rounds on the same beat run one after the other.

        A device that was silent goes last.
        """
        behind_s = self.period_s if self.member.patience.record_miss else 0.0
        return self.due_s + self.period_s + self._behind_beat_s + behind_s

    @property
    def is_over(self) -> bool:
        """True when every transaction was answered or given up."""
        return not self._order

    def ready_s(self, now_s: float) -> float:
        """When it is due and the device may be asked; never while its breaker is open."""
        if not self.member.breaker.is_closed:
            return math.inf
        if self.due_s > now_s:
            return self.due_s
        return max(self.due_s, self.member.free_at_s(self._order[0], now_s))

    def current(self) -> Transaction:
        return self._order[0]

    def on_reply(
        self, samples: Sequence[Sample], now_s: float, *, unsure_since_s: float | None = None
    ) -> None:
        """The samples of the current transaction; if a counter is implausible it is sent once more.

        Doubtful samples are not readings yet and not shown to the counters until they are
        confirmed.
        """
        self.alive = True
        self._clipped.discard(self._order[0].request)
        counters, retried = self.member.counters, self._retried
        if unsure_since_s is None and retried and self.unsure and self.unsure[-1].again:
            unsure_since_s = self.unsure[-1].since_s  # not known yet what it confirms
        if unsure_since_s is not None:
            again = not retried and counters.would_puzzle(samples, now_s)
            self.unsure.append(DoubtfulReply(samples, unsure_since_s, now_s, again=again))
        else:
            readings = self.member.readings(samples, now_s)
            again = not retried and counters.pop_puzzled()
            self._readings += [] if again else readings
        if again:
            self._retried = True
            return
        self._next()

    def on_fault(self, fault: DeviceFault, cost_s: float, now_s: float) -> None:
        """Divide what was refused, repeat what was garbled once, give up what was not answered.

        A lengthened transaction is sent at its own length after any fault but silence.
        """
        transaction = self._order[0]
        if isinstance(fault, RequestRefused):
            self.alive = True
            if (fault.divisible or transaction.lengthened) and self._divide(transaction):
                return
        else:
            self.wasted_s += cost_s
            if self.member.silence_count(transaction) >= MUTE_AT:
                self._learn_silence(transaction)
            if transaction.lengthened and self._beyond(transaction, fault):
                self._divide(transaction)
                return
        if isinstance(fault, GarbledReply) and not self._retried:
            self._retried = True
            return
        self.fault = self.fault or fault
        given_up = 1 if isinstance(fault, RequestRefused | GarbledReply) else len(self._order)
        for each in self._order[:given_up]:
            self._readings += self.member.fault_readings(each, fault, now_s)
        del self._order[: given_up - 1]
        self._next()

    def result(self, now_s: float) -> PollResult:
        """The completed round; the next one is due on the grid."""
        readings = tuple(self._readings)
        took_ns = int((now_s - self.due_s) * 1e9)
        device, replaced = self.member.device.id, self.member.counters.pop_replacements()
        result = PollResult(device, int(now_s * 1e9), took_ns, readings, self.fault, replaced)
        if self.finished_s is not None and self.alive:
            self.member.stats.period_s = now_s - self.finished_s
        self.finished_s = now_s
        self.member.stats.polls += 1
        self._rearm(now_s)
        return result

    @property
    def is_fruitful(self) -> bool:
        """True if at least one value is usable."""
        return bool(self.unsure) or any(each.value is not None for each in self._readings)

    def start_over(self, now_s: float) -> None:
        """The bus or the device is back: start a new round now."""
        self.due_s = now_s
        self._restart(now_s)

    def _rearm(self, now_s: float) -> None:
        # The next instant of the grid; of several missed ones only the latest is made up for.
        rounds = max(self._rounds_by(self.due_s) + 1, self._rounds_by(now_s))
        self.due_s = self._grid_s + rounds * self.period_s
        if (
            self.period_s >= self.member.echo_s
        ):  # an echo could answer the round that is made up for
            self.due_s = max(self.due_s, now_s + self.member.echo_s)
        self._restart(now_s)

    def _rounds_by(self, at_s: float) -> int:
        """How many instants of the grid have passed, one that is due now included."""
        return math.floor((at_s - self._grid_s) / self.period_s + _GRAIN)

    def _next(self) -> None:
        del self._order[0]
        self._retried = False

    def _divide(self, transaction: Transaction) -> bool:
        """Send smaller transactions from now on."""
        again = self._again(transaction)
        parts = _parts(transaction) if again is None else again.parts
        if not parts:
            return False
        at = self._order.index(transaction)
        self._order[at : at + 1] = parts
        if again is not None:
            self._divided.remove(again)
        if transaction in self._transactions:  # otherwise its silence was recorded just now
            self._exchange([transaction], parts)
        return True

    def _beyond(self, transaction: Transaction, fault: DeviceFault) -> bool:
        """Whether the device seems unable to send the longer reply.

        A gateway may say so itself, and a device may cut its reply short: then there is no reply,
        but twice one of the length that the points need, or bytes that are no reply.
        """
        if isinstance(fault, TargetDead):
            return True
        if isinstance(fault, GarbledReply):
            return self._retried
        needed = _parts(transaction)[0].expect
        if needed is None or needed.find(self.member.beside, final=True) is None:
            return False
        again = transaction.request in self._clipped
        self._clipped.add(transaction.request)
        return again

    def _learn_silence(self, transaction: Transaction) -> None:
        """Repeated silence, from a device that answers other requests, counts as a refusal.

        It may have been the line after all, so the whole block is tried again, ever more rarely.
        """
        if transaction not in self._transactions:  # garbled, then repeated
            return
        again = self._again(transaction)
        parts = _parts(transaction) if again is None else again.parts
        if not parts:
            return
        if again is None:
            again = _DividedBlock(transaction, parts)
            self._divided.append(again)
        again.rounds = min(2 * again.rounds, _REUNITE_MAX)
        again.at = self._round + again.rounds
        self._exchange([transaction], parts)

    def _again(self, whole: Transaction) -> _DividedBlock | None:
        return next((each for each in self._divided if each.whole is whole), None)

    def _reunite(self) -> None:
        self._round += 1
        for each in self._divided:
            if each.at == self._round and all(part in self._transactions for part in each.parts):
                self._exchange(each.parts, [each.whole])

    def _exchange(self, old: Sequence[Transaction], new: Sequence[Transaction]) -> None:
        """Read the same points by other transactions from the next round on."""
        at = self._transactions.index(old[0])
        kept = [each for each in self._transactions if each not in old]
        self._transactions = kept[:at] + list(new) + kept[at:]
        self.member.replace_transactions(old, new)


def _parts(transaction: Transaction) -> list[Transaction]:
    return list(transaction.divide()) if transaction.divide is not None else []
