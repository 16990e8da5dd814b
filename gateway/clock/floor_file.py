"""The clock's floor, kept across restarts: wall time that has certainly passed."""

import contextlib
import os
from functools import partial
from pathlib import Path

from gateway.clock.time_sample import EARLIEST_NS, LATEST_NS
from gateway.disk import run_in_time

NAME = "clock-floor"


def read_floor(state: Path) -> int:
    """The floor of the last run, in ns since 1970."""
    try:
        floor_ns = int((state / NAME).read_text("ascii"))
    except (OSError, ValueError):
        return EARLIEST_NS
    return floor_ns if EARLIEST_NS <= floor_ns < LATEST_NS else EARLIEST_NS


def write_floor(state: Path, floor_ns: int) -> None:
    """Save the floor for the next run; a failing disk loses only the floor."""
    with contextlib.suppress(OSError):
        run_in_time(partial(_write, state, floor_ns))


def _write(state: Path, floor_ns: int) -> None:
    fresh = state / f"{NAME}.new"
    with fresh.open("w", encoding="ascii") as file:
        file.write(f"{floor_ns}\n")
        file.flush()
        os.fsync(file.fileno())
        fresh.replace(state / NAME)
