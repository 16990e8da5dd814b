"""How often readings are sent. Pure.

A request and its receipt cost the same whatever they hold. While there are few, readings are sent
at once; above the rate they wait to be sent together.
"""

PER_S = 4.0
SAVED_MAX = 8.0


class BatchRateLimit:
    """A token bucket: `PER_S` batches a second, up to `SAVED_MAX` saved."""

    def __init__(self, now_ns: int) -> None:
        self._saved = SAVED_MAX
        self._at_ns = now_ns

    def wait_s(self, now_ns: int) -> float:
        """Count a batch that was sent; returns how long the next should wait for more entries."""
        gained = (now_ns - self._at_ns) / 1e9 * PER_S
        self._saved = max(min(self._saved + gained, SAVED_MAX) - 1.0, 0.0)
        self._at_ns = now_ns
        return max(1.0 - self._saved, 0.0) / PER_S
