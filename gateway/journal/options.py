"""The journal's settings, and the limits that are not configurable."""

from typing import Annotated

import msgspec

# Small pages: an event of 200 bytes costs 6 KB of device writes; with 4096-byte pages, 9 KB.
PAGE_BYTES = 1024

MIB = 1024 * 1024
# The write-ahead log is copied into the file at this length (4 MiB).
WAL_FRAMES = 4096

# Bodies of one transaction: bounds the log beyond `WAL_FRAMES`, and the wait of a new entry.
COMMIT_BYTES_MAX = MIB

# Disk blocks that the log keeps allocated, so that a full disk cannot stop it.
WAL_BYTES = (WAL_FRAMES + 2 * COMMIT_BYTES_MAX // PAGE_BYTES) * (PAGE_BYTES + 24)

# One entry's body; clips and pictures belong in `media/`.
BODY_BYTES_MAX = 256 * 1024

# One state's body.
STATE_BYTES_MAX = 256 * 1024

# Bodies waiting for a commit; beyond it, callers below the emergency lane wait for room.
WAITING_BYTES_MAX = 8 * MIB

# Unreceipted alarms keep a quarter of the quota before they may be evicted.
ALARM_SHARE = 4


class JournalOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[journal]` in station.toml.

    `quota_mb` bounds the file (its log of about 6 MiB is extra), `reserve_mb` is reserved for
    the emergency lane on a full disk, `wear_gb_per_day` is what readings may write to the card,
    `volatile_mb` bounds a journal in memory.
    """

    quota_mb: Annotated[int, msgspec.Meta(ge=16, le=65_536)] = 512
    reserve_mb: Annotated[int, msgspec.Meta(ge=0, le=64)] = 4
    wear_gb_per_day: Annotated[float, msgspec.Meta(gt=0)] = 1.8
    volatile_mb: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16

    @property
    def quota_pages(self) -> int:
        """The file's limit in pages."""
        return self.quota_mb * MIB // PAGE_BYTES


class StateChange(msgspec.Struct, frozen=True):
    """The new state of a room under one key; `body` None deletes it."""

    room: str
    key: str
    body: bytes | None
