"""The part of the judge that knows when a line was dead: whether its alarm came, and only then."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

# The rule waits for 30 s; by now its alarm is raised, or taken back.
WITHIN_S = 120.0


# An alarm that came and went too often is held until it has been calm.
CALM_S = 300.0


class _Turn(NamedTuple):
    at_s: float
    on: bool
    flaps: bool = False


class LineAlarms:
    """The truth of the lines, and what `bus-dead` has said of each."""

    def __init__(self) -> None:
        self._away: dict[str, list[_Turn]] = defaultdict(list)
        self._said: dict[str, list[_Turn]] = defaultdict(list)
        self._lives: list[tuple[float, float]] = []

    def plugged(self, line: str, at_s: float, *, away: bool) -> None:
        """The truth: its port is gone, or back."""
        self._away[line].append(_Turn(at_s, away))

    def lived(self, ready_s: float, end_s: float) -> None:
        """A process was ready for emergencies all this time."""
        self._lives.append((ready_s, end_s))

    def told(self, line: str, at_s: float, *, on: bool, flaps: bool) -> None:
        """An event of its alarm, as often as it comes."""
        turn = _Turn(at_s, on, flaps)
        if turn not in self._said[line]:
            self._said[line].append(turn)

    def settle(self, violate: Callable[[str, str], None]) -> None:
        """Look at each time that a line was long dead, or long well, while a process lived."""
        for line, turns in sorted(self._away.items()):
            for begins_s, ends_s, away in _spans(turns):
                for ready_s, end_s in self._lives:
                    since_s = max(begins_s, ready_s) + WITHIN_S
                    said = self._last(line, since_s)
                    if said.flaps and not away:
                        since_s += CALM_S
                        said = self._last(line, since_s)
                    if since_s < min(ends_s, end_s) and said.on is not away:
                        what = "not raised" if away else "still raised"
                        violate("alarm", f"dead-{line} {what} at {since_s:.0f} s")

    def _last(self, line: str, at_s: float) -> _Turn:
        before = [turn for turn in self._said[line] if turn.at_s <= at_s]
        return max(before, default=_Turn(0.0, on=False))


def _spans(turns: list[_Turn]) -> Iterator[tuple[float, float, bool]]:
    """From when to when it was away, or was not."""
    last = _Turn(0.0, on=False)
    for turn in [*turns, _Turn(float("inf"), on=False)]:
        yield last.at_s, turn.at_s, last.on
        last = turn
