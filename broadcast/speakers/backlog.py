"""Frames that wait until a loudspeaker can take them. Thread-safe.

A horn that has not answered yet, an amplifier that is waking up, or a card whose clock is slow
leave frames behind. Sound that is stopped or outranked is dropped, so that nothing finished is
heard later, and pauses are shortened until the loudspeaker has caught up.
"""

import threading
from collections import deque
from typing import NamedTuple

# At least 200 ms of a pause stay: words that run into each other are not understood.
PAUSE_FRAMES = 10

# Rank of the silence in which an amplifier wakes up. No class and no stop removes it, because the
# next sound needs it as well.
WAKE_RANK = 10


class _Waiting(NamedTuple):
    payload: bytes
    rank: int
    silent: bool


class FrameBacklog:
    """Frames in order; when it is full, the oldest is lost."""

    def __init__(self, frames_max: int) -> None:
        self._waiting: deque[_Waiting] = deque(maxlen=frames_max)
        self._lock = threading.Lock()
        self._pause = 0

    @property
    def behind(self) -> bool:
        """Whether anything other than silence waits."""
        with self._lock:
            return any(not each.silent and each.rank < WAKE_RANK for each in self._waiting)

    def put(self, payload: bytes, rank: int, *, silent: bool = False) -> None:
        """Add a frame; waiting frames of a lower rank are dropped."""
        with self._lock:
            if self._waiting and rank > self._waiting[-1].rank:
                self._keep(rank)
            self._waiting.append(_Waiting(payload, rank, silent))

    def pop(self) -> bytes | None:
        """The next frame, or None if none waits; pauses are shortened on the way."""
        with self._lock:
            while self._waiting:
                payload, _, silent = self._waiting.popleft()
                self._pause = self._pause + 1 if silent else 0
                if not self._waiting or self._pause <= PAUSE_FRAMES:
                    return payload
        return None

    def cut(self) -> None:
        """Drop everything that may be stopped."""
        with self._lock:
            self._keep(WAKE_RANK)

    def _keep(self, rank: int) -> None:
        keep = [each for each in self._waiting if each.rank >= rank]
        self._waiting.clear()
        self._waiting.extend(keep)
