"""What a loudspeaker has still to say: frames that came before it could take them. Thread-safe.

A horn that has not answered yet, an amplifier that wakes, a card whose clock is slow. What is
stopped or outranked is dropped, so that nothing is heard that is over; and pauses shrink until the
loudspeaker has caught up.
"""

import threading
from collections import deque
from typing import NamedTuple

# 200 ms of a pause stay: words that run into each other are not understood.
PAUSE_FRAMES = 10

# The silence in which an amplifier wakes: no class takes its place, and no stop, for what comes
# next needs it as well.
WAKE_RANK = 10


class _Waiting(NamedTuple):
    payload: bytes
    rank: int
    silent: bool


class FrameBacklog:
    """Frames in their order; a full one loses its oldest."""

    def __init__(self, frames_max: int) -> None:
        self._waiting: deque[_Waiting] = deque(maxlen=frames_max)
        self._lock = threading.Lock()
        self._pause = 0

    @property
    def behind(self) -> bool:
        """Whether anything waits that would be missed."""
        with self._lock:
            return any(not each.silent and each.rank < WAKE_RANK for each in self._waiting)

    def put(self, payload: bytes, rank: int, *, silent: bool = False) -> None:
        """One frame more; what is less urgent than it makes way."""
        with self._lock:
            if self._waiting and rank > self._waiting[-1].rank:
                self._keep(rank)
            self._waiting.append(_Waiting(payload, rank, silent))

    def pop(self) -> bytes | None:
        """The next frame, None where nothing waits; of a pause no more than must be."""
        with self._lock:
            while self._waiting:
                payload, _, silent = self._waiting.popleft()
                self._pause = self._pause + 1 if silent else 0
                if not self._waiting or self._pause <= PAUSE_FRAMES:
                    return payload
        return None

    def cut(self) -> None:
        """Nothing of it is to be heard any more."""
        with self._lock:
            self._keep(WAKE_RANK)

    def _keep(self, rank: int) -> None:
        keep = [each for each in self._waiting if each.rank >= rank]
        self._waiting.clear()
        self._waiting.extend(keep)
