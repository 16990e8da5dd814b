"""The facts that checks look at. They are gathered elsewhere, so that tests can seed any fault.

Three sources, each of which may be missing: the machine, the settings on disk, the running station.
None means that something could not be looked at.
"""

from typing import Any

import msgspec

from gateway.health import Vitals
from gateway.journal.stored_state import SetAsideRow
from gateway.toml import Mistake, Phrase


class MemoryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """In bytes. `ours` of `limit` is the station's unit; `kills` counts its out-of-memory kills."""

    total: int | None = None
    available: int | None = None
    ours: int | None = None
    limit: int | None = None
    kills: int = 0


class DiskFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The file system of the state; `written` bytes went to its disk in `up_s` since boot.

    `life` and `end` are an eMMC's own estimate (JESD84: tenths of its life used up, 1 to 11; 1
    normal, 2 nearly over, 3 over).
    """

    path: str
    total: int
    free: int
    read_only: bool = False
    journal_bytes: int = 0
    written: int | None = None
    up_s: float = 0.0
    life: int | None = None
    end: int | None = None


class PortFacts(msgspec.Struct, frozen=True):
    """A serial port of the settings; `allowed`: the station's user may use it."""

    bus: str
    path: str
    exists: bool
    allowed: bool


class FileFacts(msgspec.Struct, frozen=True):
    """A file or folder: its permission bits, and whether the station's user may write it."""

    path: str
    mode: int
    writable: bool
    secret: bool = True


class UnitFacts(msgspec.Struct, frozen=True):
    """A systemd unit: `state` is its ActiveState."""

    name: str
    state: str
    result: str
    restarts: int


class SandboxFacts(msgspec.Struct, frozen=True):
    """A narrowed unit: its sandbox `fits` the settings, is too `tight`, or `loose`."""

    unit: str
    how: str


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The computer that the station runs on."""

    temperature_c: float | None = None
    throttled: int | None = None
    memory: MemoryFacts | None = None
    disk: DiskFacts | None = None
    packages: dict[str, tuple[str, ...]] = {}
    programs: dict[str, bool] = {}
    bluetooth: bool | None = None
    ports: tuple[PortFacts, ...] = ()
    held: tuple[FileFacts, ...] = ()
    units: tuple[UnitFacts, ...] | None = None

    # `active` or `inactive`; None where there is none, or the kernel does not tell.
    watchdog: str | None = None


class SettingsFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The settings on disk; with a mistake in them the rest is unknown."""

    file: str
    mistakes: tuple[Mistake, ...] = ()
    remarks: tuple[Phrase, ...] = ()
    quota_mb: int | None = None
    wear_gb_per_day: float | None = None
    outage_days: float | None = None
    speakers: int = 0
    bluetooth: bool = False
    narrowed: tuple[SandboxFacts, ...] = ()


class SpeakerFacts(msgspec.Struct, frozen=True):
    """One loudspeaker: how far its sound is proved, or `code` with `data`: why not at all."""

    id: str
    rung: str
    code: str | None = None
    data: dict[str, Any] = {}


class SoundFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The audio process as the station knows it; `voices` are those that fail."""

    connected: bool
    realtime: bool = True
    late_p99_ms: float = 0.0
    speakers: tuple[SpeakerFacts, ...] = ()
    voices: tuple[str, ...] = ()


class RunningFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The running station: its vital signs, and what they do not include."""

    vitals: Vitals
    sound: SoundFacts | None = None
    claimed: bool = True
    desk_open: bool = True
    desk_certificate: tuple[int, int] | None = None
    private_lost: bool = False
    edited: bool = False
    rolled_back: int | None = None
    set_aside: tuple[SetAsideRow, ...] = ()


class StationFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All facts; `mute` says why a running station could not be asked."""

    machine: MachineFacts | None = None
    written: SettingsFacts | None = None
    running: RunningFacts | None = None
    mute: str | None = None
