"""The vital signs: one snapshot shown by the live page, `/healthz` and `/metrics`.

Instants are CLOCK_BOOTTIME in ns.
"""

from typing import Any, Literal

import msgspec

from gateway.event import Lane, Trust
from gateway.faults import FaultRecord


class PointVitals(msgspec.Struct, frozen=True):
    """One point's last reading; `spark` is its last hour, oldest first, None where unknown.

    `spark_step_s` is the interval of its values, finer for a curve younger than an hour. An
    input of a contact module has a `place` (as a device's) and a `kind`.
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

    `place` is the path of names, from the outside in. `code` is the text code of a problem of a
    device that answers, for example that two devices have its address.
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

    `state` is `up`, `down` (port or socket lost) or `wait`; `code` is the text code of the
    reason, `data` its data. `name` is for people, "" if the settings give none.
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
        """The name for people, else the id."""
        return self.name or self.id


class LaneVitals(msgspec.Struct, frozen=True):
    """One lane, from the slowest required uplink: `waiting` entries, the oldest `lag_s` old."""

    lane: Lane
    issued: int
    receipted: int
    waiting: int
    lag_s: float


class UplinkVitals(msgspec.Struct, frozen=True):
    """One uplink: `state` is `up`, `down`, `refused` or `wait`; `code` with `data` says why.

    `certificate`: validity of ours for that platform, UTC in ns, if we have one. `skew_s`: how
    far the platform's clock is ahead of ours. `dates`: its certificate seems to be `over` or
    `early` by an unconfirmed clock, and was accepted. `worth`: what its receipts prove: that
    the platform has stored the events, has accepted them, or only that they are on the way.
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
    """The journal: `used_bytes` of `quota_bytes`; `evicted`: how many entries gaps stand for.

    `recovering`: about how many entries of damaged journals, of `wreck_bytes`, are still to
    come.
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
    """The clock: what it rests on, when that was last updated, and its error bound.

    `vouched` and `doubt` as in `ClockStatus`.
    """

    trust: Trust
    wall_ns: int | None
    age_s: float
    error_s: float
    vouched: bool = False
    doubt: str = ""


class ScreenVitals(msgspec.Struct, frozen=True):
    """One kiosk's screen: for how long its page has been silent, None while it is there."""

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
    """What the journal has refused of one room: `refused` since the start, `last_ns` the last.

    `held` events wait to be offered again; `lost` were given up.
    """

    room: str
    refused: int = 0
    last_ns: int | None = None
    held: int = 0
    lost: int = 0


class Vitals(msgspec.Struct, frozen=True):
    """Everything at one instant."""

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
        """The name for people of the bus with that id."""
        return next((bus.called for bus in self.buses if bus.id == id_), id_)


# A certificate is renewed at two thirds of its life; beyond this share a person must look.
LATE = 5 / 6


def certificate_days_left(uplink: UplinkVitals, clock: ClockVitals) -> int | None:
    """Days left of a certificate whose renewal is overdue; negative once it has expired.

    None if all is well, if there is none, and if the time is unknown.
    """
    if uplink.certificate is None or clock.wall_ns is None:
        return None
    begins_ns, ends_ns = uplink.certificate
    if clock.wall_ns < begins_ns + (ends_ns - begins_ns) * LATE:
        return None
    return (ends_ns - clock.wall_ns) // 86_400_000_000_000
