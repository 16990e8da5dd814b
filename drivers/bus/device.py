"""One device on a polled bus: everything the bus remembers of it."""

import math
import random
from collections.abc import Iterable, Sequence
from typing import Any

from drivers.bus.adaptive_timeout import FIRST_S, AdaptiveTimeout
from drivers.bus.alarm_latency import ALARM_PRIORITY, LOST_WINDOW_S
from drivers.bus.breaker import WINDOW_SHARE, Breaker
from drivers.bus.link import ReceivedReply
from drivers.bus.quarantine import ECHO_S, OVERTAKEN_S, Quarantine, late_window_s
from drivers.bus.rounds import PollRound, transaction_cost_s
from drivers.bus.stats import DeviceStats
from drivers.contract import (
    Device,
    DeviceChange,
    DeviceFault,
    DeviceState,
    GarbledReply,
    NoReply,
    Reading,
    RequestRefused,
    Sample,
)
from drivers.counters import Counters
from drivers.family import Expect, Framing, PolledDriver, Transaction, WireCost
from drivers.serial_line import SerialLine

# Text code: two devices have the same address, or one answers twice.
TWO_ANSWERS = "bus.two-answers"

# Unanswered requests for a block in a row, by a device that answers others, before it is divided.
MUTE_AT = 3

# Largest share of the line that is kept free for surplus replies of one device.
_LISTENING_SHARE = 0.1

# Up to so many stray bytes beside a reply are line noise or a switching transceiver.
_LITTER_MIN = 5

# Rounds in a row that are answered without any value before a device counts as faulty.
_BARREN_ROUNDS = 3


class BusDevice:
    """A device with its breaker, quarantine, adaptive timeout, counters and statistics."""

    def __init__(
        self,
        device: Device,
        *,
        driver: PolledDriver,
        line: SerialLine,
        wire: WireCost,
        rounds: Sequence[PollRound],
        jitter: random.Random,
        cap_s: float = math.inf,
    ) -> None:
        self.device = device
        self.driver = driver
        self.line = line
        self.wire = wire
        self.rounds = rounds
        self.breaker = Breaker(jitter)
        self._asked = [each for one in rounds for each in one.transactions]
        longest = max((each.reply_bytes for each in self._asked), default=0)
        # With MBAP headers a late reply is dropped, and its response time is unknown.
        first_s = FIRST_S if wire.framing is Framing.STREAM else math.inf
        self.patience = AdaptiveTimeout(
            device.timeout_s, cap_s, reply_s=longest * wire.char_s, first_s=first_s
        )
        self.quarantine = Quarantine(late_window_s(device.timeout_s))
        self.quarantine.regular = frozenset(each.request for each in self._asked)
        self.counters = Counters()
        self.stats = DeviceStats(timeout_s=device.timeout_s)
        self.state = DeviceState.WAIT
        self.asked: Expect | None = None
        self.beside = b""
        self.used_s = -math.inf
        self._pause_until_s = 0.0
        self._barren = 0
        self._cap_s = cap_s
        self._urgent = any(one.priority <= ALARM_PRIORITY for one in rounds)
        self._streams = wire.framing is Framing.STREAM
        self._silences: dict[bytes, int] = {}
        self._silent_on: bytes | None = None
        self._spoke = False
        self._late_s: float | None = None
        self._doubtful = False
        self._uneasy_until_s = -math.inf

    @property
    def cheapest_transaction(self) -> Transaction:
        """What a probe sends: if possible not what the device has left unanswered."""

        def key(each: Transaction) -> tuple[int, bool, float]:
            last = each.request == self._silent_on
            return self.silence_count(each), last, transaction_cost_s(each, self.wire)

        return min(self._asked, key=key)

    @property
    def recheck_transactions(self) -> list[Transaction]:
        """What a probe sends to a device that answers twice: the requests it has answered twice."""
        return [each for each in self._asked if each.request in self.quarantine.doubled]

    @property
    def timeout_s(self) -> float:
        """Timeout of its next reply."""
        return self.patience.timeout_s if self.breaker.is_closed else self.patience.probe_s

    def replace_transactions(self, old: Iterable[Transaction], new: Iterable[Transaction]) -> None:
        """These points are read by other transactions from now on."""
        gone = {id(each): each.request for each in old}
        self._asked = [each for each in self._asked if id(each) not in gone] + list(new)
        self.quarantine.regular = frozenset(each.request for each in self._asked)
        self.quarantine.replan(gone.values(), [each.request for each in new])

    @property
    def listening_s(self) -> float:
        """How long the line stays free after its replies, against a twin's late reply."""
        twice = self.quarantine.twice and math.isinf(self._cap_s)
        return self.quarantine.echo_s if twice else 0.0

    def silence_count(self, transaction: Transaction) -> int:
        """How often in a row the device left this unanswered while it answered others."""
        return self._silences.get(transaction.request, 0)

    def order_transactions(
        self, transactions: Sequence[Transaction], now_s: float
    ) -> list[Transaction]:
        """The order in a round: first what was answered last time, then what was not.

        A device that ignores one block so still delivers the others; and a request whose reply
        could be mistaken for a missing one waits until that has been repeated once.
        """
        if not self._silences and self._silent_on is None and not self.quarantine.owes:
            return list(transactions)  # the usual case

        def key(each: Transaction) -> tuple[int, int]:
            silences = self.silence_count(each)
            if silences > 1:
                return 3, silences
            if each.request == self._silent_on:
                return 1, 0
            return 2 * self.quarantine.can_be_mistaken(each, now_s), 0

        return sorted(transactions, key=key)

    def free_at_s(self, transaction: Transaction, now_s: float) -> float:
        """When this may be sent: after the late window, the device's pause and any doubt."""
        if not self._streams:  # transaction ids tell replies apart
            return self._pause_until_s
        return max(self.quarantine.free_at_s(transaction, now_s), self._pause_until_s)

    def believes_refusal(self, transaction: Transaction, now_s: float) -> bool:
        """Whether a refusal received now can only belong to this transaction."""
        return not self.quarantine.doubts_refusals(transaction, now_s)

    @property
    def echo_s(self) -> float:
        """How long after a reply its repetition, or a twin's reply, may follow."""
        return self.quarantine.echo_s if self._streams else 0.0

    @property
    def is_unsure(self) -> bool:
        """Whether a reply may belong to another request, until an echo time has passed."""
        return self._streams and self.quarantine.is_unsure

    @property
    def is_doubtful(self) -> bool:
        """The same for a reply that has arrived, judged also by the way it came.

        It is doubtful if stray bytes of at least half its length came with it, or if it is later
        than usual: the device's own reply may be those bytes, or still to come, and this one a
        twin's.
        """
        return self._doubtful or self.is_unsure

    def begin_request(self) -> None:
        """A request begins; its reply may come in several pieces."""
        self._doubtful = False
        self.beside = b""

    def record_reply(
        self, transaction: Transaction, reply: ReceivedReply, began_s: float, now_s: float
    ) -> None:
        """A reply came, whatever its content."""
        unusual = self.patience.is_unusual(reply.rtt_s) and not self._urgent
        self.stats.record_reply(reply.rtt_s)
        self.patience.record_reply(reply.rtt_s)
        if not self.patience.is_beyond:
            self._late_s = None
        self._spoke = True
        if self._silences:
            self._silences.pop(transaction.request, None)
        if transaction.request == self._silent_on:
            self._silent_on = None
        if self._streams:
            self.quarantine.echo_s = ECHO_S + self.patience.answers_s
            self.quarantine.record_answer(transaction, reply.frame, began_s, now_s)
            # This may be the true reply, spoilt by the other one.
            if 2 * reply.litter >= len(reply.frame):
                self.quarantine.record_noise(now_s)
            if unusual:  # the device's own reply may be as late as one that was overtaken
                self._uneasy_until_s = now_s + OVERTAKEN_S
                self.quarantine.distrust()
            littered = reply.litter >= max(len(reply.frame) / 2, _LITTER_MIN)
            self._doubtful |= littered or now_s < self._uneasy_until_s

    def record_use(self, began_s: float, now_s: float) -> None:
        """A transaction with this device used the wire."""
        took_s = now_s - began_s
        self.used_s = now_s
        self.stats.transactions += 1
        self.stats.busy_s += took_s
        pause_s = self.device.limits.pause_ms / 1000
        if self.patience.is_beyond and took_s > self.device.timeout_s:
            pause_s = max(pause_s, took_s / WINDOW_SHARE)
        if self.quarantine.twice:
            pause_s = max(pause_s, self.listening_s / _LISTENING_SHARE)
        self._pause_until_s = now_s + pause_s

    def record_fault(self, transaction: Transaction, fault: DeviceFault, cost_s: float) -> None:
        """A transaction failed."""
        self.stats.record_fault(fault)
        if isinstance(fault, NoReply):
            self.patience.record_timeout()
            self._silent_on = transaction.request
            if self._spoke:
                self._silences[transaction.request] = self.silence_count(transaction) + 1
            self._spoke = False
            if self.silence_count(transaction) >= MUTE_AT:
                self.quarantine.replan([transaction.request], [])
        if isinstance(fault, RequestRefused):
            self.quarantine.record_refusal(transaction)
        else:
            self.stats.wasted_s += cost_s

    def record_unanswered(
        self, transaction: Transaction, fault: DeviceFault, began_s: float, now_s: float
    ) -> None:
        """The request has no reply; it may still come, unless it came and was spoilt."""
        heard = fault.data.get("heard", 0) if isinstance(fault, GarbledReply) else 0
        expect = transaction.expect
        if expect is not None and 0 < transaction.reply_bytes <= heard <= expect.limit:
            self.quarantine.record_noise(now_s)
        else:
            self.record_abandoned(transaction, began_s, now_s)

    def record_abandoned(self, transaction: Transaction, began_s: float, now_s: float) -> None:
        """A transaction ended without its reply, which may still come."""
        if self._streams:
            window_s = LOST_WINDOW_S if self._urgent and self.patience.is_swift else None
            self.quarantine.record_failure(transaction, began_s, now_s, window_s=window_s)

    def filter_stray(self, heard: bytes, now_s: float) -> bytes:
        """Stray bytes without the complete surplus replies of this device."""
        for expect in self.quarantine.kins:
            while (place := expect.find(heard, final=True)) is not None:
                frame = heard[slice(*place)]
                if self._awaits(frame, expect):
                    break
                heard = heard[: place[0]] + heard[place[1] :]
                if self.asked is not None:
                    self.beside = frame
                rtt_s = self.quarantine.match_surplus(expect.kin, frame, now_s)
                if rtt_s is None:
                    self.stats.surplus += 1
                else:
                    self.stats.late += 1
                    self._late_s = rtt_s
                    self.patience.record_late(rtt_s)
        return heard

    def _awaits(self, frame: bytes, found_by: Expect) -> bool:
        """Whether the frame looks like the reply to the pending request."""
        asked = self.asked
        return (
            asked is not None
            and asked.kin == found_by.kin
            and asked.find(frame, final=True) is not None
        )

    def surplus_changed(self) -> bool:
        """True once when surplus replies begin, and once when they have stopped."""
        twice = self.quarantine.twice
        if twice == (self.stats.code == TWO_ANSWERS):
            return False
        self.stats.code = TWO_ANSWERS if twice else None
        return True

    def end_round(self, *, answered: bool, fruitful: bool, fault: DeviceFault | None) -> bool:
        """Evaluate the device after a round or probe; True if its state changed."""
        self.stats.timeout_s = self.patience.timeout_s
        self._barren = 0 if fruitful or not answered else self._barren + 1
        before = self.state
        if not self.breaker.is_closed:
            if before not in {DeviceState.SILENT, DeviceState.FAULTY}:
                noisy = isinstance(fault, GarbledReply)
                self.state = DeviceState.FAULTY if noisy else DeviceState.SILENT
        elif self._barren >= _BARREN_ROUNDS:
            self.state = DeviceState.FAULTY
        elif fruitful:
            self.state = DeviceState.OK
        self.stats.state = self.state
        return self.state is not before

    def state_change(self, fault: DeviceFault | None, at_s: float) -> DeviceChange:
        """The device's present state and its reason, as a change to report."""
        code: str | None = None
        data: dict[str, Any] = {}
        if self.stats.code == TWO_ANSWERS:
            code = TWO_ANSWERS
        elif self._late_s is not None and (
            self.state is DeviceState.SILENT or self.patience.is_beyond
        ):
            # It is slow, not dead: the remedy is a longer timeout_s, not a visit.
            code = "bus.late-reply"
            data = {"took_s": round(self._late_s, 2), "waited_s": self.device.timeout_s}
        elif fault is not None and self.state is not DeviceState.OK:
            code, data = fault.code, fault.data
        return DeviceChange(self.device.id, self.state, int(at_s * 1e9), code, dict(data))

    def readings(self, samples: Iterable[Sample], at_s: float) -> list[Reading]:
        """The samples as readings, their counters checked."""
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

    def doubtful_readings(self, samples: Iterable[Sample], at_s: float) -> list[Reading]:
        """Readings of points whose reply may belong to another request."""
        at_ns, quality = int(at_s * 1e9), GarbledReply.quality
        device = self.device.id
        return [
            Reading(device, each.point.id, None, each.point.unit, quality, at_ns)
            for each in samples
        ]

    def fault_readings(
        self, transaction: Transaction, fault: DeviceFault, at_s: float
    ) -> list[Reading]:
        """Readings without values of points that could not be read."""
        at_ns, quality = int(at_s * 1e9), fault.quality
        return [
            Reading(self.device.id, point.id, None, point.unit, quality, at_ns)
            for point in transaction.points
        ]
