"""Builds the buses of devices that are not polled.

Each is imported only if a device of its shape is configured.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

from drivers.contract import Device, OnState, Sink
from drivers.family import ActingDriver, Driver, ListeningDriver, MeasuredDriver, Measurement, Shape
from drivers.registry import families
from gateway.config.schema import BusSetting
from gateway.faults import OnFault
from gateway.station.health import CountingBus


class BusOutlets(NamedTuple):
    """Where a bus reports readings, its state and faults."""

    sink: Sink
    on_state: OnState
    on_fault: OnFault


@runtime_checkable
class OnDemandBus(Protocol):
    """A bus that takes a reading on demand."""

    async def measure(self, device: str, until_s: float) -> Measurement:
        """One reading, before `until_s` of the running loop; a FieldError says why not."""


DeviceWithDriver = tuple[Device, Driver]


def drivers_of(devices: Sequence[Device]) -> list[DeviceWithDriver]:
    """Each device with the driver of its family."""
    return [(device, families()[device.family]) for device in devices]


def listening_bus(
    bus: BusSetting, devices: Sequence[DeviceWithDriver], outlets: BusOutlets, keys: Path | None
) -> CountingBus:
    """An inlet with its devices."""
    from drivers.inlets.kinds import INLET_KINDS  # noqa: PLC0415  # if configured
    from drivers.runners.listening_bus import ListeningBus  # noqa: PLC0415  # if configured

    heard = cast(Sequence[tuple[Device, ListeningDriver]], devices)
    inlet = INLET_KINDS[bus.kind].open(bus.options, heard[0][1].inlet, keys)
    return ListeningBus(
        bus.id, inlet, heard, outlets.sink, outlets.on_state, on_fault=outlets.on_fault
    )


def bus_apart(
    bus: BusSetting, devices: Sequence[DeviceWithDriver], outlets: BusOutlets
) -> CountingBus | None:
    """A bus whose devices measure or act; None for others."""
    options: Any = bus.options
    if all(driver.shape is Shape.MEASURED for _, driver in devices):
        from drivers.runners.measured_bus import MeasuredBus  # noqa: PLC0415  # if configured

        measured = cast(Sequence[tuple[Device, MeasuredDriver]], devices)
        return MeasuredBus(bus.id, options, measured, on_fault=outlets.on_fault)
    if all(driver.shape is Shape.ACTING for _, driver in devices):
        from drivers.runners.acting_bus import ActingBus  # noqa: PLC0415  # if configured

        acting = cast(Sequence[tuple[Device, ActingDriver]], devices)
        return ActingBus(
            bus.id, options, acting, outlets.sink, outlets.on_state, on_fault=outlets.on_fault
        )
    return None
