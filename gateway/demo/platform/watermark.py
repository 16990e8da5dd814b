"""What a platform holds of one lane: all up to a watermark, and ranges that came early. Pure."""

import bisect

Interval = tuple[int, int]


class Watermark:
    """Numbers from 1 on; memory grows with the holes, not with the numbers."""

    def __init__(self, upto: int = 0) -> None:
        self.upto = upto
        self._early: list[Interval] = []

    def covers(self, first: int, last: int) -> bool:
        """Whether all these numbers are settled."""
        first = max(first, self.upto + 1)
        return first > last or any(a <= first and last <= b for a, b in self._early)

    @property
    def head(self) -> int:
        """The highest number that came."""
        return self._early[-1][1] if self._early else self.upto

    def add(self, first: int, last: int) -> None:
        """Numbers `first` to `last` are settled: stored, rejected or a gap."""
        touching = [i for i in self._early if i[0] <= last + 1 and first - 1 <= i[1]]
        for interval in touching:
            self._early.remove(interval)
            first, last = min(first, interval[0]), max(last, interval[1])
        if first <= self.upto + 1:
            self.upto = max(self.upto, last)
        else:
            bisect.insort(self._early, (first, last))

    def early(self, limit: int = 64) -> list[Interval]:
        """The highest ranges that came beyond the watermark."""
        return self._early[-limit:]

    def holes(self, limit: int = 64) -> list[Interval]:
        """The lowest ranges that are still missing below the head."""
        ends = [self.upto, *(last for _, last in self._early)]
        starts = [first for first, _ in self._early]
        return [(e + 1, s - 1) for e, s in zip(ends, starts, strict=False)][:limit]
