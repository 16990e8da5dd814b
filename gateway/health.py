"""The station's vital signs: one snapshot that the live page, `/healthz` and `/metrics` all show.

`station.py` takes it; nobody else looks into the rooms. Instants are CLOCK_BOOTTIME in ns.
"""

from typing import Any, Literal

import msgspec

from gateway.event import Lane, Trust
from gateway.faults import FaultRecord


class PointVitals(msgspec.Struct, frozen=True):
    """One point's last reading; `spark` is its last hour, oldest first, None where unknown.

    `spark_step_s` lies between two of its values: a curve younger than an hour has finer steps.
    What is wired to an input of a contact module has a `place` (as a device's) and a `kind`.
    """

    id: str
    name: str
    value: int | float | bool | str | None
    unit: str
    quality: str
    at_ns: int
    spark: tuple[float | None, ...] = ()
    spark_step_s: float = 30.0
    place: str = ""
    kind: str = ""


class DeviceVitals(msgspec.Struct, frozen=True):
    """One device: `state` is `ok`, `wait` (not read yet), `stale`, `silent` or `faulty`.

    `place` is the path of names, from the outside in. `code` is the text code of what is wrong with
    it although it answers, as that two devices have its address.
    """

    id: str
    name: str
    bus: str
    address: str
    place: str
    state: str
    since_ns: int
    at_ns: int | None
    points: tuple[PointVitals, ...]
    code: str | None = None


class BusVitals(msgspec.Struct, frozen=True):
    """One bus: `load` is the share of the last minute that its wire was busy, 0 to 1.

    `state` is `up`, `down` (port or socket lost) or `wait`; `code` is the text code of the reason,
    `data` what fills it in. `name` is for people, "" where the settings give none.
    """

    id: str
    kind: str
    where: str
    state: str
    load: float
    cycle_s: float
    devices: int
    silent: int
    transactions: int
    timeouts: int
    errors: int
    code: str | None = None
    data: dict[str, Any] = {}
    name: str = ""

    @property
    def called(self) -> str:
        """What people are shown: its name, or its id as long as it has none."""
        return self.name or self.id


class LaneVitals(msgspec.Struct, frozen=True):
    """One lane seen from the slowest required uplink: `waiting` entries, the oldest `lag_s` old."""

    lane: Lane
    issued: int
    receipted: int
    waiting: int
    lag_s: float


class UplinkVitals(msgspec.Struct, frozen=True):
    """One uplink: `state` is `up`, `down`, `refused` or `wait`; `code` with `data` says why.

    `certificate` is from when to when ours for that platform is valid, UTC in ns, if we have one.
    `skew_s`: the platform's clock is so much ahead of ours. `dates`: its certificate seems to be
    `over` or `early`, by a clock that nobody vouches for, and was taken. `worth` is what its
    receipts prove: that the platform has stored the events, has accepted them, or only that
    somebody on the way has them.
    """

    name: str
    kind: str
    state: str
    since_ns: int
    receipt_ns: int | None
    batch_entries: float
    batch_bytes: float
    code: str | None = None
    data: dict[str, Any] = {}
    certificate: tuple[int, int] | None = None
    skew_s: float | None = None
    dates: str = ""
    worth: Literal["stored", "accepted", "transported"] = "stored"


class JournalVitals(msgspec.Struct, frozen=True):
    """The journal: `used_bytes` of `quota_bytes`; `evicted` is how many entries gaps count.

    `recovering`: about so many entries of damaged journals, of `wreck_bytes`, have still to come.
    """

    epoch: str
    volatile: bool
    used_bytes: int
    quota_bytes: int
    commits: int
    commit_ms: float
    evicted: int
    recovering: int = 0
    wreck_bytes: int = 0


class ClockVitals(msgspec.Struct, frozen=True):
    """The clock: what it rests on, when that was last heard, and how wrong it may be.

    `vouched` and `doubt` as in `ClockStatus`.
    """

    trust: Trust
    wall_ns: int | None
    age_s: float
    error_s: float
    vouched: bool = False
    doubt: str = ""


class ScreenVitals(msgspec.Struct, frozen=True):
    """One kiosk's screen: for how long its page has not been heard of, None while it is there."""

    kiosk: str
    silent_s: float | None = None


class AlarmVitals(msgspec.Struct, frozen=True):
    """How many alarms nobody has taken, and how urgently the desk sounds: 0, 1 or 2.

    `first` is the name of the most urgent of them.
    """

    untaken: int = 0
    ring: int = 0
    first: str = ""


class RefusalVitals(msgspec.Struct, frozen=True):
    """What the journal has refused of one room: `refused` times since the start, `last_ns` last.

    `held` events wait to be offered again; `lost` are given up for good.
    """

    room: str
    refused: int = 0
    last_ns: int | None = None
    held: int = 0
    lost: int = 0


class Vitals(msgspec.Struct, frozen=True):
    """Everything, at one instant."""

    station: str
    name: str
    version: str
    at_ns: int
    started_ns: int
    buses: tuple[BusVitals, ...]
    devices: tuple[DeviceVitals, ...]
    lanes: tuple[LaneVitals, ...]
    uplinks: tuple[UplinkVitals, ...]
    journal: JournalVitals
    clock: ClockVitals
    values_per_s: float
    read_to_receipt_ms: float | None
    timezone: str = "Asia/Shanghai"
    screens: tuple[ScreenVitals, ...] = ()
    alarms: AlarmVitals = AlarmVitals()
    faults: tuple[FaultRecord, ...] = ()
    refusals: tuple[RefusalVitals, ...] = ()

    def bus_called(self, id_: str) -> str:
        """What people are shown of the bus of that id."""
        return next((bus.called for bus in self.buses if bus.id == id_), id_)


# A certificate is renewed at two thirds of its life; past this much of it somebody must look.
LATE = 5 / 6


def certificate_days_left(uplink: UplinkVitals, clock: ClockVitals) -> int | None:
    """How many days a certificate that should have been renewed has left, below 0 once it is over.

    None while all is well, where there is none, and where nobody knows what time it is.
    """
    if uplink.certificate is None or clock.wall_ns is None:
        return None
    begins_ns, ends_ns = uplink.certificate
    if clock.wall_ns < begins_ns + (ends_ns - begins_ns) * LATE:
        return None
    return (ends_ns - clock.wall_ns) // 86_400_000_000_000
