"""The BLE bus: one scanner and the configured sensors; nothing is kept of other senders.

    scanner ──advert──► by address or identity ──► BleSensor.receive_message ──► sink
        ▲                                             ▲
     watchdog                                   check_silence, once a second

A lost radio is reported once, and its return once. Meanwhile no sensor is reported silent, but its
last readings go stale as always.
"""

import asyncio
from collections.abc import Sequence

from drivers.ble.options import BleBusOptions
from drivers.ble.scan_watchdog import RETRY_MIN_S, ScanWatchdog
from drivers.ble.scanner import Advert, BleScanner
from drivers.ble.sensor import BleSensor
from drivers.ble.sensor_index import ScanStats, SensorIndex
from drivers.bus.stats import BusStats
from drivers.contract import (
    BusChange,
    BusState,
    Device,
    DeviceChange,
    DeviceState,
    LineDown,
    LineLost,
    NotWritable,
    OnFault,
    OnState,
    PollResult,
    Reading,
    Sink,
    Value,
    log_fault,
)
from drivers.counters import Counters

# How often the sensors' silence is checked.
SWEEP_S = 1.0


class BleBus:
    """`FieldBus` for BLE sensors. `scanner` is its only radio."""

    def __init__(
        self,
        name: str,
        options: BleBusOptions,
        devices: Sequence[Device],
        sink: Sink,
        on_state: OnState,
        *,
        scanner: BleScanner,
        on_fault: OnFault = log_fault,
    ) -> None:
        """A mistake in what one sensor said goes to `on_fault`; the scan and the others go on."""
        self.name = name
        self._on_fault = on_fault
        self.air = ScanStats()
        self._sink = sink
        self._on_state = on_state
        self._scanner = scanner
        self._ears = SensorIndex(devices, options)
        self._watch = ScanWatchdog(options.watchdog_s)
        self._again = asyncio.Event()
        self._state = BusState.WAIT
        self._code: str | None = None
        self._retry_s = RETRY_MIN_S
        self._told: dict[str, DeviceState] = {}
        self._resting: dict[tuple[str, str], asyncio.TimerHandle] = {}

    async def run(self) -> None:
        """Serve until cancelled."""
        for sensor, wrong in self._ears.unusable:
            self._sink(sensor.mark_unusable(wrong.code, wrong.data, self._now_s()))
            self._tell(sensor)
        try:
            while True:
                await self._serve()
        finally:
            for timer in self._resting.values():
                timer.cancel()

    async def write(self, device: str, point: str, value: Value) -> Reading:
        """Always NotWritable: sensors only send."""
        raise NotWritable("ble.not-writable", device=device, point=point, value=value)

    def restart(self) -> None:
        """Stop the scan and start it again."""
        self._again.set()

    def counters(self, device: str) -> Counters | None:
        """The counters of that sensor; None if it is not on this bus."""
        found = (each for each in self._ears.sensors if each.device.id == device)
        return next((each.counters for each in found), None)

    def accept_counter(self, device: str, point: str) -> None:
        """The sensor was replaced: believe the next counts of this point that agree."""
        counters = self.counters(device)
        if counters is not None:
            counters.accept_replacement(point)

    @property
    def stats(self) -> BusStats:
        """A snapshot; `transactions` counts adverts of our sensors."""
        sensors = self._ears.sensors
        return BusStats(
            name=self.name,
            state=self._state,
            code=self._code,
            transactions=self.air.known,
            timeouts=sum(each.stats.timeouts for each in sensors),
            errors=sum(each.stats.crc for each in sensors),
            opened=self.air.scans,
            moved_s=self.air.swept_s,
            devices={each.device.id: each.stats for each in sensors},
        )

    async def _serve(self) -> None:
        """One scan: from its start until it is lost or restarted."""
        self._again.clear()
        try:
            await self._scanner.start(self._hear)
            await self._scanner.check()  # starting may succeed on a radio that is being unplugged
            self.air.scans += 1
            self._watch.start(self._now_s())
            if not self._watch.is_deaf:
                self._up()
            await self._listen()
        except LineDown as error:
            self._down(error)
            await self._pause()
        finally:
            await self._scanner.stop()

    async def _listen(self) -> None:
        """Receive until the radio is lost (LineDown) or the scan must be restarted."""
        while not self._again.is_set():
            await self._tick()
            now_s = self._now_s()
            if self._watch.check_due(now_s):
                await self._scanner.check()
            if self._watch.restart_due(now_s):
                self.air.restarts += 1
                if self._watch.is_deaf:
                    raise LineLost("ble.deaf", silent_s=self._watch.silent_s)
                return

    async def _pause(self) -> None:
        """Wait before the next attempt; the sensors' last readings go stale meanwhile."""
        until_s = self._now_s() + self._retry_s
        self._retry_s = self._watch.next_retry_s(self._retry_s)
        while self._now_s() < until_s and not self._again.is_set():
            await self._tick()

    async def _tick(self) -> None:
        """Wait one second, or less if a restart is requested."""
        try:
            async with asyncio.timeout(SWEEP_S):
                await self._again.wait()
        except TimeoutError:
            pass
        now_s = self.air.swept_s = self._now_s()
        for sensor in self._ears.sensors:
            try:
                result = sensor.check_silence(now_s, deaf=self._state is not BusState.UP)
            except Exception as error:  # noqa: BLE001 - the edge: each sensor has its own
                self._on_fault(f"bus.{self.name}", error)
                continue
            if result is not None:
                self._sink(result)
                self._tell(sensor)

    def _hear(self, advert: Advert) -> None:
        """An advert of any sender."""
        now_s = self.air.heard_s = self._now_s()
        self.air.adverts += 1
        self._watch.record_advert(now_s)
        if self._state is not BusState.UP:
            self._up()
        sensor = self._ears.find_sensor(advert)
        if sensor is None:
            self.air.strangers += 1
            return
        self.air.known += 1
        for message in advert.messages():
            try:
                result = sensor.receive_message(message, advert.rssi, now_s)
            except Exception as error:  # noqa: BLE001 - the edge: it costs this message
                self._on_fault(f"bus.{self.name}", error)
                result = sensor.mark_unusable("bus.fault", {"device": sensor.device.id}, now_s)
            self._tell(sensor)
            if result is not None:
                self._sink(result)
                self._let_rest(sensor, result)

    def _let_rest(self, sensor: BleSensor, result: PollResult) -> None:
        """Return momentary points to their rest value when their moment is over."""
        for reading in result.readings:
            rest = sensor.rests.get(reading.point)
            if rest is None or reading.value in {None, rest.rests}:
                continue
            key = (sensor.device.id, reading.point)
            if key in self._resting:
                self._resting[key].cancel()
            loop = asyncio.get_running_loop()
            self._resting[key] = loop.call_later(rest.after_s, self._rest, sensor, reading.point)

    def _rest(self, sensor: BleSensor, point: str) -> None:
        self._sink(sensor.end_moment(point, self._now_s()))

    def _up(self) -> None:
        now_s = self._now_s()
        self._retry_s = RETRY_MIN_S
        if self._state is BusState.UP:
            return
        for sensor in self._ears.sensors:
            sensor.start_listening(now_s)
        self._say(BusState.UP, None, {})

    def _down(self, error: LineDown) -> None:
        if self._state is not BusState.DOWN:
            self._say(BusState.DOWN, error.code, error.data)
        self._code = error.code

    def _say(self, state: BusState, code: str | None, data: dict[str, object]) -> None:
        self._state, self._code = state, code
        self._on_state(BusChange(self.name, state, int(self._now_s() * 1e9), code, data))

    def _tell(self, sensor: BleSensor) -> None:
        """Report a sensor's state if it changed; one caused by a deaf radio is not reported."""
        device, state = sensor.device.id, sensor.state
        if state in {DeviceState.WAIT, self._told.get(device)}:
            return
        self._told[device] = state
        at_ns = int(self._now_s() * 1e9)
        self._on_state(DeviceChange(device, state, at_ns, sensor.code, sensor.data))

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
