"""Two meters of the vital signs: the age of what waits, and the rate of values. Pure."""

MARKS_MAX = 512
RATE_WINDOW_NS = 10_000_000_000
_RATE_STEP_NS = 1_000_000_000


class LagMeter:
    """The age of the oldest entry without a receipt, since each head was first seen."""

    def __init__(self) -> None:
        self._marks: list[tuple[int, int]] = []  # (head, first seen), oldest first

    def lag_s(self, head: int, receipted: int, now_ns: int) -> float:
        """In seconds; 0 if nothing waits."""
        if not self._marks or self._marks[-1][0] < head:
            self._marks.append((head, now_ns))
        covered = 0
        while covered < len(self._marks) and self._marks[covered][0] <= receipted:
            covered += 1
        del self._marks[:covered]
        if len(self._marks) > MARKS_MAX:
            # Coarser, and never too young: the first mark, the oldest, always stays.
            del self._marks[1::2]
        return (now_ns - self._marks[0][1]) / 1e9 if self._marks else 0.0


class RateMeter:
    """Values a second, over the last ten seconds."""

    def __init__(self, now_ns: int) -> None:
        self._marks = [(now_ns, 0)]

    def per_second(self, count: int, now_ns: int) -> float:
        """The rate; `count` is the total since the start."""
        if now_ns - self._marks[-1][0] >= _RATE_STEP_NS:
            self._marks.append((now_ns, count))
        while len(self._marks) > 1 and now_ns - self._marks[1][0] >= RATE_WINDOW_NS:
            del self._marks[0]
        since_ns, before = self._marks[0]
        return (count - before) * 1e9 / max(now_ns - since_ns, _RATE_STEP_NS)
