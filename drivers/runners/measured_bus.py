"""The bus of devices that take one reading while a person waits.

It has no sink and reports no states: a reading goes to its caller, and nowhere else.
"""

import asyncio
from collections.abc import Iterable

from drivers.bus.bus_plan import PolledBusOptions
from drivers.bus.stats import BusStats, DeviceStats
from drivers.contract import (
    BusState,
    Device,
    DeviceFault,
    DeviceState,
    FieldError,
    GarbledReply,
    LineDown,
    NoReply,
    NotWritable,
    OnFault,
    Reading,
    Value,
    WrongUse,
    log_fault,
)
from drivers.counters import Counters
from drivers.family import MeasuredDriver, Measurement


class MeasuredBus:
    """`FieldBus` whose port is open only during a measurement; one at a time."""

    def __init__(
        self,
        name: str,
        options: PolledBusOptions,
        devices: Iterable[tuple[Device, MeasuredDriver]],
        *,
        on_fault: OnFault = log_fault,
    ) -> None:
        """An unforeseen exception of a driver goes to `on_fault` and costs that measurement."""
        self.name = name
        self._options = options
        self._devices = {device.id: (device, driver) for device, driver in devices}
        self._stats = {device: DeviceStats() for device in self._devices}
        self._on_fault = on_fault
        self._state = BusState.WAIT
        self._code: str | None = None
        self._opened = 0
        self._measuring = asyncio.Lock()

    async def run(self) -> None:
        """Nothing to do: the port is only open during a measurement."""
        await asyncio.get_running_loop().create_future()

    async def measure(self, device: str, until_s: float) -> Measurement:
        """One reading before `until_s` of the running loop; a FieldError says why there is none.

        Waits while another measurement is running.
        """
        if device not in self._devices:
            raise WrongUse("bus.no-point", device=device, point="")
        try:
            async with asyncio.timeout_at(until_s), self._measuring:
                measured = await self._measure(*self._devices[device], until_s)
        except TimeoutError as error:
            self._note(device, DeviceState.SILENT)
            raise NoReply("measured.too-late", device=device) from error
        except LineDown as error:
            self._state, self._code = BusState.DOWN, error.code
            raise
        except DeviceFault as fault:
            self._stats[device].record_fault(fault)
            self._note(device, DeviceState.FAULTY)
            raise
        except FieldError:
            raise
        except Exception as error:  # the edge: an unforeseen exception costs this measurement
            self._on_fault(f"bus.{self.name}", error)
            raise GarbledReply("bus.fault", device=device) from error
        self._stats[device].transactions += 1
        self._note(device, DeviceState.OK)
        return measured

    async def write(self, device: str, point: str, value: Value) -> Reading:
        """Always NotWritable: these devices only measure."""
        raise NotWritable("measured.not-writable", device=device, point=point, value=value)

    def restart(self) -> None:
        """No effect: nothing is open between measurements."""

    def counters(self, device: str) -> Counters | None:
        """None: readings are not kept."""
        del device
        return None

    def accept_counter(self, device: str, point: str) -> None:
        """No effect."""

    @property
    def stats(self) -> BusStats:
        """The number of measurements and faults; no values."""
        return BusStats.summarize(
            self.name, self._state, self._code, self._stats, opened=self._opened
        )

    async def _measure(self, device: Device, driver: MeasuredDriver, until_s: float) -> Measurement:
        link = await self._options.connect(lambda heard: heard)
        try:
            self._opened += 1
            self._state, self._code = BusState.UP, None
            measured = await driver.measure(device, link, until_s)
        finally:
            link.close()
        known = {point.id for point in device.points}
        if measured.device != device.id or any(s.point.id not in known for s in measured.samples):
            raise GarbledReply("measured.other-device", device=device.id)
        return measured

    def _note(self, device: str, state: DeviceState) -> None:
        self._stats[device].state = state
