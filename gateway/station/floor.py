"""The latest wall time that was vouched for, kept over restarts: time cannot be before it."""

import contextlib
import os
from pathlib import Path

from gateway.clock.timekeeper import EARLIEST_NS

NAME = "clock-floor"
LATEST_NS = 2**62
"""In 2116: what lies beyond was never vouched for."""


def read(state: Path) -> int:
    """The floor that the last run left, in ns since 1970."""
    try:
        found = int((state / NAME).read_text("ascii"))
    except (OSError, ValueError):
        return EARLIEST_NS
    return found if EARLIEST_NS <= found <= LATEST_NS else EARLIEST_NS


def write(state: Path, floor_ns: int) -> None:
    """Leave the floor for the next run; a disk that refuses costs nothing but the floor."""
    fresh = state / f"{NAME}.{os.getpid()}"
    with contextlib.suppress(OSError):
        fresh.write_text(f"{floor_ns}\n", "ascii")
        fresh.replace(state / NAME)
