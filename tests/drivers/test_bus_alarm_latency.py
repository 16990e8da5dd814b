"""A key on a shared line, in virtual time: it waits no longer than `check` says."""

import asyncio
import itertools
import os
import random

import pytest

from drivers.bus.alarm_latency import AlarmLatency, alarm_latencies
from drivers.bus.bus_plan import plan_bus
from drivers.contract import Device, Point
from drivers.emulate.rs485 import Rs485Line
from drivers.emulate.slave import SlaveFaults
from drivers.modbus.emulated_registers import RegisterImage
from drivers.modbus.emulator import ModbusSlave
from tests.drivers.harness import LINE, MemoryOptions, RunningBus, meter, run_bus, slave
from tests.sim.loop import run

EVERY_S = 0.1
UNIT = 9
LOST_SHARE = 0.05
NEIGHBOURS = {
    "well": SlaveFaults(),
    "dead": SlaveFaults(dead=True),
    "slow": SlaveFaults(late_s=0.8),
    "too slow": SlaveFaults(late_s=1.6),
    "noisy": SlaveFaults(noise=0.02),
    "littering": SlaveFaults(garbage=1.0, stray=0.5),
    "losing": SlaveFaults(loss=0.5),
}


def keys(unit: int = UNIT) -> Device:
    point = Point(id="key", kind="discrete", address=0, type="bool", priority=1)
    return Device(
        id=f"k{unit}", family="modbus", address=str(unit), points=(point,), every_s=EVERY_S
    )


class KeyModule(ModbusSlave):
    """A module whose replies are lost now and then, never two in a row."""

    def __init__(self, seed: int) -> None:
        super().__init__(UNIT, RegisterImage({"discrete": {0: 0}}), LINE)
        self.loses = 0.0
        self._lost = False
        self._chance = random.Random(seed)

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        self._lost = not self._lost and self._chance.random() < self.loses
        return None if self._lost else super().answer(frame, at_s)


def bound_of(*devices: Device) -> AlarmLatency:
    return plan_bus("b", MemoryOptions(None), devices).bounds[f"k{UNIT}"]


async def line_with(
    neighbour: SlaveFaults, seconds: float, seed: int, *, loses: bool
) -> RunningBus:
    """A key, a good meter, and one as it is said, which may also fall ill on the way."""
    wire = Rs485Line([KeyModule(seed), slave(1), slave(2)], seed=seed)
    devices = [keys(), meter(1, every_s=2), meter(2, every_s=2)]
    async with run_bus(wire, *devices, seed=seed) as field:
        await asyncio.sleep(seconds / 2)
        wire.slaves[0].loses = LOST_SHARE if loses else 0.0
        wire.slaves[2].faults = neighbour
        await asyncio.sleep(seconds)
    return field


def longest_s(
    neighbour: SlaveFaults, seconds: float, seed: int = 1, *, loses: bool = False
) -> float:
    """The longest that a press could have been held without being seen."""
    field = run(line_with(neighbour, seconds, seed, loses=loses))
    at_s = [result.at_ns / 1e9 for result in field.of(f"k{UNIT}") if result.fault is None]
    assert len(at_s) > 1.5 * seconds
    assert loses == any(result.fault is not None for result in field.of(f"k{UNIT}"))
    return max(late - early for early, late in itertools.pairwise(at_s[3:]))


def check(seconds: float, seed: int, *, loses: bool = False) -> dict[str, float]:
    bound = bound_of(keys(), meter(1), meter(2))
    bound_s = bound.lost_s if loses else bound.waits_s
    found = {
        name: longest_s(faults, seconds, seed, loses=loses) for name, faults in NEIGHBOURS.items()
    }
    for name, gap_s in found.items():
        assert gap_s <= EVERY_S + bound_s + 0.05, name  # and its own transaction
    return found


def test_a_key_is_seen_within_its_bound_whatever_its_neighbour_does() -> None:
    found = check(25.0, 1)
    assert found["dead"] < EVERY_S + 0.45  # the line waits for 0.3 s, as nobody needs more
    assert found["well"] < EVERY_S + 0.15


def test_a_key_whose_own_reply_is_lost_is_asked_again_within_its_bound() -> None:
    found = check(25.0, 1, loses=True)
    assert found["well"] < EVERY_S + 0.45  # 0.2 s of waiting, 0.1 s of rest


@pytest.mark.proof
@pytest.mark.parametrize("loses", [False, True])
def test_proof_a_key_is_seen_within_its_bound(loses) -> None:
    seed = int(os.environ.get("YIZHAN_SEED", "1"))
    share = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
    worst: dict[str, float] = {}
    for number in range(max(1, round(40 * share))):
        for name, gap_s in check(300.0, seed + number, loses=loses).items():
            worst[name] = max(worst.get(name, 0.0), gap_s)
    bound = bound_of(keys(), meter(1), meter(2))
    bound_s = EVERY_S + (bound.lost_s if loses else bound.waits_s)
    said = ", ".join(f"{name} {gap_s * 1000:.0f}" for name, gap_s in worst.items())
    print(f"\nseed {seed}: longest blind time in ms, at most {bound_s * 1000:.0f}: {said}")


def test_the_bound_counts_a_dead_neighbour_and_the_other_inputs() -> None:
    alone = bound_of(keys())
    assert (alone.waits_s, alone.behind) == (0.0, None)
    assert alone.lost_s == pytest.approx(0.32, abs=0.02)
    beside = bound_of(keys(), meter(1, timeout_s=2.0), meter(2))
    assert beside.behind == "m1"
    assert beside.waits_s == pytest.approx(2.15, abs=0.03)
    assert beside.lost_s == pytest.approx(2 * beside.waits_s + alone.lost_s)
    other = bound_of(keys(), keys(8))
    assert other.behind == "k8"
    assert other.waits_s > 2 * 1.0


def test_where_there_is_always_room_nobody_waits() -> None:
    found = plan_bus("b", MemoryOptions(None), [keys(), meter(1)])
    costs = {name: MemoryOptions(None).cost(LINE) for name in found.rounds}
    bound = alarm_latencies(found.rounds, costs, inflight=2)[f"k{UNIT}"]
    assert bound.waits_s == 0.0
    assert bound.lost_s < 0.35
