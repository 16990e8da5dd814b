"""One RS-485 line with three protocols, two line settings, alarm contacts, and one of each dead."""

import asyncio
import random

from drivers.bus.bus_plan import plan_bus
from drivers.cjt188.emulator import Cjt188Slave
from drivers.contract import Device, PollResult, Quality
from drivers.dlt645.emulator import Dlt645Slave
from drivers.emulate.rs485 import Rs485Line
from drivers.modbus.emulated_registers import RegisterImage
from drivers.modbus.emulator import ModbusSlave
from drivers.serial_line import SerialLine
from tests.drivers.harness import MemoryOptions, run_bus
from tests.drivers.meter_lines import profile
from tests.sim.loop import simulated

FAST, SLOW = SerialLine(9600), SerialLine(2400, 8, "E", 1)
WATER, EM, DI = "78330011223344", "201000000012", 9
CONTACT_EVERY_S = 0.2
EDGES = 400


def electricity(address: str = EM) -> Dlt645Slave:
    slave = Dlt645Slave(address)
    slave.show("00010000", "00123456")
    slave.show("00020000", "00000001")
    slave.show("02030000", "001278")
    slave.show("02060000", "0733")
    for phase in (1, 2, 3):
        slave.show(f"02010{phase}00", f"230{phase}")
        slave.show(f"02020{phase}00", f"00125{phase}")
        slave.show(f"02030{phase}00", f"00042{phase}")
        slave.show(f"02060{phase}00", f"073{phase}")
    slave.show("02800002", "5003")
    return slave


def water(address: str = WATER) -> Cjt188Slave:
    slave = Cjt188Slave(0x10, address)
    slave.show("1F90", "45 23 01 00 2C", "00 20 01 00 2C", "30 58 20 23 11 26 20")
    return slave


def contacts(unit: int = DI) -> ModbusSlave:
    return ModbusSlave(unit, RegisterImage({"discrete": dict.fromkeys(range(8), 0)}), FAST)


def devices() -> list[Device]:
    fast, slow = {"line": FAST, "timeout_s": 0.3}, {"line": SLOW}
    di, em, water = (
        profile(name) for name in ("generic-di8", "dlt645-three-phase", "cjt188-water")
    )
    return [
        di.device("di", str(DI), every_s=CONTACT_EVERY_S, **fast),
        di.device("di-dead", "10", every_s=CONTACT_EVERY_S, **fast),
        em.device("em", EM, every_s=60, **slow),
        em.device("em-dead", "201000000099", every_s=60, **slow),
        water.device("water", WATER, every_s=60, **slow),
        water.device("water-dead", "78330000000099", every_s=60, **slow),
    ]


def truth(point: str, voltage: float) -> object:
    return {"voltage-a": voltage, "volume": 123.45, "energy": 1234.56, "power-b": 0.0422}.get(point)


async def play(slave: ModbusSlave, chance: random.Random) -> list[tuple[float, bool]]:
    """Close and open input 4 at random instants; give each edge."""
    edges, closed = [], False
    for _ in range(EDGES):
        await asyncio.sleep(chance.uniform(2, 8))
        closed = not closed
        slave.image.put("discrete", 3, [int(closed)])
        edges.append((asyncio.get_running_loop().time(), closed))
    return edges


def lateness_s(edges: list[tuple[float, bool]], results: list[PollResult]) -> list[float]:
    """How long after each edge a reading of the contact module showed it."""
    shown = [
        (result.at_ns / 1e9, reading.value)
        for result in results
        for reading in result.readings
        if reading.point == "input-4" and reading.quality is Quality.GOOD
    ]
    return [
        next(at_s for at_s, value in shown if at_s >= edge_s and value is closed) - edge_s
        for edge_s, closed in edges
    ]


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


@simulated
async def test_three_protocols_and_alarm_contacts_on_one_line() -> None:
    dead = [contacts(10), electricity("201000000099"), water("78330000000099")]
    for slave in dead:
        slave.faults.dead = True
    di, em, tap = contacts(), electricity(), water()
    wire = Rs485Line([di, em, tap, *dead], seed=3)
    async with run_bus(wire, *devices(), line=FAST, turnaround_s=0.02) as field:
        await asyncio.sleep(60)
        edges = await play(di, random.Random(7))
        await asyncio.sleep(2)
        stats = field.bus.stats
        lasted_s = field.loop.time() - field.began_s
    late_s = lateness_s(edges, field.of("di"))
    wrong = [
        (reading.device, reading.point, reading.value)
        for reading in field.believed()
        if (expected := truth(reading.point, 230.1)) is not None and reading.value != expected
    ]
    wasted = sum(stats.devices[name].wasted_s for name in ("di-dead", "em-dead", "water-dead"))
    share = wasted / lasted_s
    print(
        f"\n{len(late_s)} edges, p95 {p95(late_s) * 1000:.0f} ms, "
        f"max {max(late_s) * 1000:.0f} ms; {wire.counters.frames} frames, "
        f"{stats.wire.line_changes} line changes, dead ones {share:.1%} of the wire"
    )
    assert wrong == []
    assert wire.counters.violations == wire.counters.wrong_line == wire.counters.collisions == 0
    assert len(late_s) == EDGES
    assert p95(late_s) <= 0.5
    assert share <= 0.02 * len(dead)
    for name in ("di", "em", "water"):
        assert field.states(name) == ["ok"]
    for name in ("di-dead", "em-dead", "water-dead"):
        assert field.states(name) == ["silent"]


def test_blocks_are_short_where_alarms_wait() -> None:
    options = MemoryOptions(None, line=FAST, turnaround_s=0.02)
    di, em = devices()[0], devices()[2]
    plans = {name: plan_bus("b", options, them) for name, them in
             {"alone": [em], "with contacts": [em, di]}.items()}  # fmt: skip
    points = {
        name: max(len(each.points) for one in plan.rounds["em"] for each in one.transactions)
        for name, plan in plans.items()
    }
    assert points == {"alone": 4, "with contacts": 1}
    assert plans["with contacts"].load.longest_s < plans["alone"].load.longest_s
    assert all(plan.faults == [] for plan in plans.values())
