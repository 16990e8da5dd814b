"""The station's buses: one task each, replaced one by one when their settings change."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple, cast

from drivers.bus_kinds import bus_kinds
from drivers.contract import Device, OnState, Sink, WrongUse
from drivers.family import Measurement
from drivers.field_bus import BusKind, FieldBus
from gateway.config.schema import BusSetting, Settings
from gateway.faults import OnFault, log_fault
from gateway.station.absent_bus import AbsentBus
from gateway.station.health import CountingBus
from gateway.station.runners import (
    BusOutlets,
    OnDemandBus,
    bus_apart,
    drivers_of,
    listening_bus,
)
from gateway.tasks import STOP_WITHIN_S, stop_tasks, supervise

# Ends the use of a lent bus and gives it back.
RecallBus = Callable[[], Awaitable[None]]


class _Plan(NamedTuple):
    """The settings of a bus: if they differ, it is built anew."""

    bus: BusSetting
    devices: tuple[Device, ...]


class BusSet:
    """The buses by name. `buses` stays the same mapping, as others hold it."""

    def __init__(
        self,
        settings: Settings,
        sink: Sink,
        on_state: OnState,
        on_fault: OnFault = log_fault,
        *,
        kinds: Callable[[], Mapping[str, BusKind]] = bus_kinds,
        keys: Path | None = None,
    ) -> None:
        """Build all buses; one that cannot be built is down, and the others work.

        `keys` is the folder of the inlets' credentials if systemd provides none.
        """
        self._kinds = kinds
        self._keys = keys
        self._on_fault = on_fault
        self._sink = sink
        self._on_state = on_state
        self._plans = _plans(settings)
        self.buses = {name: self._tried(plan) for name, plan in self._plans.items()}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._lent: dict[str, RecallBus] = {}

    def start(self) -> None:
        """Start polling."""
        for name in self.buses:
            if name in self._tasks or name in self._lent:
                continue
            self._tasks[name] = supervise(f"bus {name}", self.buses[name].run, self._on_fault)

    async def stop(self) -> None:
        """Stop polling."""
        await stop_tasks(list(self._tasks.values()), STOP_WITHIN_S)
        self._tasks.clear()

    def changed_buses(self, settings: Settings) -> set[str]:
        """The buses that other settings would remove or replace."""
        plans = _plans(settings)
        return {name for name, plan in self._plans.items() if plans.get(name) != plan}

    async def lend(self, name: str, recall: RecallBus) -> None:
        """Close a bus, so that its port can be used by others until `give_back`.

        `recall` takes it back at once, because a change of its settings cannot wait. Its devices
        are not read meanwhile, and their values become stale.
        """
        self._lent[name] = recall
        await self._end({name})

    def give_back(self, name: str) -> None:
        """Poll again, if the settings still have devices there."""
        if self._lent.pop(name, None) is not None:
            self.start()

    async def stop_buses(self, names: set[str]) -> None:
        """Stop these buses; until `replace` they keep their last state."""
        for name in [each for each in self._lent if each in names]:
            await self._lent[name]()
        await self._end(names)

    async def _end(self, names: set[str]) -> None:
        ending = [each for each in self._tasks if each in names]
        await stop_tasks([self._tasks.pop(name) for name in ending], STOP_WITHIN_S)

    def replace(self, settings: Settings) -> None:
        """Build new and changed buses, without a pause; `start` then polls them."""
        plans = _plans(settings)
        changed = [name for name in plans if self._plans.get(name) != plans[name]]
        built = {name: self._built(plans[name]) for name in changed}
        for name, bus in built.items():
            for device in plans[name].devices:
                self._take_over(bus, device)
        for name in [each for each in self._plans if each not in plans]:
            del self.buses[name]
        self.buses.update(built)
        self._plans = plans

    @property
    def devices(self) -> list[Device]:
        """All devices on all buses."""
        return [device for plan in self._plans.values() for device in plan.devices]

    async def measure(self, device_id: str, until_s: float) -> Measurement:
        """One reading for a person, before `until_s` of the running loop; else FieldError."""
        found = self.find_device(device_id)
        if found is None or not isinstance(found[0], OnDemandBus):
            raise WrongUse("bus.no-point", device=device_id, point="")
        return await found[0].measure(device_id, until_s)

    def find_device(self, device_id: str) -> tuple[FieldBus, Device] | None:
        """A device and its bus."""
        for name, plan in self._plans.items():
            for device in plan.devices:
                if device.id == device_id:
                    return self.buses[name], device
        return None

    def _tried(self, plan: _Plan) -> CountingBus:
        """The bus, or a stand-in that is down."""
        try:
            return self._built(plan)
        except Exception as error:  # noqa: BLE001  # the edge of one bus, whatever its library lacks
            self._on_fault(f"start.bus.{plan.bus.id}", error)
            return AbsentBus(plan.bus.id, [device.id for device in plan.devices])

    def _take_over(self, bus: CountingBus, device: Device) -> None:
        """A meter's counts survive its bus; another address is another meter."""
        former = self.find_device(device.id)
        if former is None or _meter(former[1]) != _meter(device):
            return
        before, after = former[0].counters(device.id), bus.counters(device.id)
        if before is not None and after is not None:
            before.hand_over(after)

    def _built(self, plan: _Plan) -> CountingBus:
        if (bus := self._runner(plan)) is not None:
            return bus
        build = self._kinds()[plan.bus.kind].build
        made = build(
            plan.bus.id,
            plan.bus.options,
            list(plan.devices),
            self._sink,
            self._on_state,
            on_fault=self._on_fault,
        )
        return cast(CountingBus, made)

    def _runner(self, plan: _Plan) -> CountingBus | None:
        """The bus of devices that are not polled; None if the kind builds it."""
        with_drivers = drivers_of(plan.devices)
        if plan.bus.inlet:
            return listening_bus(plan.bus, with_drivers, self._outlets(), self._keys)
        return bus_apart(plan.bus, with_drivers, self._outlets())

    def _outlets(self) -> BusOutlets:
        return BusOutlets(self._sink, self._on_state, self._on_fault)


def _meter(device: Device) -> tuple[object, ...]:
    return device.family, device.address, device.points


def _plans(settings: Settings) -> dict[str, _Plan]:
    """A plan for each bus with devices; one without would only hold its port."""
    made = {}
    for name, bus in settings.buses.items():
        devices = tuple(setting.device for setting in settings.devices_on(name))
        if devices:
            made[name] = _Plan(bus, devices)
    return made
