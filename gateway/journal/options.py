"""The journal's settings, and the limits that are nobody's to set."""

from typing import Annotated

import msgspec

# Small pages: an event of 200 bytes costs 6 KB of device writes, with 4096-byte pages 9 KB.
PAGE_BYTES = 1024

MIB = 1024 * 1024
# The write-ahead log is copied into the file when it is this long (4 MiB).
WAL_FRAMES = 4096

# Bodies in one transaction: bounds the log beyond `WAL_FRAMES` and what a new entry waits for.
COMMIT_BYTES_MAX = MIB

# Disk blocks that the log owns for ever, so that a full disk cannot stop it.
WAL_BYTES = (WAL_FRAMES + 2 * COMMIT_BYTES_MAX // PAGE_BYTES) * (PAGE_BYTES + 24)

# One entry's body; a clip or a picture belongs in `media/`.
BODY_BYTES_MAX = 256 * 1024

# One state's body.
STATE_BYTES_MAX = 256 * 1024

# Bodies that wait for a commit; beyond it, callers below the emergency lane wait for room.
WAITING_BYTES_MAX = 8 * MIB

# Alarms without a receipt keep a quarter of the quota before they may be evicted.
ALARM_SHARE = 4


class JournalOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[journal]` in station.toml.

    `quota_mb` bounds the file (its log of about 6 MiB comes on top), `reserve_mb` is kept back for
    the emergency lane on a full disk, `wear_gb_per_day` is what readings may write to the card,
    `volatile_mb` bounds the journal in memory when the disk is dead.
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
    """One room's state under one key from now on; `body` None deletes it."""

    room: str
    key: str
    body: bytes | None
