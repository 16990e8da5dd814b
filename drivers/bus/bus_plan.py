"""What can be known of a bus before it runs: its rounds, its load and its mistakes."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from drivers import registry
from drivers.bus.alarm_latency import ALARM_PRIORITY, AlarmLatency, alarm_latencies
from drivers.bus.link import BusLink, OnStrayBytes
from drivers.bus.rounds import LOAD_MAX, PollRound, WireLoad, plan_load, plan_rounds
from drivers.contract import BusOverloaded, Device, FieldError, WrongUse
from drivers.family import Framing, PolledDriver, Shape, WireCost
from drivers.serial_line import SerialLine

# The longest read on a line with alarm inputs: 60 registers at 9600 baud.
ALARM_WAIT_S = 0.15

# Timeout on a line with alarm inputs, until a device has shown that it needs more.
REPLY_WAIT_S = 0.3


class PolledBusOptions(Protocol):
    """What the bus needs of its options; the structs in `kinds.py` implement it."""

    @property
    def where(self) -> str:
        """Port or address, for people."""

    @property
    def usual_line(self) -> SerialLine:
        """Line settings of devices that name none."""

    @property
    def framing(self) -> Framing: ...

    @property
    def inflight(self) -> int:
        """Most transactions at a time."""

    def cost(self, line: SerialLine) -> WireCost:
        """Wire costs at these line settings."""

    async def connect(self, tap: OnStrayBytes) -> BusLink:
        """Open the port or connection; LineDown says why that failed."""


class BusPlan(msgspec.Struct, frozen=True):
    """The rounds and the load of a bus; `faults` are the reasons not to run it.

    `bounds` has the alarm latency of each device with alarm inputs.
    """

    rounds: dict[str, list[PollRound]]
    load: WireLoad
    bounds: dict[str, AlarmLatency]
    faults: list[FieldError]


def plan_bus(name: str, options: PolledBusOptions, devices: Sequence[Device]) -> BusPlan:
    """Plan the whole bus and collect all its mistakes."""
    faults = [fault for device in devices for fault in _faults(name, options, device)]
    bad = {fault.data.get("device") for fault in faults}
    sound = [device for device in devices if device.id not in bad]
    costs = _costs(options, sound)
    planned = {
        device.id: plan_rounds(device, polled_driver(device.family), costs[device.id])
        for device in sound
    }
    total = plan_load([one for each in planned.values() for one in each], costs)
    if not total.is_bearable:
        most = sorted(total.by_device.items(), key=lambda item: -item[1])
        faults.append(
            BusOverloaded(
                "bus.overloaded",
                bus=name,
                planned=round(total.share, 3),
                most=LOAD_MAX,
                devices={device: round(share, 3) for device, share in most},
            )
        )
    return BusPlan(planned, total, alarm_latencies(planned, costs, options.inflight), faults)


def _costs(options: PolledBusOptions, devices: Sequence[Device]) -> dict[str, WireCost]:
    """The wire costs of each device; reads are kept short where alarm inputs wait for the line."""
    costs = {device.id: options.cost(device.line or options.usual_line) for device in devices}
    if not has_alarm_inputs(devices):
        return costs
    return {
        device: msgspec.structs.replace(cost, longest_s=ALARM_WAIT_S)
        for device, cost in costs.items()
    }


def has_alarm_inputs(devices: Sequence[Device]) -> bool:
    """Whether any device has alarm inputs."""
    return any(point.priority <= ALARM_PRIORITY for device in devices for point in device.points)


def polled_driver(family: str) -> PolledDriver:
    """The driver of a polled family; KeyError if there is none."""
    driver = registry.families()[family]
    if driver.shape is not Shape.POLLED:
        raise KeyError(family)
    return driver


def _faults(bus: str, options: PolledBusOptions, device: Device) -> Iterator[FieldError]:
    try:
        driver = polled_driver(device.family)
    except KeyError:
        yield WrongUse("bus.no-family", bus=bus, device=device.id, family=device.family)
        return
    if options.framing not in driver.framings:
        yield WrongUse("bus.not-on-this-bus", bus=bus, device=device.id, family=device.family)
    yield from driver.check(device)
