"""Rate limits per sender. Pure: the caller passes the time, in seconds."""

from collections import OrderedDict

SOURCES_MAX = 256


class SourceRates:
    """A token bucket per sender; a new sender replaces the one that was silent for longest."""

    def __init__(self, *, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def charge(self, source: str, cost: float, now_s: float) -> float:
        """Charge the sender; returns 0 if it may go on, else the seconds until it could pay."""
        left, then_s = self._buckets.pop(source, (self._burst, now_s))
        left = min(self._burst, left + max(0.0, now_s - then_s) * self._per_s)
        wait_s = max(0.0, (cost - left) / self._per_s)
        self._buckets[source] = (left - cost if wait_s == 0 else left, now_s)
        if len(self._buckets) > SOURCES_MAX:
            self._buckets.popitem(last=False)
        return wait_s
