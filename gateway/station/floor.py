"""The latest wall time that was vouched for, kept over restarts: time cannot be before it."""

import contextlib
import os
from pathlib import Path

from gateway.clock.timekeeper import EARLIEST_NS

NAME = "clock-floor"


def read(state: Path) -> int:
    """The floor that the last run left, in ns since 1970."""
    try:
        return max(EARLIEST_NS, int((state / NAME).read_text("ascii")))
    except (OSError, ValueError):
        return EARLIEST_NS


def write(state: Path, floor_ns: int) -> None:
    """Leave the floor for the next run; a disk that refuses costs nothing but the floor."""
    fresh = state / f"{NAME}.{os.getpid()}"
    with contextlib.suppress(OSError):
        fresh.write_text(f"{floor_ns}\n", "ascii")
        fresh.replace(state / NAME)
