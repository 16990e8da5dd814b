"""The disk below a folder: space, bytes written since boot, and its own estimate of its life."""

import os
from pathlib import Path

from gateway.doctor.model.facts import DiskFacts

SECTOR_BYTES = 512

# The seventh field of a block device's `stat` (Documentation/block/stat.rst).
SECTORS_WRITTEN = 6


def disk_facts(folder: Path, root: Path, *, up_s: float) -> DiskFacts | None:
    """None if the folder cannot be read."""
    try:
        room, device = os.statvfs(folder), folder.stat().st_dev
    except OSError:
        return None
    block = _whole(root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}")
    journal = folder / "journal.db"
    life = _words(block / "device/life_time")
    end = _words(block / "device/pre_eol_info")
    return DiskFacts(
        path=str(folder),
        total=room.f_blocks * room.f_frsize,
        free=room.f_bavail * room.f_frsize,
        read_only=bool(room.f_flag & os.ST_RDONLY),
        journal_bytes=journal.stat().st_size if journal.exists() else 0,
        written=_written(block),
        up_s=up_s,
        life=max((int(word, 16) for word in life), default=None),
        end=max((int(word, 16) for word in end), default=None),
    )


def _whole(block: Path) -> Path:
    """The disk of a partition; a file system on several disks has none."""
    real = block.resolve()
    return real.parent if (real / "partition").exists() else real


def _written(block: Path) -> int | None:
    words = _words(block / "stat")
    return int(words[SECTORS_WRITTEN]) * SECTOR_BYTES if len(words) > SECTORS_WRITTEN else None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
