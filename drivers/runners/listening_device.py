"""One device that sends on its own: its state, and the results of its messages and its silence."""

from collections.abc import Iterable
from typing import Any

from drivers.bus.stats import DeviceStats
from drivers.contract import (
    Device,
    DeviceFault,
    DeviceState,
    NoReply,
    Point,
    PollResult,
    Quality,
    Reading,
    Value,
)
from drivers.counters import Counters
from drivers.family import ListeningDriver
from drivers.message import DeviceMessage

# A device counts as silent after this many of its periods.
PATIENCE = 3

# Undecodable messages in a row before the device counts as faulty.
FAILURES_MAX = 3


class ListeningDevice:
    """Instants are seconds of the running loop. `changed`: its state must be reported."""

    def __init__(self, device: Device, driver: ListeningDriver) -> None:
        self.device = device
        self.driver = driver
        self.stats = DeviceStats(period_s=device.every_s)
        self.counters = Counters(asked=False)
        self.code: str | None = None
        self.data: dict[str, Any] = {}
        self.changed = False
        self.understood = True
        self._failures = 0
        self._alive_s: float | None = None

    def start_listening(self, now_s: float) -> None:
        """The inlet is open (again): silence counts from now on."""
        self._alive_s = now_s

    def handle_message(self, message: DeviceMessage, now_s: float) -> PollResult | None:
        """The readings of a message of this device; `understood` is False for garbage."""
        self._alive_s = now_s
        try:
            samples = self.driver.decode(self.device, message)
        except DeviceFault as fault:
            return self._failed(fault, now_s)
        self.understood = True
        self._failures = 0
        self.stats.transactions += 1
        self.stats.polls += 1
        self._change(DeviceState.OK, None)
        readings = tuple(
            self._reading(each.point, each.value, self.counters.judge(each, now_s), now_s)
            for each in samples
        )
        return self._result(readings, now_s) if readings else None

    def check_silence(self, now_s: float, *, deaf: bool) -> PollResult | None:
        """The readings that follow from silence; None while the silence is as usual.

        While the inlet is closed the silence is not the device's, but its last readings are just as
        old.
        """
        if self._alive_s is None or now_s - self._alive_s <= PATIENCE * self.device.every_s:
            return None
        after_s = round(now_s - self._alive_s)
        self._alive_s = None
        fault = NoReply("inlet.silent", device=self.device.id, after_s=after_s)
        if not deaf:
            self.stats.timeouts += 1
            self._change(DeviceState.SILENT, fault)
        return self._nothing(self.device.points, fault, now_s)

    def _failed(self, fault: DeviceFault, now_s: float) -> PollResult | None:
        """Garbage is tolerated a few times; a fault that the device reports counts at once."""
        self.stats.record_fault(fault)
        self.understood = fault.quality is not Quality.CRC
        self._failures += 1
        known = self.stats.state is DeviceState.FAULTY
        if not self.understood and (known or self._failures < FAILURES_MAX):
            return None
        self._change(DeviceState.FAULTY, fault)
        return self._nothing(self.device.points, fault, now_s)

    def _change(self, state: DeviceState, fault: DeviceFault | None) -> None:
        self.changed |= state is not self.stats.state
        self.stats.state = state
        self.code = None if fault is None else fault.code
        self.data = {} if fault is None else fault.data

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
