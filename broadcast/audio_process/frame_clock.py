"""When the next frame is due: absolute deadlines, 20 ms apart. Pure: time is given."""

from collections import deque

from broadcast.audio_protocol.pcm import FRAME_NS

# With nothing to play, speakers are tended and expiries noticed once a second.
IDLE_NS = 1_000_000_000

# If it is further behind than that (a suspended machine), lost frames are not made up for in a
# burst.
SLIP_NS = 10 * FRAME_NS

# A minute of lateness, for the state report.
KEPT = 3000


class FrameClock:
    """The frame clock. While it is idle, the first frame asked for is due at once."""

    def __init__(self, now_ns: int) -> None:
        self.slips = 0
        self._deadline_ns = now_ns
        self._idle = True
        self._late_ns: deque[int] = deque(maxlen=KEPT)

    def wait_s(self, now_ns: int, *, active: bool) -> float:
        """Seconds until a frame is due."""
        if active and self._idle:
            return 0.0
        return max(0, self._deadline_ns - now_ns) / 1e9

    def due(self, now_ns: int, *, active: bool) -> bool:
        """Whether a frame is due; if so, the next deadline is set."""
        waking = active and self._idle
        if now_ns < self._deadline_ns and not waking:
            return False
        if waking or not active:
            self._deadline_ns = now_ns
        else:
            self._late_ns.append(now_ns - self._deadline_ns)
        self._idle = not active
        self._deadline_ns += FRAME_NS if active else IDLE_NS
        if now_ns - self._deadline_ns > SLIP_NS:
            self.slips += 1
            self._deadline_ns = now_ns + FRAME_NS
        return True

    def late_p99_ms(self) -> float:
        """How late frames were in the last minute of sound: 99th percentile, in ms."""
        ordered = sorted(self._late_ns)
        return ordered[len(ordered) * 99 // 100] / 1e6 if ordered else 0.0
