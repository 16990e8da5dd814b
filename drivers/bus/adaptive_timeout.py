"""How long to wait for one device's reply, learnt from how long it takes. Pure."""

import math

# Shorter would take a busy meter, or a USB adapter's 16 ms timer, for a dead one.
FLOOR_S = 0.2

# The first wait for a device that was never heard, doubled each time: several dead ones must not
# take the line from the others while they are got to know. A slow one is heard all the same, late.
FIRST_S = 0.3

# The longest that is ever waited for a device that is later than its settings say.
LATE_MAX_S = 15.0

_MARGIN = 3.0
_LATE_MARGIN = 1.5
_LATE_TWICE = 2
_UNUSUAL, _UNUSUAL_S = 1.25, 0.03
_FADE = 0.999
_FADE_SOON = 0.98
_ENOUGH = 8
_DOUBLINGS_MAX = 16


class AdaptiveTimeout:
    """Three times the slowest reply of late, between the floor and what the settings allow.

    `cap_s` is the longest wait on a line with alarm inputs, until a device has shown that it needs
    more; the settings' `most_s` bounds it even then. Elsewhere a device that was late twice is
    waited for beyond the settings. `slowest_s` counts late replies too, `answers_s` those in time.
    `reply_s` is what its longest reply takes on the wire: some
    ports deliver it in one lump. `first_s` is the first wait for a device that was never heard.
    """

    def __init__(
        self,
        most_s: float,
        cap_s: float = math.inf,
        *,
        reply_s: float = 0.0,
        first_s: float = FIRST_S,
    ) -> None:
        self.slowest_s = 0.0
        self.answers_s = 0.0
        self._first_s = first_s
        self._reply_s = reply_s
        self._most_s = most_s
        self._cap_s = cap_s
        self._beyond_s = 0.0
        self._replies = 0
        self._misses = 0
        self._lates = 0

    @property
    def timeout_s(self) -> float:
        """The wait for the first byte of the next reply."""
        if self._replies >= _ENOUGH:
            wait_s = max(_MARGIN * self.slowest_s, FLOOR_S)
            return min(wait_s * self._longer if self._misses else wait_s, self._limit_s)
        if self._replies:
            return self._limit_s
        return min(self._first_s * self._longer + self._reply_s, self._limit_s)

    @property
    def probe_s(self) -> float:
        """The same for a device that is silent: on a line with alarm inputs no longer than need."""
        if math.isinf(self._cap_s):
            return self.timeout_s
        return min(max(FLOOR_S + self._reply_s, _LATE_MARGIN * self.slowest_s), self._most_s)

    @property
    def is_swift(self) -> bool:
        """Whether it is known to answer long before its time is over: who does not, has not."""
        return self._replies >= _ENOUGH and _MARGIN * self.slowest_s <= FLOOR_S

    @property
    def record_miss(self) -> bool:
        """Whether it was silent when it was asked last."""
        return self._misses > 0

    @property
    def is_beyond(self) -> bool:
        """Whether it is waited for longer than its settings say."""
        return self._beyond_s > self._most_s

    @property
    def _limit_s(self) -> float:
        if self._cap_s == math.inf:
            return self._beyond_s or self._most_s
        return min(max(self._cap_s + self._reply_s, _LATE_MARGIN * self.slowest_s), self._most_s)

    @property
    def _longer(self) -> float:
        return 2.0 ** min(self._misses, _DOUBLINGS_MAX)

    def is_unusual(self, rtt_s: float) -> bool:
        """Whether a reply took longer than this device's usually do."""
        return self._replies > 0 and rtt_s > _UNUSUAL * self.answers_s + _UNUSUAL_S

    def record_reply(self, rtt_s: float) -> None:
        """A reply took so long."""
        self._misses = 0
        self.answers_s = max(self.answers_s * _FADE_SOON, rtt_s)
        if self._lates and rtt_s <= self._most_s and not self.is_beyond:
            self._lates = 0
        self._learn(rtt_s)

    def record_late(self, rtt_s: float) -> None:
        """A reply took so long that nobody waited for it any more."""
        self._lates += 1
        self._learn(rtt_s)
        if self._lates >= _LATE_TWICE and rtt_s > self._most_s:
            beyond_s = min(_LATE_MARGIN * rtt_s, LATE_MAX_S)
            self._beyond_s = max(self._beyond_s, beyond_s, self._most_s)

    def record_timeout(self) -> None:
        """None came: wait twice as long the next time; not for ever beyond the settings."""
        self._misses += 1
        if self.is_beyond and self._misses > _LATE_TWICE:
            self._beyond_s, self._lates, self.slowest_s = 0.0, 0, self._most_s

    def _learn(self, rtt_s: float) -> None:
        self._replies += 1
        self.slowest_s = max(self.slowest_s * _FADE, rtt_s)
