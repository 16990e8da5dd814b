"""When to stop polling a device that does not answer, and when to probe it. Pure.

    CLOSED ──failures──► OPEN ──time──► PROBING ──answer──► CLOSED
       ▲                  ▲                │
       └──────answer──────┘◄─failure, line─┘

A test compares this drawing with the table below.
"""

import collections
import enum
import random

# Failed rounds in a row before the breaker opens: one lost frame does not mean a dead device.
TRIPS = 3

RETRY_MIN_S = 5.0
RETRY_MAX_S = 300.0
# Devices that failed together (a fuse) must not be probed together for ever.
JITTER = 0.2

WINDOW_S = 3600.0
# A dead device may waste this share of the bus in any hour.
WINDOW_SHARE = 0.02


class BreakerState(enum.Enum):
    """What the breaker lets through: everything, nothing, or one probe."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class BreakerEvent(enum.Enum):
    ANSWER = "answer"
    FAILURE = "failure"
    FAILURES = "failures"
    TIME = "time"
    LINE = "line"


TABLE: dict[tuple[BreakerState, BreakerEvent], BreakerState] = {
    (BreakerState.CLOSED, BreakerEvent.ANSWER): BreakerState.CLOSED,
    (BreakerState.CLOSED, BreakerEvent.FAILURE): BreakerState.CLOSED,
    (BreakerState.CLOSED, BreakerEvent.FAILURES): BreakerState.OPEN,
    (BreakerState.OPEN, BreakerEvent.TIME): BreakerState.PROBING,
    (BreakerState.OPEN, BreakerEvent.ANSWER): BreakerState.CLOSED,
    (BreakerState.PROBING, BreakerEvent.ANSWER): BreakerState.CLOSED,
    (BreakerState.PROBING, BreakerEvent.FAILURE): BreakerState.OPEN,
    (BreakerState.PROBING, BreakerEvent.LINE): BreakerState.OPEN,
}


class ProbeBudget:
    """Bus time wasted on one device during the last hour."""

    def __init__(self) -> None:
        self._spent: collections.deque[tuple[float, float]] = collections.deque()
        self._total_s = 0.0

    def spend(self, now_s: float, cost_s: float) -> None:
        """Record a failure that ends now and took `cost_s`."""
        self._forget(now_s)
        self._spent.append((now_s, cost_s))
        self._total_s += cost_s

    def affordable_at(self, now_s: float, cost_s: float) -> float:
        """When the next failure of that cost stays within the budget."""
        self._forget(now_s)
        room_s = WINDOW_S * WINDOW_SHARE - cost_s
        owed_s, when_s = self._total_s, now_s
        for at_s, spent_s in self._spent:
            if owed_s <= room_s:
                break
            owed_s -= spent_s
            when_s = at_s + WINDOW_S
        return when_s

    def _forget(self, now_s: float) -> None:
        while self._spent and self._spent[0][0] <= now_s - WINDOW_S:
            self._total_s -= self._spent.popleft()[1]


class Breaker:
    """One device's breaker. Instants are the loop's, in seconds."""

    def __init__(self, jitter: random.Random) -> None:
        self.condition = BreakerState.CLOSED
        self.retry_at_s = 0.0
        self._jitter = jitter
        self._budget = ProbeBudget()
        self._failures = 0
        self._reopened = 0
        self._last_cost_s = 0.0

    @property
    def is_closed(self) -> bool:
        """True while the device is polled as planned."""
        return self.condition is BreakerState.CLOSED

    def record_answer(self) -> None:
        """The device answered, whatever the content.

        This restores the whole budget: a repaired device must not wait for what it wasted while
        dead.
        """
        if self.is_closed and not self._failures:  # the usual case: nothing to reset
            return
        self._budget = ProbeBudget()
        self._failures = self._reopened = 0
        self._move(BreakerEvent.ANSWER)

    def record_failure(self, now_s: float, cost_s: float) -> None:
        """A round or probe failed and wasted `cost_s` of bus time."""
        self._budget.spend(now_s, cost_s)
        self._last_cost_s = cost_s
        self._failures += 1
        if self.condition is BreakerState.CLOSED and self._failures >= TRIPS:
            self._move(BreakerEvent.FAILURES)
        elif self.condition is not BreakerState.OPEN:
            self._move(BreakerEvent.FAILURE)
        if self.condition is BreakerState.OPEN:
            self._postpone(now_s, cost_s)

    def begin_probe(self) -> None:
        """A probe is sent; no effect on a closed breaker."""
        if not self.is_closed:
            self._move(BreakerEvent.TIME)

    def on_line_up(self, now_s: float) -> None:
        """The line is back: the silence may have been the line's, so probe as soon as allowed."""
        if self.condition is BreakerState.PROBING:
            self._move(BreakerEvent.LINE)
        if self.condition is BreakerState.OPEN:
            self.retry_at_s = self._budget.affordable_at(now_s, self._last_cost_s)

    def _move(self, sign: BreakerEvent) -> None:
        self.condition = TABLE[self.condition, sign]

    def _postpone(self, now_s: float, cost_s: float) -> None:
        back_off_s = min(RETRY_MIN_S * 2.0**self._reopened, RETRY_MAX_S)
        back_off_s *= self._jitter.uniform(1 - JITTER, 1 + JITTER)
        self._reopened = min(self._reopened + 1, 16)
        self.retry_at_s = max(now_s + back_off_s, self._budget.affordable_at(now_s, cost_s))
