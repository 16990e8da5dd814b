"""Sets of sequence numbers of one lane, kept as ranges. Pure."""

import bisect
from collections.abc import Iterable, Iterator

# `(first, last)`, both included.
NumberRange = tuple[int, int]


class NumberRanges:
    """A set of numbers as ordered, disjoint ranges that do not touch."""

    def __init__(self, spans: Iterable[NumberRange] = ()) -> None:
        self._spans: list[NumberRange] = []
        for first, last in spans:
            self.add(first, last)

    def __iter__(self) -> Iterator[NumberRange]:
        return iter(self._spans)

    def __len__(self) -> int:
        """The number of ranges."""
        return len(self._spans)

    @property
    def last(self) -> int | None:
        """The highest number."""
        return self._spans[-1][1] if self._spans else None

    @property
    def count(self) -> int:
        """The number of numbers in them."""
        return sum(last - first + 1 for first, last in self._spans)

    def add(self, first: int, last: int) -> None:
        """Add `first` to `last`."""
        low = bisect.bisect_left(self._spans, first - 1, key=_end)
        high = bisect.bisect_right(self._spans, last + 1, key=_begin)
        if low < high:
            first = min(first, self._spans[low][0])
            last = max(last, self._spans[high - 1][1])
        self._spans[low:high] = [(first, last)]

    def forget(self, upto: int) -> None:
        """Remove every number up to there."""
        keep = bisect.bisect_right(self._spans, upto, key=_end)
        self._spans = self._spans[keep:]
        if self._spans and self._spans[0][0] <= upto:
            self._spans[0] = (upto + 1, self._spans[0][1])

    def covers(self, first: int, last: int) -> bool:
        """Whether all of `first` to `last` are in the set."""
        return not list(self.holes(first, last))

    def holes(self, first: int, last: int) -> Iterator[NumberRange]:
        """The ranges within `first` to `last` that are not in the set."""
        for at in range(bisect.bisect_left(self._spans, first, key=_end), len(self._spans)):
            begin, end = self._spans[at]
            if begin > last:
                break
            if first < begin:
                yield first, begin - 1
            first = end + 1
        if first <= last:
            yield first, last


def _begin(span: NumberRange) -> int:
    return span[0]


def _end(span: NumberRange) -> int:
    return span[1]
