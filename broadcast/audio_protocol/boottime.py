"""The clock that the gateway and the audio process share for instants."""

import time


def now_ns() -> int:
    """CLOCK_BOOTTIME in ns: the same in every process, goes on in suspend, never steps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
