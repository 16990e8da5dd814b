"""Everything that is to be known of a bus before it runs: its rounds, its load, its mistakes."""

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

# The longest block on a line with alarm inputs: 60 registers at 9600 baud.
ALARM_WAIT_S = 0.15

# How long a line with alarm inputs waits for a reply, until a device shows that it needs more.
REPLY_WAIT_S = 0.3


class PolledBusOptions(Protocol):
    """What the actor needs of a kind of bus; each kind's `Options` in `kinds.py` is one."""

    @property
    def where(self) -> str:
        """Port or address, for people."""

    @property
    def usual_line(self) -> SerialLine:
        """The line of devices that name none."""

    @property
    def framing(self) -> Framing:
        """How frames travel."""

    @property
    def inflight(self) -> int:
        """Transactions that may be under way at once."""

    def cost(self, line: SerialLine) -> WireCost:
        """What the wire costs at these line settings."""

    async def connect(self, tap: OnStrayBytes) -> BusLink:
        """Open it; LineDown says why not."""


class BusPlan(msgspec.Struct, frozen=True):
    """What polling these devices comes to; `faults` are reasons against running it.

    `bounds` says of each device with alarm inputs how long they may wait for the wire.
    """

    rounds: dict[str, list[PollRound]]
    load: WireLoad
    bounds: dict[str, AlarmLatency]
    faults: list[FieldError]


def plan_bus(name: str, options: PolledBusOptions, devices: Sequence[Device]) -> BusPlan:
    """Plan the whole bus, and collect everything that speaks against it."""
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
    """What each device's wire costs; where alarm inputs wait for it, blocks are kept short."""
    costs = {device.id: options.cost(device.line or options.usual_line) for device in devices}
    if not has_alarm_inputs(devices):
        return costs
    return {
        device: msgspec.structs.replace(cost, longest_s=ALARM_WAIT_S)
        for device, cost in costs.items()
    }


def has_alarm_inputs(devices: Sequence[Device]) -> bool:
    """Whether alarm inputs wait for this line."""
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
