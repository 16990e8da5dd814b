"""Every measured family on hostile wires: the right value, or none; for whoever asked, alone."""

import asyncio
import inspect

import pytest

from drivers.bus_kinds import bus_kinds
from drivers.contract import DeviceState, FieldError, LineDown, NoReply, NotWritable, WrongUse
from drivers.emulate import memory_stream
from drivers.emulate.rs485 import Rs485Line
from drivers.family import Shape
from drivers.runners.measured_bus import MeasuredBus
from tests.conformance.shapes import conformance_of, driver_of, families_of
from tests.drivers.harness import MemoryOptions
from tests.sim.loop import simulated

MEASURED = families_of(Shape.MEASURED)
TRIES = 20
WIRES = {
    "split": {"split": True},
    "loss": {"loss": 0.5},
    "delay": {"late_s": 0.4},
    "silence": {"dead": True},
    "late reply": {"late_s": 1.7},
    "noise": {"noise": 0.02},
    "garbage": {"garbage": 1.0},
    "strays": {"stray": 1.0},
    "repeats": {"repeat": 0.5},
}


class Measuring:
    """A bus of one device of the family."""

    def __init__(self, family: str) -> None:
        self.specimen = conformance_of(family).conformance_device(1)
        self.wire = Rs485Line([self.specimen.slave], seed=9)
        self.device = self.specimen.device
        self.faults: list[BaseException] = []
        self.bus = MeasuredBus(
            "arm",
            MemoryOptions(memory_stream.stream_opener(self.wire)),
            [(self.device, driver_of(family))],
            on_fault=lambda _, error: self.faults.append(error),
        )

    async def measure(self, within_s: float = 10) -> dict[str, object]:
        until_s = asyncio.get_running_loop().time() + within_s
        measured = await self.bus.measure(self.device.id, until_s)
        return {sample.point.id: sample.value for sample in measured.samples}


@pytest.mark.parametrize("family", MEASURED)
@pytest.mark.parametrize("name", WIRES)
@simulated
async def test_a_hostile_wire_gives_the_truth_or_nothing(family, name) -> None:
    field = Measuring(family)
    for fault, value in WIRES[name].items():
        setattr(field.specimen.slave.faults, fault, value)
    good = 0
    for _ in range(TRIES):
        try:
            assert await field.measure() == field.specimen.values
            good += 1
        except FieldError:
            pass
        await asyncio.sleep(5)
    assert field.faults == []
    assert (good > 0) == (name not in {"silence", "late reply"})
    field.specimen.slave.faults.clear()
    assert await field.measure() == field.specimen.values
    assert field.bus.stats.devices[field.device.id].state is DeviceState.OK


@pytest.mark.parametrize("family", MEASURED)
@simulated
async def test_the_deadline_holds_and_the_port_is_closed_again(family) -> None:
    field = Measuring(family)
    field.specimen.slave.faults.late_s = 3600
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(NoReply):
        await field.measure(within_s=0.5)
    assert asyncio.get_running_loop().time() - began_s < 0.6
    assert field.bus.stats.opened == 1
    field.wire.unplug()
    with pytest.raises(LineDown):
        await field.measure()
    field.wire.plug()
    field.specimen.slave.faults.clear()
    assert await field.measure() == field.specimen.values


@pytest.mark.parametrize("family", MEASURED)
@simulated
async def test_two_people_are_served_one_after_the_other(family) -> None:
    field = Measuring(family)
    both = await asyncio.gather(field.measure(), field.measure())
    assert both == [field.specimen.values] * 2
    assert field.wire.counters.collisions == 0


@pytest.mark.parametrize("family", MEASURED)
@simulated
async def test_nothing_else_can_be_had_from_it(family) -> None:
    field = Measuring(family)
    with pytest.raises(NotWritable):
        await field.bus.write(field.device.id, "systolic", 1)
    with pytest.raises(WrongUse):
        await field.bus.measure("nobody", asyncio.get_running_loop().time() + 1)
    assert field.bus.counters(field.device.id) is None


def test_a_bus_of_measured_devices_is_given_no_sink_and_tells_no_state() -> None:
    taken = set(inspect.signature(MeasuredBus).parameters)
    assert taken == {"name", "options", "devices", "on_fault"}
    assert "measured" not in bus_kinds()
