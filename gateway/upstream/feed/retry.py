"""The delay after each kind of failure: decorrelated jitter, decided here alone.

Pure but for the random source; a test runs a week of back-off in a loop.
"""

import random
from typing import NamedTuple

from gateway.errors import BadReceipt, PlatformUnreachable, UpstreamError

FIRST_S = 0.2
GROWTH = 3.0
RETRY_AFTER_SPREAD = 0.1  # a fleet told "in 30 s" must not return at once


class RetryLimits(NamedTuple):
    """The longest delay, and the longest `Retry-After` that is obeyed."""

    cap_s: float
    retry_after_max_s: float


BULK = RetryLimits(cap_s=60.0, retry_after_max_s=300.0)
# With an alarm waiting, an attempt every few seconds, whatever the platform asks for.
URGENT = RetryLimits(cap_s=5.0, retry_after_max_s=10.0)

BUSY_CAP_S = 10.0  # 429 and 503 end soon: an election, a restart, a burst of load
UNAUTHORISED = RetryLimits(cap_s=300.0, retry_after_max_s=300.0)
UNAUTHORISED_FIRST_S = 10.0  # repeated attempts lock accounts; only a person can fix it


class RetryDelay:
    """The delays of one lane sender or poll; `reset` starts again from the shortest."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._previous_s = 0.0

    def reset(self) -> None:
        """An attempt succeeded: start again from the shortest delay."""
        self._previous_s = 0.0

    def delay_after(self, error: UpstreamError, patience: RetryLimits = BULK) -> float:
        """The delay before the next attempt, in seconds."""
        told_s = error.data.get("retry_after_s")
        if told_s is not None:
            least_s = min(max(float(told_s), FIRST_S), patience.retry_after_max_s)
            return least_s * self._rng.uniform(1.0, 1.0 + RETRY_AFTER_SPREAD)
        first_s, cap_s = _bounds(error, patience)
        longest_s = max(first_s, self._previous_s * GROWTH)
        self._previous_s = min(cap_s, self._rng.uniform(first_s, longest_s))
        return self._previous_s


def _bounds(error: UpstreamError, patience: RetryLimits) -> tuple[float, float]:
    status = error.data.get("status")
    if status in (401, 403):
        return UNAUTHORISED_FIRST_S, UNAUTHORISED.cap_s
    if isinstance(error, PlatformUnreachable) and status in (429, 503):
        return FIRST_S, min(BUSY_CAP_S, patience.cap_s)
    if isinstance(error, BadReceipt):
        return 1.0, max(patience.cap_s, 1.0)
    return FIRST_S, patience.cap_s
