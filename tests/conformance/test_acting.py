"""Every acting family on hostile wires: at most once, and done only if the device says so."""

import asyncio
import contextlib
from typing import Self

import pytest

from drivers.contract import (
    BusBusy,
    DeviceState,
    FieldError,
    LineDown,
    NotWritable,
    PollResult,
    Quality,
    WriteNotKept,
)
from drivers.emulate import memory_stream
from drivers.emulate.rs485 import Rs485Line
from drivers.family import Shape
from drivers.runners.acting_bus import QUEUE_MAX, ActingBus
from gateway.intake.storage_answer import StorageAnswer
from tests.conformance.shapes import conformance_of, driver_of, families_of
from tests.drivers.harness import MemoryOptions
from tests.sim.loop import simulated

ACTING = families_of(Shape.ACTING)
TRIES = 20
WIRES = {
    "split": {"split": True},
    "loss": {"loss": 0.5},
    "delay": {"late_s": 0.4},
    "noise": {"noise": 0.02},
    "garbage": {"garbage": 1.0},
    "repeats": {"repeat": 0.5},
}


class Acting:
    """A running bus of one device of the family."""

    def __init__(self, family: str) -> None:
        self.specimen = conformance_of(family).conformance_device()
        self.wire = Rs485Line([self.specimen.slave], seed=4)
        self.polls: list[PollResult] = []
        self.changes: list[object] = []
        self.faults: list[BaseException] = []
        self.bus = ActingBus(
            "sign", MemoryOptions(memory_stream.stream_opener(self.wire)),
            [(self.specimen.device, driver_of(family))], self.take, self.changes.append,
            on_fault=lambda _, error: self.faults.append(error),
        )  # fmt: skip

    def take(self, poll: PollResult):
        self.polls.append(poll)
        return StorageAnswer(taken=True)

    async def act(self, value: object = None) -> Quality:
        told = self.specimen.value if value is None else value
        reading = await self.bus.write(self.specimen.device.id, self.specimen.action, told)
        return reading.quality

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.bus.run())
        await asyncio.sleep(1)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


@pytest.mark.parametrize("family", ACTING)
@simulated
async def test_what_is_told_is_done_and_said_to_be(family) -> None:
    async with Acting(family) as field:
        assert await field.act() is Quality.GOOD
        assert field.specimen.acted() == [field.specimen.value]
        await asyncio.sleep(3 * field.specimen.device.every_s)
    assert field.faults == []
    assert {poll.fault for poll in field.polls} == {None}
    assert field.bus.stats.devices[field.specimen.device.id].state is DeviceState.OK


@pytest.mark.parametrize("family", ACTING)
@pytest.mark.parametrize("name", WIRES)
@simulated
async def test_a_hostile_wire_never_acts_twice_and_never_lies(family, name) -> None:
    async with Acting(family) as field:
        for fault, value in WIRES[name].items():
            setattr(field.specimen.slave.faults, fault, value)
        for _ in range(TRIES):
            before = len(field.specimen.acted())
            try:
                quality = await field.act()
            except FieldError:
                quality = Quality.TIMEOUT
            acted = len(field.specimen.acted()) - before
            assert acted <= 1
            assert quality is not Quality.GOOD or acted == 1 or name == "noise"
            await asyncio.sleep(2)
        field.specimen.slave.faults.clear()
        await asyncio.sleep(3)
        assert await field.act() is Quality.GOOD
    assert field.faults == []


@pytest.mark.parametrize("family", ACTING)
@simulated
async def test_silence_is_sent_and_not_known(family) -> None:
    async with Acting(family) as field:
        field.specimen.slave.faults.dead = True
        assert await field.act() is Quality.SUBSTITUTED
        await asyncio.sleep(3 * field.specimen.device.every_s)
    assert field.bus.stats.devices[field.specimen.device.id].state is DeviceState.SILENT
    assert {reading.value for reading in field.polls[-1].readings} == {None}


@pytest.mark.parametrize("family", ACTING)
@simulated
async def test_lies_of_the_status_are_never_believed(family) -> None:
    async with Acting(family) as field:
        field.specimen.slave.lies = "bad-sum"
        assert await field.act() is Quality.SUBSTITUTED
        field.specimen.slave.lies = "not-yet"
        assert await field.act() is Quality.SUBSTITUTED
        field.specimen.slave.lies = "not-done"
        with pytest.raises(WriteNotKept):
            await field.act()
        field.specimen.slave.lies = None
        assert await field.act() is Quality.GOOD


@pytest.mark.parametrize("family", ACTING)
@simulated
async def test_a_full_queue_refuses_and_a_line_that_is_down_gives_up_in_time(family) -> None:
    async with Acting(family) as field:
        field.wire.unplug()
        await asyncio.sleep(2)
        waiting = [asyncio.create_task(field.act()) for _ in range(QUEUE_MAX)]
        await asyncio.sleep(0.1)
        with pytest.raises(BusBusy):
            await field.act()
        waiting[0].cancel()
        began_s = asyncio.get_running_loop().time()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert asyncio.get_running_loop().time() - began_s < 35
        assert all(isinstance(each, LineDown) for each in ended[1:])
        field.wire.plug()
        await asyncio.sleep(70)
        assert field.specimen.acted() == [], "what was given up is not done later"
        assert await field.act() is Quality.GOOD


@pytest.mark.parametrize("family", ACTING)
@simulated
async def test_what_is_no_action_is_refused_at_once(family) -> None:
    async with Acting(family) as field:
        for point in field.specimen.device.points:
            if point.writable is None:
                with pytest.raises(NotWritable):
                    await field.bus.write(field.specimen.device.id, point.id, "x")
        with pytest.raises(FieldError):
            await field.bus.write("nobody", field.specimen.action, "x")


@pytest.mark.parametrize("family", ACTING)
@simulated
async def test_unplugged_in_the_midst_of_an_action_it_is_not_repeated(family) -> None:
    async with Acting(family) as field:
        field.specimen.slave.faults.late_s = 0.5
        acting = asyncio.create_task(field.act())
        await asyncio.sleep(0.3)
        field.wire.unplug()
        await asyncio.gather(acting, return_exceptions=True)
        field.wire.plug()
        field.specimen.slave.faults.clear()
        await asyncio.sleep(120)
    assert len(field.specimen.acted()) <= 1
