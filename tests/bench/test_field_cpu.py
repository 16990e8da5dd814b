"""CPU per 100,000 Modbus points: bare C, our codec and coalescing, and the whole bus."""

import asyncio
import subprocess
import time
from pathlib import Path

import pytest

from drivers.bus.link import ReceivedReply, StreamLink
from drivers.bus.rounds import plan_rounds
from drivers.contract import Device, Point, Quality
from drivers.family import WireCost
from drivers.modbus import codec
from drivers.modbus.driver import DRIVER
from drivers.modbus.emulated_registers import RegisterImage
from drivers.modbus.emulator import ModbusSlave
from drivers.serial_line import SerialLine
from tests.drivers.harness import MemoryOptions, RunningBus
from tests.sim.loop import run

POINTS = 100_000
REGISTERS = 40
POLLS = POINTS // REGISTERS

METER = Device(
    id="m",
    family="modbus",
    address="1",
    points=tuple(
        Point(id=f"p{at}", kind="holding", address=at, scale=0.1, decimals=1)
        for at in range(REGISTERS)
    ),
    every_s=0.2,
)


def reply() -> bytes:
    image = RegisterImage({"holding": {at: 2000 + at for at in range(REGISTERS)}})
    answer = ModbusSlave(1, image).answer(
        codec.rtu_frame(codec.read_request(1, 3, 0, REGISTERS)), 0.0
    )
    assert answer is not None
    return answer


def bare_c(directory: Path) -> float:
    program = directory / "bare"
    source = Path(__file__).with_name("bare.c")
    subprocess.run(["gcc", "-O2", "-o", program, source], check=True)
    told = subprocess.run(
        [program, str(REGISTERS), str(POLLS)], input=reply(), capture_output=True, check=True
    )
    return float(told.stdout)


def codec_alone() -> float:
    """Plan, frame, recognise, check and decode; no wire, no loop, no reading kept."""
    frame = reply()
    began = time.process_time()
    for index in range(POLLS):
        if index % 100 == 0:  # a station plans at start; here it does so 25 times
            ((transaction,),) = (one.transactions for one in plan_rounds(METER, DRIVER, WireCost()))
        place = transaction.expect.find(frame, final=False)
        samples = transaction.decode(frame[slice(*place)])
    took = time.process_time() - began
    assert len(samples) == REGISTERS
    assert samples[3].value == 200.3
    return took


class Instant(StreamLink):
    """A line whose reply is there at once: what remains is our own work."""

    frame = b""

    async def open(self, opener) -> None:
        del opener

    async def exchange(self, transaction, line, timeout_s) -> ReceivedReply:
        await asyncio.sleep(0.001)
        place = transaction.expect.find(self.frame, final=False)
        return ReceivedReply(self.frame[slice(*place)], 0.001)

    async def settle(self, window_s: float) -> None:
        """There is nothing to wait for."""


class InstantOptions(MemoryOptions):
    async def connect(self, tap) -> StreamLink:
        link = Instant(SerialLine(), tap=tap)
        link.frame = reply()
        return link


def whole_bus() -> float:
    """Queue, breaker, patience, statistics, counters, readings: what the station is handed."""

    async def story() -> float:
        async with RunningBus(InstantOptions(lambda _: None), [METER]) as field:
            began = time.process_time()
            await asyncio.sleep(METER.every_s * POLLS)
            took = time.process_time() - began
            good = sum(reading.quality is Quality.GOOD for reading in field.readings())
        assert good >= POINTS
        return took * POINTS / good

    return run(story())


@pytest.mark.bench
def test_cpu_per_hundred_thousand_points(tmp_path) -> None:
    floor_s = bare_c(tmp_path)
    codec_s = min(codec_alone() for _ in range(3))
    bus_s = min(whole_bus() for _ in range(3))
    print(
        f"\nCPU per {POINTS:,} points in polls of {REGISTERS}: bare C {floor_s * 1000:.1f} ms, "
        f"codec and coalescing {codec_s * 1000:.0f} ms ({codec_s / floor_s:.0f} × C), "
        f"the whole bus {bus_s * 1000:.0f} ms ({bus_s / codec_s:.2f} × codec)"
    )
    assert bus_s < 3 * codec_s
