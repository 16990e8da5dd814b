"""Collects the station's vital signs from every room."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from drivers.bus.stats import BusStats
from drivers.contract import BusChange, BusState, DeviceChange, Quality
from drivers.field_bus import FieldBus
from gateway import __version__
from gateway.clock import Clock
from gateway.config.schema import BusSetting, DeviceSetting, Settings, ShownPoint
from gateway.event import Lane
from gateway.faults import FaultRecord
from gateway.health import (
    AlarmVitals,
    BusVitals,
    ClockVitals,
    DeviceVitals,
    JournalVitals,
    LaneVitals,
    PointVitals,
    RefusalVitals,
    ScreenVitals,
    UplinkVitals,
    Vitals,
)
from gateway.intake import Intake
from gateway.journal import Follower, Journal
from gateway.station.meters import LagMeter, RateMeter
from gateway.upstream.feed.sender import Sender
from gateway.upstream.feed.uplink_status import UplinkStatus

# A value older than this many of its device's periods is stale, whatever its quality. The minimum
# allows for devices that are read many times a second, whose line may be busy for a moment.
STALE_PERIODS, STALE_S_MIN = 3, 3.0

# Requests within this time share one snapshot.
FRESH_NS = 500_000_000


class CountingBus(FieldBus, Protocol):
    """A bus with statistics."""

    @property
    def stats(self) -> BusStats:
        """Everything counted so far."""


class RefusalSource(Protocol):
    """A room whose records the journal may refuse."""

    @property
    def refusals(self) -> RefusalVitals:
        """How often it has refused them."""


class HealthCollector:
    """Call it for the vital signs; it keeps what two snapshots must be compared for."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        journal: Journal,
        intake: Intake,
        buses: Mapping[str, CountingBus],
        senders: Sequence[Sender | UplinkStatus],
        receipting: Sequence[Follower],
        screens: Callable[[], tuple[ScreenVitals, ...]] = tuple,
        alarms: Callable[[], AlarmVitals] = AlarmVitals,
        faults: Callable[[], tuple[FaultRecord, ...]] = tuple,
        refusing: Sequence[RefusalSource] = (),
        dates: Callable[[str], str] = lambda _: "",
    ) -> None:
        """`receipting` are the followers whose receipts count: those of the required uplinks.

        `dates` tells doubts about the certificate of an uplink's platform.
        """
        self._settings = settings
        self._clock = clock
        self._journal = journal
        self._intake = intake
        self._buses = buses
        self._senders = senders
        self._receipting = receipting
        self._screens = screens
        self._alarms = alarms
        self._faults = faults
        self._refusing = refusing
        self._dates = dates
        self._started_ns = clock.now_ns()
        self._since: dict[str, tuple[str, int]] = {}
        self._lags = {lane: LagMeter() for lane in Lane}
        self._rate = RateMeter(self._started_ns)
        self._reasons: dict[str, dict[str, Any]] = {}
        self._taken: Vitals | None = None

    def handle_change(self, change: DeviceChange | BusChange) -> None:
        """Remember why a bus is down."""
        if isinstance(change, BusChange):
            self._reasons[change.bus] = change.data

    def use_settings(self, settings: Settings) -> None:
        """Report on these settings from now on."""
        self._settings = settings
        self._since = {name: of for name, of in self._since.items() if name in settings.devices}
        self._taken = None

    def __call__(self) -> Vitals:
        """The vital signs, at most half a second old."""
        now_ns = self._clock.now_ns()
        if self._taken is None or now_ns - self._taken.at_ns > FRESH_NS:
            self._taken = self._take(now_ns)
        return self._taken

    def tick(self) -> None:
        """Once a second: note what is only visible as it happens. Costs almost nothing."""
        now_ns, heads = self._clock.now_ns(), self._journal.heads()
        for lane, issued in heads.items():
            self._lags[lane].lag_s(issued, self._receipted(lane), now_ns)
        self._rate.per_second(self._intake.readings, now_ns)

    def _take(self, now_ns: int) -> Vitals:
        stats: dict[str, BusStats] = {name: bus.stats for name, bus in self._buses.items()}
        ahead_ns = now_ns - int(asyncio.get_running_loop().time() * 1e9)
        devices = tuple(
            self._device(device, stats[device.options.bus_id], now_ns, ahead_ns)
            for device in self._settings.devices.values()
        )
        return Vitals(
            station=self._settings.station.id,
            name=self._settings.station.name,
            version=__version__,
            at_ns=now_ns,
            started_ns=self._started_ns,
            buses=tuple(
                _bus(self._settings.buses[name], one, self._reasons.get(name, {}))
                for name, one in stats.items()
            ),
            devices=devices,
            lanes=tuple(self._lane(lane, now_ns) for lane in Lane),
            uplinks=tuple(self._uplink(sender) for sender in self._senders),
            journal=self._journal_vitals(),
            clock=self._clock_vitals(),
            values_per_s=self._rate.per_second(self._intake.readings, now_ns),
            read_to_receipt_ms=next((s.latency_ms for s in self._senders if s.latency_ms), None),
            timezone=self._settings.station.timezone,
            screens=self._screens(),
            alarms=self._alarms(),
            faults=self._faults(),
            refusals=tuple(each.refusals for each in self._refusing),
        )

    def _device(
        self, device: DeviceSetting, bus: BusStats, now_ns: int, ahead_ns: int
    ) -> DeviceVitals:
        latest = self._intake.current.readings(device.id)
        # A value is good while its line is up and it is young: never the last one for ever.
        good_since_ns = now_ns - _stale_ns(device) if bus.state is BusState.UP else now_ns
        points = tuple(
            self._point(device.id, shown, now_ns, ahead_ns, good_since_ns)
            for shown in device.shown(self._settings.station.language)
        )
        at_ns = max((reading.at_ns + ahead_ns for reading in latest.values()), default=None)
        state = bus.devices[device.id].state.value
        if state == "ok" and at_ns is not None and at_ns < good_since_ns:
            state = "stale"
        return DeviceVitals(
            id=device.id,
            name=device.options.name,
            bus=device.options.bus_id,
            address=device.options.address,
            place=self._settings.places.path(device.options.place),
            state=state,
            since_ns=self._since_ns(device.id, state, now_ns),
            at_ns=at_ns,
            points=points,
            code=bus.devices[device.id].code,
        )

    def _point(
        self, device: str, shown: ShownPoint, now_ns: int, ahead_ns: int, good_since_ns: int
    ) -> PointVitals:
        place = self._settings.places.path(shown.place) if shown.place else ""
        reading = self._intake.current.readings(device).get(shown.id)
        if reading is None:
            never = Quality.STALE.value
            return PointVitals(
                shown.id, shown.name, None, shown.unit, never, now_ns, place=place, kind=shown.kind
            )
        at_ns = reading.at_ns + ahead_ns
        quality = reading.quality
        if quality is Quality.GOOD and at_ns < good_since_ns:
            quality = Quality.STALE
        step_s, spark = self._intake.current.spark(device, shown.id)
        return PointVitals(
            id=shown.id,
            name=shown.name,
            value=reading.value,
            unit=shown.unit,
            quality=quality.value,
            at_ns=at_ns,
            spark=spark,
            spark_step_s=step_s,
            place=place,
            kind=shown.kind,
        )

    def _since_ns(self, device: str, state: str, now_ns: int) -> int:
        known = self._since.get(device)
        if known is None or known[0] != state:
            known = self._since[device] = (state, now_ns)
        return known[1]

    def _lane(self, lane: Lane, now_ns: int) -> LaneVitals:
        issued = self._journal.heads()[lane]
        receipted = self._receipted(lane)
        lag_s = self._lags[lane].lag_s(issued, receipted, now_ns)
        return LaneVitals(lane, issued, receipted, issued - receipted, lag_s)

    def _receipted(self, lane: Lane) -> int:
        return min([each.position[lane] for each in self._receipting], default=0)

    def _journal_vitals(self) -> JournalVitals:
        stats = self._journal.stats()
        return JournalVitals(
            epoch=stats.epoch,
            volatile=stats.volatile,
            used_bytes=stats.used_bytes,
            quota_bytes=stats.quota_bytes,
            commits=stats.commits,
            commit_ms=stats.commit_ms,
            evicted=stats.evicted,
            recovering=stats.recovering,
            wreck_bytes=stats.wreck_bytes,
        )

    def _clock_vitals(self) -> ClockVitals:
        status = self._clock.status()
        return ClockVitals(
            status.trust,
            status.wall_ns,
            status.age_s,
            status.error_s,
            status.vouched,
            status.doubt,
        )

    def _uplink(self, sender: Sender | UplinkStatus) -> UplinkVitals:
        vitals = sender.vitals
        return msgspec.structs.replace(
            vitals, skew_s=self._clock.skew_s(vitals.name), dates=self._dates(vitals.name)
        )


def _stale_ns(device: DeviceSetting) -> int:
    return int(max(device.device.every_s * STALE_PERIODS, STALE_S_MIN) * 1e9)


def _bus(setting: BusSetting, stats: BusStats, reason: dict[str, Any]) -> BusVitals:
    states = [device.state.value for device in stats.devices.values()]
    return BusVitals(
        id=setting.id,
        kind=setting.kind,
        where=str(getattr(setting.options, "where", "")),
        state=stats.state.value,
        load=0.0 if stats.wire is None else stats.wire.load,
        cycle_s=0.0 if stats.wire is None else stats.wire.cycle_s,
        devices=len(states),
        silent=states.count("silent"),
        transactions=stats.transactions,
        timeouts=stats.timeouts,
        errors=stats.errors,
        code=stats.code,
        data=reason,
        name=setting.name,
    )
