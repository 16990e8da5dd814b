"""What a link carries: bytes a batch, batches in flight, and time-outs. Pure: times are arguments.

A request takes a base time, whatever it holds (`base`: round trip, headers, the platform's own
time), and then as long as the link needs for its bytes. The base is the least time that a request
with at most one event took in the last minutes; the rate is the bytes carried in the time beyond
it. Where bytes cost no time, the platform is the bottleneck, and more than one batch may be in
flight.
"""

from collections.abc import Callable

from gateway.upstream.uplinks.contract import BATCH_BYTES_MAX

# Seconds of link time that the batches in flight may fill together.
TARGET_S = 3.0

# How long a platform may take to answer, beyond the transmission of the batch.
ANSWER_S = 20.0

PATIENCE = 3.0  # times the estimated transmission time, for the rate is an estimate
RATE_FIRST = 2_700.0
RATE_MIN = 64.0
RATE_MAX = 10_000_000.0
# Bytes a second; on a slower link one full batch would delay an alarm by seconds.
SLOW_BELOW = 16_000.0

# With answers quicker than this, one batch at a time catches up.
QUICK_S = 0.5

FLIGHTS_MAX = 4
RATIO_FIRST = 3.0
_TELLING = 4  # a batch below a quarter of the limit says little about the link
_STEP_MAX = 4.0
_ROUNDING = 0.7
_LOOK_FROM_S = 1.0
_RATIO_SMOOTHING = 0.3
_TINY_BYTES = 1_024
_REMEMBERED_NS = 300_000_000_000
_LEAST_S = 0.001


class UplinkThroughput:
    """The estimates for one link, from its batches; `payload` is in compressed bytes.

    `raw`: bytes of the entries before compression, which are all that the batch source can count.
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
        """A batch was answered, with `beside` others in flight for a part of that time.

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
        if full and took_s >= QUICK_S:  # larger batches are impossible: send more at once
            self.flights = min(max(int(self._limit / payload + _ROUNDING), 1), FLIGHTS_MAX)
        elif full or telling:
            self.flights = 1

    def _look(self, took_s: float) -> None:
        # A platform may answer an empty batch at once and yet be slow with a single event: where
        # that matters, an event is sent alone now and then to measure it.
        self._alone = False
        now_ns = self._now_ns()
        if took_s >= _LOOK_FROM_S and self._single.least is None and now_ns >= self._look_ns:
            self._alone = True
            self._look_ns = now_ns + _REMEMBERED_NS

    def on_stalled(self, raw: int) -> None:
        """No answer came in time: halve the batch, unless it was tiny."""
        self._slower(raw, TARGET_S)

    def on_preempted(self, raw: int, took_s: float) -> None:
        """A batch was cancelled after `took_s` to let an alarm pass."""
        self._slower(raw, max(took_s, _LEAST_S) / 2)

    def _slower(self, raw: int, seconds: float) -> None:
        self.flights = 1
        payload = raw / self._ratio
        if payload > _TINY_BYTES or payload >= self._limit / _TELLING:
            self._set(min(self.rate, payload / seconds) / 2)

    @property
    def base_s(self) -> float:
        """The time that a request takes whatever it carries, in seconds."""
        single, empty = self._single.least, self._empty.least
        return single if single is not None else empty or 0.0

    @property
    def raw_max(self) -> int:
        """The bytes of entries that the next batch may have; its first entry always fits."""
        if self._alone:
            return 0
        return int(min(self._limit * self._ratio, BATCH_BYTES_MAX))

    @property
    def slow(self) -> bool:
        """Whether bulk on this link would delay an alarm noticeably."""
        return self.rate < SLOW_BELOW

    def wire_s(self, payload: int) -> float:
        """The transmission time of that many bytes, in seconds."""
        return payload / self.rate

    def answer_s(self, raw: int) -> float:
        """The time-out for the answer to a batch of that many bytes of entries, in seconds."""
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
