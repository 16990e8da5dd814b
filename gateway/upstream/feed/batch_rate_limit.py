"""How often readings travel. Pure.

A request and its receipt cost the same whatever they hold. As long as few are made, readings go at
once; a station that would make more of them a second lets readings wait for company instead.
"""

PER_S = 4.0
SAVED_MAX = 8.0


class BatchRateLimit:
    """Batches that may travel now: so many a second, a few of them saved up."""

    def __init__(self, now_ns: int) -> None:
        self._saved = SAVED_MAX
        self._at_ns = now_ns

    def wait_s(self, now_ns: int) -> float:
        """A batch has travelled; how long the next one may wait for company."""
        gained = (now_ns - self._at_ns) / 1e9 * PER_S
        self._saved = max(min(self._saved + gained, SAVED_MAX) - 1.0, 0.0)
        self._at_ns = now_ns
        return max(1.0 - self._saved, 0.0) / PER_S
