"""How long readings wait to be committed together, so that the card lives. Pure.

Every commit writes about 5 KB whatever it holds, so a card's life is a number of commits. The daily
allowance accrues evenly and may be saved up a little: while some is left, a reading is committed
almost at once; when it is spent, readings wait for each other, but never more than a second.
"""

# What one commit writes to the device beside its bodies (printed by `./dev bench`).
COMMIT_BYTES = 5_000

# The allowance of about a quarter of an hour.
SAVED_BYTES_MAX = 16 * 1024 * 1024

_DAY_NS = 86_400 * 1_000_000_000


class WriteBudget:
    """The allowance: bytes per day, saved up to `SAVED_BYTES_MAX`."""

    def __init__(self, gb_per_day: float, now_ns: int) -> None:
        self._bytes_per_ns = gb_per_day * 1e9 / _DAY_NS
        self._saved = float(SAVED_BYTES_MAX)
        self._at_ns = now_ns

    def spend(self, body_bytes: int, now_ns: int) -> None:
        """Account for a commit."""
        self._flow(now_ns)
        self._saved -= COMMIT_BYTES + body_bytes

    def affordable_ns(self, now_ns: int) -> int:
        """The instant from which a commit is affordable."""
        self._flow(now_ns)
        return now_ns + max(0, int(-self._saved / self._bytes_per_ns))

    def _flow(self, now_ns: int) -> None:
        gained = (now_ns - self._at_ns) * self._bytes_per_ns
        self._saved = min(self._saved + gained, SAVED_BYTES_MAX)
        self._at_ns = now_ns
