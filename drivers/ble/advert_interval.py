"""How often a sensor speaks, and so when its silence means something. Pure."""

import collections

# Silent for so many times its usual interval is silent.
PATIENCE = 3

_GAPS = 8
# Adverts are lost in crowds; no sensor is missed sooner than three times this.
_LEARNT_MIN_S = 10.0


class AdvertInterval:
    """The usual interval of one sensor: as declared, then as heard.

    It is the longest of the last eight gaps, and never longer than declared. An `eventful` sensor
    speaks when something happens: a busy morning must not make its quiet night look like death,
    so nothing is learnt from it.
    """

    def __init__(self, declared_s: float, *, eventful: bool) -> None:
        self._declared_s = declared_s
        self._least_s = declared_s if eventful else min(declared_s, _LEARNT_MIN_S)
        self._gaps: collections.deque[float] = collections.deque(maxlen=_GAPS)
        self._last_s: float | None = None

    @property
    def usual_s(self) -> float:
        """The interval that is usual now."""
        if len(self._gaps) < _GAPS:
            return self._declared_s
        return min(max(*self._gaps, self._least_s), self._declared_s)

    @property
    def silent_after_s(self) -> float:
        """How long it may be silent."""
        return PATIENCE * self.usual_s

    def record_message(self, now_s: float) -> None:
        """Something new was heard."""
        if self._last_s is not None:
            self._gaps.append(now_s - self._last_s)
        self._last_s = now_s

    def skip_gap(self) -> None:
        """It was silent, or we were deaf: the gap that ends next says nothing."""
        self._last_s = None
