"""Reads the machine's clock chip (RTC), if there is one, from sysfs, which no sandbox hides.

A chip with a dead battery starts in 1970 or 2000 and is not believed; one that keeps local time
(`/etc/adjtime`) is not used.
"""

from pathlib import Path

from gateway.clock.time_sample import SECOND_NS

FOLDER = Path("/sys/class/rtc")
ADJTIME = Path("/etc/adjtime")
# Two weeks without power at the worst drift of a chip.
ERROR_NS = 30 * SECOND_NS


def read_rtc(folder: Path = FOLDER, adjtime: Path = ADJTIME) -> int | None:
    """UTC in ns from the first chip that has the time; None if none does."""
    if _local(adjtime):
        return None
    for chip in sorted(folder.glob("rtc*")):
        try:
            seconds = int((chip / "since_epoch").read_text("ascii"))
        except (OSError, ValueError):  # a chip without a time, or one that is just being set
            continue
        return seconds * SECOND_NS + SECOND_NS // 2
    return None


def _local(adjtime: Path) -> bool:
    try:
        return adjtime.read_text("ascii").split()[-1:] == ["LOCAL"]
    except (OSError, UnicodeDecodeError):
        return False
