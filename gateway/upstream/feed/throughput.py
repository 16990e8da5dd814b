"""What a road carries: how large a batch, how many at once, and how long to wait for an answer.

A request takes what it takes with next to nothing in it (`base`: the round trip, the headers, the
platform's own time), and then as long as the wire needs for its bytes. The base is the least time
that a request without or with a single event has taken of late; the rate is what was carried in
the time beyond it. Where bytes cost no time, the platform is the slow one: then more than one
batch may be under way. Pure: times are handed in.
"""

from collections.abc import Callable

from gateway.upstream.uplinks.contract import BATCH_BYTES_MAX

# So much of the wire's time are the batches worth that are under way together.
TARGET_S = 3.0

# A platform may take so long to answer, beyond the time that a batch needs on the wire.
ANSWER_S = 20.0

PATIENCE = 3.0  # a batch may need so many times its time on the wire: the rate is an estimate
RATE_FIRST = 2_700.0
RATE_MIN = 64.0
RATE_MAX = 10_000_000.0
# Bytes a second; on a slower wire one full batch would hold up an alarm for seconds.
SLOW_BELOW = 16_000.0

# Answers that come sooner are caught up with one batch at a time.
QUICK_S = 0.5

FLIGHTS_MAX = 4
RATIO_FIRST = 3.0
_TELLING = 4  # a batch below a quarter of the limit says little of the wire, if it had been free
_STEP_MAX = 4.0
_ROUNDING = 0.7
_LOOK_FROM_S = 1.0
_RATIO_SMOOTHING = 0.3
_TINY_BYTES = 1_024
_REMEMBERED_NS = 300_000_000_000
_LEAST_S = 0.001


class UplinkThroughput:
    """One road's figures, from the batches that were carried; bytes are packed ones (`payload`).

    `raw` are the bytes of the entries before they are packed: the loader can only count those.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.rate = RATE_FIRST
        self.flights = 1
        self._now_ns = now_ns
        self._alone = False
        self._look_ns = now_ns()
        self._ratio = RATIO_FIRST
        self._single = _Least(now_ns)
        self._empty = _Least(now_ns)

    def on_landed(
        self, *, entries: int, full: bool, raw: int, payload: int, took_s: float, beside: int
    ) -> None:
        """A batch was answered, with `beside` others under way for a part of that time.

        `full`: it had as many entries as a batch may have.
        """
        if not entries:
            self._empty.note(took_s)
            return
        if entries == 1 and payload <= _TINY_BYTES:
            self._single.note(took_s)
        telling = payload >= self._limit / _TELLING or (raw >= self.raw_max / 2 > 0)
        self._look(took_s)
        if telling:
            self._ratio += _RATIO_SMOOTHING * (raw / payload - self._ratio)
            wire_s = max(took_s - self.base_s, _LEAST_S)
            carried = payload * (1 + beside) / wire_s
            step = min(max(carried / self.rate, 1 / _STEP_MAX), _STEP_MAX)
            self._set(self.rate * step**0.5)
        if full and took_s >= QUICK_S:  # a batch cannot carry more, and waits for its answer
            self.flights = min(max(int(self._limit / payload + _ROUNDING), 1), FLIGHTS_MAX)
        elif full or telling:
            self.flights = 1

    def _look(self, took_s: float) -> None:
        # A platform may answer an empty batch at once, and yet take its time over a single event:
        # where that makes a difference, one is sent alone now and then.
        self._alone = False
        now_ns = self._now_ns()
        if took_s >= _LOOK_FROM_S and self._single.least is None and now_ns >= self._look_ns:
            self._alone = True
            self._look_ns = now_ns + _REMEMBERED_NS

    def on_stalled(self, raw: int) -> None:
        """No answer came in time: half of it next time, unless it was next to nothing."""
        self._slower(raw, TARGET_S)

    def on_preempted(self, raw: int, took_s: float) -> None:
        """A batch was still under way after that time, which an alarm needed."""
        self._slower(raw, max(took_s, _LEAST_S) / 2)

    def _slower(self, raw: int, seconds: float) -> None:
        self.flights = 1
        payload = raw / self._ratio
        if payload > _TINY_BYTES or payload >= self._limit / _TELLING:
            self._set(min(self.rate, payload / seconds) / 2)

    @property
    def base_s(self) -> float:
        """What a request takes whatever it carries."""
        single, empty = self._single.least, self._empty.least
        return single if single is not None else empty or 0.0

    @property
    def raw_max(self) -> int:
        """How many bytes of entries the next batch may have, beside the first."""
        if self._alone:
            return 0
        return int(min(self._limit * self._ratio, BATCH_BYTES_MAX))

    @property
    def slow(self) -> bool:
        """Whether bulk on this wire would be felt by an alarm."""
        return self.rate < SLOW_BELOW

    def wire_s(self, payload: int) -> float:
        """How long the wire is busy with so many bytes."""
        return payload / self.rate

    def answer_s(self, raw: int) -> float:
        """How long to wait for the answer to a batch of so many bytes of entries."""
        return ANSWER_S + PATIENCE * raw / self._ratio / self.rate

    @property
    def _limit(self) -> float:
        return self.rate * TARGET_S

    def _set(self, rate: float) -> None:
        self.rate = min(max(rate, RATE_MIN), RATE_MAX)


class _Least:
    """The least value of the last five to ten minutes."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._since_ns = now_ns()
        self._former: float | None = None
        self._present: float | None = None

    def note(self, value: float) -> None:
        self._turn()
        self._present = value if self._present is None else min(value, self._present)

    @property
    def least(self) -> float | None:
        self._turn()
        known = [value for value in (self._former, self._present) if value is not None]
        return min(known, default=None)

    def _turn(self) -> None:
        age_ns = self._now_ns() - self._since_ns
        if age_ns >= _REMEMBERED_NS:
            self._former = self._present if age_ns < 2 * _REMEMBERED_NS else None
            self._present = None
            self._since_ns = self._now_ns()
