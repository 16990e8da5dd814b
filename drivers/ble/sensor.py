"""One sensor on the BLE bus: its state, and the results of its messages and its silence."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from drivers.ble.advert_interval import PATIENCE, AdvertInterval
from drivers.ble.bind_keys import BindKey
from drivers.ble.codec import DecodedMessage, RejectedMessage, format_of
from drivers.ble.points import mac_bytes, samples
from drivers.ble.replay_filter import Novelty, ReplayFilter
from drivers.bus.stats import DeviceStats
from drivers.contract import (
    Device,
    DeviceFault,
    DeviceState,
    GarbledReply,
    NoReply,
    Point,
    PollResult,
    Quality,
    Reading,
    Sample,
    Value,
)
from drivers.counters import Counters

# Undecodable messages in a row before the sensor counts as faulty.
FAILURES_MAX = 3

REPLAYED = "ble.replayed"
_EVENTS = frozenset({"bool", "string"})


class SensorSilent(NoReply):
    """The sensor was not heard for three of its usual intervals: its last values are stale."""

    quality = Quality.STALE


class RestValue(msgspec.Struct, frozen=True):
    """The value of a momentary point once its moment is over (`extra` of the profile's point).

    A pressed button and a detected movement are reported, their end is not: `after_s` later the bus
    reports `rests`, with quality `substituted`.
    """

    rests: bool | str
    after_s: float


class BleSensor:
    """A device, its key, and everything the bus remembers of it. Instants are seconds."""

    def __init__(self, device: Device, key: BindKey | None) -> None:
        self.device = device
        self.key = key
        self.state = DeviceState.WAIT
        self.code: str | None = None
        self.data: dict[str, Any] = {}
        self.stats = DeviceStats()
        self.rssi: int | None = None
        self.rests = {
            point.id: msgspec.convert(point.extra, RestValue)
            for point in device.points
            if "rests" in point.extra
        }
        self._mac = mac_bytes(device)
        self._memory = ReplayFilter()
        self.counters = Counters(asked=False)
        eventful = any(point.type in _EVENTS for point in device.points)
        self._rhythm = AdvertInterval(device.every_s, eventful=eventful)
        self._alive_s: float | None = None
        self._spoken_s: dict[str, float] = {}
        self._failures = 0

    @property
    def usual_s(self) -> float:
        """Its usual interval."""
        return self._rhythm.usual_s

    def start_listening(self, now_s: float) -> None:
        """The radio receives (again): silence counts from now on."""
        self._rhythm.skip_gap()
        self._alive_s = now_s
        self._spoken_s = dict.fromkeys(self._spoken_s, now_s)

    def receive_message(self, message: bytes, rssi: int, now_s: float) -> PollResult | None:
        """Process a message of this sensor; returns its readings if it is new.

        The caller compares `state` before and after.
        """
        found = format_of(message)
        if found is None:
            return None
        news = self._memory.judge_repeat(message, now_s)
        if news is None:
            heard = found.understand(message, self._mac, self.key.reveal() if self.key else None)
            if isinstance(heard, RejectedMessage):
                return self._refuse(heard.why.value, now_s)
            missed = self.state is DeviceState.SILENT
            news = self._memory.judge_message(message, heard, now_s, missed=missed)
            if news is Novelty.NEW:
                return self._learn(heard, rssi, now_s)
        if news is Novelty.REPLAY:
            return self._refuse(REPLAYED, now_s)
        self._alive(rssi, now_s)
        return None

    def check_silence(self, now_s: float, *, deaf: bool) -> PollResult | None:
        """The readings that follow from silence; None while the silence is as usual.

        With a `deaf` radio the silence is not the sensor's, but its last readings are just as old.
        """
        if self._alive_s is None or self.state in {DeviceState.SILENT, DeviceState.FAULTY}:
            return None
        silent_s = now_s - self._alive_s
        if silent_s > self._rhythm.silent_after_s:
            return self._missed(silent_s, now_s, deaf=deaf)
        late = [point for point in self.device.points if self._late(point, now_s)]
        if not late:
            return None
        for point in late:
            del self._spoken_s[point.id]
        return self._nothing(late, SensorSilent("ble.silent", device=self.device.id), now_s)

    def _missed(self, silent_s: float, now_s: float, *, deaf: bool) -> PollResult:
        fault = SensorSilent("ble.silent", device=self.device.id, after_s=round(silent_s))
        self._rhythm.skip_gap()
        self._alive_s = None
        self._spoken_s.clear()
        if deaf:
            self._change(DeviceState.WAIT, None)
        else:
            self.stats.timeouts += 1
            self._change(DeviceState.SILENT, fault)
        return self._nothing(self.device.points, fault, now_s)

    def mark_unusable(self, code: str, data: Mapping[str, Any], now_s: float) -> PollResult:
        """Its messages cannot be understood, for this reason."""
        fault = GarbledReply(code, **data)
        self._change(DeviceState.FAULTY, fault)
        return self._nothing(self.device.points, fault, now_s)

    def end_moment(self, point_id: str, now_s: float) -> PollResult:
        """A momentary point returns to its rest value."""
        point = self.device.point(point_id)
        assert point is not None
        rests: Value = self.rests[point_id].rests
        reading = self._reading(point, rests, Quality.SUBSTITUTED, now_s)
        return self._result((reading,), now_s)

    def _late(self, point: Point, now_s: float) -> bool:
        """True for a point with an interval of its own that is overdue."""
        spoken_s = self._spoken_s.get(point.id)
        if point.every_s is None or spoken_s is None:
            return False
        return now_s - spoken_s > PATIENCE * point.every_s

    def _learn(self, heard: DecodedMessage, rssi: int, now_s: float) -> PollResult | None:
        """A new message; random bytes may look like one, but hardly like one with values."""
        if heard.measures:
            self._failures = 0
            self._change(DeviceState.OK, None)
        self._alive(rssi, now_s)
        self._rhythm.record_message(now_s)
        self.stats.polls += 1
        self.stats.period_s = self.usual_s
        return self._said(samples(self.device, heard, rssi), now_s)

    def _alive(self, rssi: int, now_s: float) -> None:
        self.rssi = rssi
        self._alive_s = now_s
        self.stats.transactions += 1
        if self.state is not DeviceState.FAULTY:
            self._change(DeviceState.OK, None)

    def _refuse(self, code: str, now_s: float) -> PollResult | None:
        """A message that cannot be understood; three in a row mean a fault of sensor or key."""
        self.stats.crc += 1
        self._failures += 1
        if self._failures < FAILURES_MAX or self.state is DeviceState.FAULTY:
            return None
        return self.mark_unusable(code, {"device": self.device.id}, now_s)

    def _change(self, state: DeviceState, fault: DeviceFault | None) -> None:
        self.state = self.stats.state = state
        self.code, self.data = (None, {}) if fault is None else (fault.code, fault.data)

    def _said(self, said: Iterable[Sample], now_s: float) -> PollResult | None:
        readings = tuple(
            self._reading(each.point, each.value, self.counters.judge(each, now_s), now_s)
            for each in said
        )
        self._spoken_s.update((reading.point, now_s) for reading in readings)
        return self._result(readings, now_s) if readings else None

    def _nothing(self, points: Iterable[Point], fault: DeviceFault, now_s: float) -> PollResult:
        readings = tuple(self._reading(point, None, fault.quality, now_s) for point in points)
        return self._result(readings, now_s, fault)

    def _reading(self, point: Point, value: Value, quality: Quality, now_s: float) -> Reading:
        return Reading(self.device.id, point.id, value, point.unit, quality, int(now_s * 1e9))

    def _result(
        self, readings: tuple[Reading, ...], now_s: float, fault: DeviceFault | None = None
    ) -> PollResult:
        replaced = self.counters.pop_replacements()
        return PollResult(self.device.id, int(now_s * 1e9), 0, readings, fault, replaced)
