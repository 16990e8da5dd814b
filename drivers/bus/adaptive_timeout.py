"""How long to wait for one device's reply, learnt from its response times. Pure."""

import math

# A shorter timeout would take a busy meter, or the 16 ms timer of a USB adapter, for a dead one.
FLOOR_S = 0.2

# The first timeout for a device that never answered; doubled each time, so that several dead
# # devices do not take the line from the others. A slow device is still found, by its late reply.
FIRST_S = 0.3

# The longest timeout for a device that is slower than its settings say.
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
    """Three times the slowest recent reply, between the floor and the configured timeout.

    `cap_s` limits the timeout on a line with alarm inputs until the device has shown that it needs
    more; `most_s`, from the settings, limits it even then. Elsewhere a device that was late twice
    may exceed its settings. `slowest_s` includes late replies, `answers_s` only those in time.
    `reply_s` is the wire time of its longest reply: some ports deliver a reply in one piece.
    `first_s` is the first timeout of a device that never answered.
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
        """Timeout for the first byte of the next reply."""
        if self._replies >= _ENOUGH:
            wait_s = max(_MARGIN * self.slowest_s, FLOOR_S)
            return min(wait_s * self._longer if self._misses else wait_s, self._limit_s)
        if self._replies:
            return self._limit_s
        return min(self._first_s * self._longer + self._reply_s, self._limit_s)

    @property
    def probe_s(self) -> float:
        """Timeout for a silent device; on a line with alarm inputs no longer than necessary."""
        if math.isinf(self._cap_s):
            return self.timeout_s
        return min(max(FLOOR_S + self._reply_s, _LATE_MARGIN * self.slowest_s), self._most_s)

    @property
    def is_swift(self) -> bool:
        """Whether it is known to answer long before its timeout, so that silence means no reply."""
        return self._replies >= _ENOUGH and _MARGIN * self.slowest_s <= FLOOR_S

    @property
    def record_miss(self) -> bool:
        """Record whether the last request went unanswered."""
        return self._misses > 0

    @property
    def is_beyond(self) -> bool:
        """Whether the timeout exceeds the device's settings."""
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
        """Whether this reply took longer than the device's replies usually do."""
        return self._replies > 0 and rtt_s > _UNUSUAL * self.answers_s + _UNUSUAL_S

    def record_reply(self, rtt_s: float) -> None:
        """Record the response time of a reply in time."""
        self._misses = 0
        self.answers_s = max(self.answers_s * _FADE_SOON, rtt_s)
        if self._lates and rtt_s <= self._most_s and not self.is_beyond:
            self._lates = 0
        self._learn(rtt_s)

    def record_late(self, rtt_s: float) -> None:
        """Record the response time of a reply that came after its timeout."""
        self._lates += 1
        self._learn(rtt_s)
        if self._lates >= _LATE_TWICE and rtt_s > self._most_s:
            beyond_s = min(_LATE_MARGIN * rtt_s, LATE_MAX_S)
            self._beyond_s = max(self._beyond_s, beyond_s, self._most_s)

    def record_timeout(self) -> None:
        """No reply came: double the next timeout, up to its limit."""
        self._misses += 1
        if self.is_beyond and self._misses > _LATE_TWICE:
            self._beyond_s, self._lates, self.slowest_s = 0.0, 0, self._most_s

    def _learn(self, rtt_s: float) -> None:
        self._replies += 1
        self.slowest_s = max(self.slowest_s * _FADE, rtt_s)
