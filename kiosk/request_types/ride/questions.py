"""When a dispatcher is asked again about a ride."""

from collections.abc import Collection

from kiosk.requests.request import RequestTime, S


class QuestionTimes:
    """Of each question, which is a ride and a kind: whether it is under way, and its next time."""

    def __init__(self) -> None:
        self.under_way: set[tuple[str, str]] = set()
        self._next_ns: dict[tuple[str, str], tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._next_ns) + len(self.under_way)

    def is_due(
        self, key: tuple[str, str], moment: RequestTime, every_s: float, most_s: float = 0
    ) -> bool:
        """Whether to ask that now: at growing intervals up to `most_s`, never twice at a time."""
        at_ns, pause_s = self._next_ns.get(key, (0, every_s))
        if key in self.under_way or moment.at_ns < at_ns:
            return False
        longer_s = max(every_s, min(pause_s * 2, most_s))
        self._next_ns[key] = (moment.at_ns + round(pause_s * S), longer_s)
        return True

    def forget_others(self, kept: Collection[str]) -> None:
        """Forget the questions about requests that are not kept."""
        for key in list(self._next_ns):
            if key[0].rpartition("-")[0] not in kept:
                del self._next_ns[key]
