"""How often a command that comes again is answered again. Pure: times are handed in.

Each answer is an entry of the journal, so whoever repeats himself at the speed of the network must
not make it grow at that speed. He is asked as soon as ever: what is new may lie behind what is not.
"""

AGAIN_S, AGAIN_S_MAX = 1.0, 60.0
"""The second repetition of a command is answered so long after the first, then half as often."""

IDS_MAX = 1024
"""Commands that are known to have come; the oldest is forgotten, and answered as if it were new."""


class Repeats:
    """What one platform has sent since the process began."""

    def __init__(self) -> None:
        self._due: dict[str, tuple[float, float]] = {}  # when next, and how long after that

    def knows(self, command_id: str) -> bool:
        """Whether it has come, and been answered, before."""
        return command_id in self._due

    def is_due(self, command_id: str, now_s: float) -> bool:
        """Whether it is to be answered, if it is not carried out for the first time."""
        return now_s >= self._due.get(command_id, (0.0, 0.0))[0]

    def answered(self, command_id: str, now_s: float) -> None:
        """Its answer is on disk, or it was accepted."""
        known = self._due.pop(command_id, None)
        if known is None:
            self._due[command_id] = (now_s, AGAIN_S)
        else:
            self._due[command_id] = (now_s + known[1], min(2 * known[1], AGAIN_S_MAX))
        if len(self._due) > IDS_MAX:
            del self._due[next(iter(self._due))]
