"""Every polled family on every hostile wire. Families are found by folder: nothing to edit here.

Each wire carries two devices of the family; the first (or the whole wire) is ill-treated and then
left in peace. Whatever happens, no false value is believed, the other device is not disturbed,
and the first comes back with its values.
"""

import asyncio
import importlib
from pathlib import Path

import pytest

from drivers import registry
from drivers.contract import Reading
from drivers.emulate.conformance import ConformanceDevice
from drivers.emulate.rs485 import Rs485Line
from drivers.family import Shape
from tests.drivers.harness import RunningBus, run_bus
from tests.sim.loop import simulated

ROOT = Path(__file__).parents[2] / "drivers"
POLLED = [
    name for name in registry.family_names() if registry.families()[name].shape is Shape.POLLED
]

WIRES = {
    "split": {"split": True},
    "loss": {"loss": 0.3},
    "delay": {"late_s": 0.4},
    "silence": {"dead": True},
    "late reply": {"late_s": 1.7},
    "very late reply": {"late_s": 4.2},
    "noise": {"noise": 0.01},
    "garbage": {"garbage": 1.0},
    "strays": {"stray": 1.0},
    "strays and late": {"stray": 1.0, "late_s": 1.2, "late_share": 0.5},
    "late refusals": {
        "exception": 2, "exception_share": 0.3, "late_s": 1.7, "late_share": 0.5,
    },
    "repeats": {"repeat": 0.3},
}  # fmt: skip
STILL_ANSWERS = {
    "split", "delay", "late reply", "garbage", "loss", "noise", "strays", "repeats",
}  # fmt: skip
# So late that in this time some are waited for long enough, and some are not.
MAY_ANSWER = {"very late reply", "strays and late", "late refusals"}


def specimens(family: str) -> list[ConformanceDevice]:
    module = importlib.import_module(f"drivers.{family}.conformance")
    return [module.conformance_device(number) for number in (1, 2)]


def wrong(field: RunningBus, them: list[ConformanceDevice]) -> list[Reading]:
    truth = {
        (each.device.id, point): value for each in them for point, value in each.values.items()
    }
    return [
        reading
        for reading in field.believed()
        if reading.value != truth[reading.device, reading.point]
    ]


@pytest.mark.parametrize("family", registry.family_names())
def test_a_family_is_a_whole_folder(family) -> None:
    for part in ("codec", "driver", "emulator"):
        assert (ROOT / family / f"{part}.py").exists() or (ROOT / family / part).is_dir()
    for part in ("vectors.toml", "README.md"):
        assert (ROOT / family / part).is_file()


@pytest.mark.parametrize("family", POLLED)
@pytest.mark.parametrize("name", WIRES)
@simulated
async def test_ill_treated_and_left_in_peace(family, name) -> None:
    them = specimens(family)
    ill, well = them
    wire = Rs485Line([ill.slave, well.slave], seed=7)
    async with run_bus(wire, ill.device, well.device, line=ill.slave.line) as field:
        await asyncio.sleep(31)
        assert field.values(ill.device.id) == ill.values
        for fault, value in WIRES[name].items():
            setattr(ill.slave.faults, fault, value)
        before = len(field.of(ill.device.id))
        await asyncio.sleep(120)
        ill_then = field.of(ill.device.id)[before:]
        ill.slave.faults.clear()
        await asyncio.sleep(400)
    assert wrong(field, them) == []
    assert field.values(ill.device.id) == ill.values
    assert field.values(well.device.id) == well.values
    answers = any(result.fault is None for result in ill_then)
    assert answers == (name in STILL_ANSWERS) or name in MAY_ANSWER
    periods_s = field.periods_s(well.device.id)[1:]
    assert sum(periods_s) / len(periods_s) == pytest.approx(5, rel=0.05)
    assert field.states(well.device.id) == ["ok"]
    assert wire.counters.violations == wire.counters.wrong_line == 0


@pytest.mark.parametrize("family", POLLED)
@simulated
async def test_a_hostile_wire_as_a_whole(family) -> None:
    them = specimens(family)
    wire = Rs485Line([each.slave for each in them], seed=11)
    wire.faults.split, wire.faults.loss = True, 0.1
    wire.faults.noise, wire.faults.garbage = 0.003, 0.3
    devices = [each.device for each in them]
    async with run_bus(wire, *devices, line=them[0].slave.line) as field:
        await asyncio.sleep(900)
    assert wrong(field, them) == []
    for each in them:
        good = [result for result in field.of(each.device.id) if result.fault is None]
        assert len(good) > 60


@pytest.mark.parametrize("family", POLLED)
@simulated
async def test_unplugged_at_any_moment(family) -> None:
    them = specimens(family)
    wire = Rs485Line([each.slave for each in them])
    async with run_bus(wire, *(each.device for each in them), line=them[0].slave.line) as field:
        for moment in range(12):
            await asyncio.sleep(10 + moment * 0.037)
            wire.unplug()
            await asyncio.sleep(1.5)
            wire.plug()
        await asyncio.sleep(60)
    assert wrong(field, them) == []
    for each in them:
        assert field.values(each.device.id) == each.values
    assert field.line_states().count("up") == 13
