"""How often a repeated command is answered again. Pure: times are arguments.

Each answer is an entry of the journal, which must not grow at the speed of a platform that repeats
itself. Polling does not slow down: a new command may follow the repeated ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager

# Seconds between the answers to the first two repetitions; doubled after each.
AGAIN_S, AGAIN_S_MAX = 1.0, 60.0

# Commands that are remembered; a forgotten one is answered as if it were new.
IDS_MAX = 1024


class RepeatedCommands:
    """The commands that one platform has sent since the process began."""

    def __init__(self) -> None:
        # By id: the time of the next answer, and the interval after it.
        self._due: dict[str, tuple[float, float]] = {}

    def knows(self, command_id: str) -> bool:
        """Whether it came and was answered before."""
        return command_id in self._due

    def note_answered(self, command_id: str) -> None:
        """It was accepted or refused for good: its first repetition is answered at once."""
        self._keep(command_id, self._due.get(command_id, (0.0, AGAIN_S)))

    @contextmanager
    def answer_turn(self, command_id: str, now_s: float) -> Iterator[bool]:
        """Whether to answer it now; an exception in the block leaves it unanswered."""
        known = self._due.get(command_id, (0.0, AGAIN_S))
        if now_s < known[0]:
            yield False
            return
        self._keep(command_id, (now_s + known[1], min(2 * known[1], AGAIN_S_MAX)))
        try:
            yield True
        except BaseException:  # re-raised: a cancelled answer was not given either
            self._due.pop(command_id, None)
            raise

    def _keep(self, command_id: str, due: tuple[float, float]) -> None:
        self._due[command_id] = due
        if len(self._due) > IDS_MAX:
            del self._due[next(iter(self._due))]
