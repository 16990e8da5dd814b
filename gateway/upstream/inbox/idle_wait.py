"""How long a question for commands may stay open on this road. Pure.

A network between may cut what is idle after half a minute, with or without a word. Each cut halves
the wait; after an hour without one a longer wait is tried, and after each attempt that fails twice
as late, up to a day.
"""

from gateway.errors import PlatformUnreachable, UpstreamError
from gateway.upstream.uplinks.contract import BROKEN, TIMEOUT

WAIT_S_MAX, WAIT_S_MIN = 55.0, 5.0
# What broke sooner was no idle connection: nobody is there.
CUT_AFTER_S = 2.0

LONGER_AFTER_S, LONGER_AFTER_S_MAX = 3600.0, 86_400.0
_GATEWAY_TIMEOUT = 504


class IdleWait:
    """The wait that this road has borne so far; starts with the longest."""

    def __init__(self) -> None:
        self.wait_s = WAIT_S_MAX
        self._patience_s = LONGER_AFTER_S
        self._tried_s: float | None = None
        self._since_s = 0.0
        self._before: tuple[float, float, float | None] | None = None

    def on_cut(self, error: UpstreamError, after_s: float, now_s: float) -> bool:
        """Whether a question that failed so was an idle connection cut; the next waits less."""
        silent = error.code in (BROKEN, TIMEOUT) or error.data.get("status") == _GATEWAY_TIMEOUT
        if not isinstance(error, PlatformUnreachable) or not silent or after_s < CUT_AFTER_S:
            return False
        self._before = (self.wait_s, self._patience_s, self._tried_s)
        if self._tried_s is not None:  # the longer wait was too long
            self._patience_s = min(self._patience_s * 2, LONGER_AFTER_S_MAX)
            self.wait_s, self._tried_s = self._tried_s, None
        else:
            self.wait_s = max(WAIT_S_MIN, self.wait_s / 2)
        self._since_s = now_s
        return True

    def on_lost(self) -> None:
        """The road itself is gone: what broke before that was no cut, and is forgotten."""
        if self._before is not None:
            self.wait_s, self._patience_s, self._tried_s = self._before
            self._before = None

    def on_answered(self, now_s: float) -> None:
        """An answer came; after a long while of them a longer wait is tried."""
        self._before = None
        if self.wait_s >= WAIT_S_MAX:
            return
        if now_s - self._since_s >= self._patience_s:
            self._tried_s = self.wait_s
            self.wait_s = min(WAIT_S_MAX, self.wait_s * 1.5)
            self._since_s = now_s
