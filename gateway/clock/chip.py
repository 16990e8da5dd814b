"""The machine's clock chip (RTC), where it has one: read by way of sysfs, which no sandbox hides.

A chip whose battery is dead begins in 1970 or 2000, which nobody believes; one that is kept in
local time (`/etc/adjtime`) says nothing of use.
"""

from pathlib import Path

from gateway.clock.fix import SECOND_NS

FOLDER = Path("/sys/class/rtc")
ADJTIME = Path("/etc/adjtime")
# Two weeks without power at the worst drift of a chip.
ERROR_NS = 30 * SECOND_NS


def read(folder: Path = FOLDER, adjtime: Path = ADJTIME) -> int | None:
    """UTC in ns by the first chip that tells it; None where none does."""
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
