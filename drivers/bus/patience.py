"""How long to wait for one device's reply, learnt from how long it takes. Pure."""

FLOOR_S = 0.2
"""Shorter would take a busy meter, or a USB adapter's 16 ms timer, for a dead one."""

_MARGIN = 3.0
_FADE = 0.999
_ENOUGH = 8


class Patience:
    """Three times the slowest reply of late, between the floor and what the settings allow."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._slowest_s = 0.0
        self._replies = 0

    @property
    def timeout_s(self) -> float:
        """The wait for the first byte of the next reply."""
        if self._replies < _ENOUGH:
            return self._most_s
        return min(max(_MARGIN * self._slowest_s, FLOOR_S), self._most_s)

    def replied(self, rtt_s: float) -> None:
        """A reply took so long."""
        self._replies += 1
        self._slowest_s = max(self._slowest_s * _FADE, rtt_s)

    def timed_out(self) -> None:
        """None came: wait twice as long the next time."""
        if self._replies >= _ENOUGH:
            self._slowest_s = max(2 * self._slowest_s, 2 * FLOOR_S / _MARGIN)
