"""How long to wait after which fault: decorrelated jitter, in this one place.

Pure but for the random source that it is given; a week of back-off is a loop in a test.
"""

import random
from typing import NamedTuple

from gateway.errors import BadReceipt, PlatformUnreachable, UpstreamError

FIRST_S = 0.2
GROWTH = 3.0
RETRY_AFTER_SPREAD = 0.1  # a fleet that was told "in 30 s" must not come back in one instant


class RetryLimits(NamedTuple):
    """The longest wait after a fault of one kind, and the longest `Retry-After` that is obeyed."""

    cap_s: float
    retry_after_max_s: float


BULK = RetryLimits(cap_s=60.0, retry_after_max_s=300.0)
# An alarm is worth a connection attempt every few seconds, whatever the platform asks for.
URGENT = RetryLimits(cap_s=5.0, retry_after_max_s=10.0)

BUSY_CAP_S = 10.0  # 429 and 503 end soon: an election, a restart, a storm that passes
UNAUTHORISED = RetryLimits(cap_s=300.0, retry_after_max_s=300.0)
UNAUTHORISED_FIRST_S = 10.0  # hammering locks accounts; only a person can mend this


class RetryDelay:
    """The waits of one courier; `succeeded` starts again from the shortest."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._previous_s = 0.0

    def reset(self) -> None:
        """The road is open again."""
        self._previous_s = 0.0

    def delay_after(self, error: UpstreamError, patience: RetryLimits = BULK) -> float:
        """How long to wait before the next attempt."""
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
