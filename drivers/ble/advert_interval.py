"""How often a sensor sends, and so when its silence means something. Pure."""

import collections

# A sensor counts as silent after this many of its usual intervals.
PATIENCE = 3

_GAPS = 8
# Adverts are lost in crowds: shorter intervals are not learnt.
_LEARNT_MIN_S = 10.0


class AdvertInterval:
    """The usual interval of one sensor: as declared, then as observed.

    It is the longest of the last eight gaps, and never longer than declared. An `eventful` sensor
    sends when something happens: a busy morning must not make a quiet night look like a failure, so
    nothing is learnt from it.
    """

    def __init__(self, declared_s: float, *, eventful: bool) -> None:
        self._declared_s = declared_s
        self._least_s = declared_s if eventful else min(declared_s, _LEARNT_MIN_S)
        self._gaps: collections.deque[float] = collections.deque(maxlen=_GAPS)
        self._last_s: float | None = None

    @property
    def usual_s(self) -> float:
        if len(self._gaps) < _GAPS:
            return self._declared_s
        return min(max(*self._gaps, self._least_s), self._declared_s)

    @property
    def silent_after_s(self) -> float:
        """How long it may be silent."""
        return PATIENCE * self.usual_s

    def record_message(self, now_s: float) -> None:
        """A new message was received."""
        if self._last_s is not None:
            self._gaps.append(now_s - self._last_s)
        self._last_s = now_s

    def skip_gap(self) -> None:
        """The sensor was silent or the radio was deaf: ignore the gap that ends next."""
        self._last_s = None
