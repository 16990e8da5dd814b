"""How often a command that comes again is answered again. Pure: times are handed in.

Each answer is an entry of the journal, so whoever repeats himself at the speed of the network must
not make it grow at that speed. He is asked as soon as ever: what is new may lie behind what is not.
"""

from collections.abc import Iterator
from contextlib import contextmanager

# The second repetition of a command is answered so long after the first, then half as often.
AGAIN_S, AGAIN_S_MAX = 1.0, 60.0

# Commands that are known to have come; the oldest is forgotten, and answered as if it were new.
IDS_MAX = 1024


class RepeatedCommands:
    """What one platform has sent since the process began."""

    def __init__(self) -> None:
        self._due: dict[str, tuple[float, float]] = {}  # when next, and how long after that

    def knows(self, command_id: str) -> bool:
        """Whether it has come, and been answered, before."""
        return command_id in self._due

    def note_answered(self, command_id: str) -> None:
        """It was accepted, or refused for good: its first repetition is answered at once."""
        self._keep(command_id, self._due.get(command_id, (0.0, AGAIN_S)))

    @contextmanager
    def answer_turn(self, command_id: str, now_s: float) -> Iterator[bool]:
        """Whether it is to be answered now; whatever is raised in there leaves it unanswered."""
        known = self._due.get(command_id, (0.0, AGAIN_S))
        if now_s < known[0]:
            yield False
            return
        self._keep(command_id, (now_s + known[1], min(2 * known[1], AGAIN_S_MAX)))
        try:
            yield True
        except BaseException:  # passed on: a cancelled answer was not given either
            self._due.pop(command_id, None)
            raise

    def _keep(self, command_id: str, due: tuple[float, float]) -> None:
        self._due[command_id] = due
        if len(self._due) > IDS_MAX:
            del self._due[next(iter(self._due))]
