"""What has been played in this boot: no frame of an urgent programme plays twice. Pure.

It covers a gateway that was killed between playing and recording: whatever it asks for again after
its restart, a community does not hear the same emergency twice.
"""

IDS_MAX = 10_000


class PlayedLedger:
    """Urgent programmes with the frame up to which each has been played."""

    def __init__(self) -> None:
        self._upto: dict[str, tuple[int, int | None]] = {}

    def allows(self, id_: str, start: int) -> bool:
        """Whether it may play from `start`: never heard, or continued where it broke off."""
        return id_ not in self._upto or start >= max(1, self._upto[id_][0])

    def record(self, id_: str, upto: int, expires_ns: int | None, now_ns: int) -> None:
        """Record that it was played up to that frame."""
        if id_ not in self._upto and len(self._upto) >= IDS_MAX:
            self._make_room(now_ns)
        heard, _ = self._upto.get(id_, (0, None))
        self._upto[id_] = (max(heard, upto), expires_ns)

    def _make_room(self, now_ns: int) -> None:
        """Forget what has expired, because it cannot play again anyhow; otherwise the oldest."""
        stale = [i for i, (_, at) in self._upto.items() if at is not None and at <= now_ns]
        for id_ in stale or [next(iter(self._upto))]:
            del self._upto[id_]
