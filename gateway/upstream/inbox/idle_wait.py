"""How long a long poll may stay open on this link. Pure.

A network on the way may cut idle connections after half a minute, with or without a sign. Each cut
halves the wait. After an hour without a cut a longer wait is tried; each failed attempt doubles the
time until the next, up to a day.
"""

from gateway.errors import PlatformUnreachable, UpstreamError
from gateway.upstream.uplinks.contract import BROKEN, TIMEOUT

WAIT_S_MAX, WAIT_S_MIN = 55.0, 5.0
# A connection that broke sooner was not idle: the platform is away.
CUT_AFTER_S = 2.0

LONGER_AFTER_S, LONGER_AFTER_S_MAX = 3600.0, 86_400.0
_GATEWAY_TIMEOUT = 504


class IdleWait:
    """The longest wait that this link has allowed; starts with the maximum."""

    def __init__(self) -> None:
        self.wait_s = WAIT_S_MAX
        self._patience_s = LONGER_AFTER_S
        self._tried_s: float | None = None
        self._since_s = 0.0
        self._before: tuple[float, float, float | None] | None = None

    def on_cut(self, error: UpstreamError, after_s: float, now_s: float) -> bool:
        """Whether a failed poll was an idle connection that was cut; then the next waits less."""
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
        """The link is down: the failure before it was no cut, and is not counted."""
        if self._before is not None:
            self.wait_s, self._patience_s, self._tried_s = self._before
            self._before = None

    def on_answered(self, now_s: float) -> None:
        """A poll was answered; after an hour of that a longer wait is tried."""
        self._before = None
        if self.wait_s >= WAIT_S_MAX:
            return
        if now_s - self._since_s >= self._patience_s:
            self._tried_s = self.wait_s
            self.wait_s = min(WAIT_S_MAX, self.wait_s * 1.5)
            self._since_s = now_s
