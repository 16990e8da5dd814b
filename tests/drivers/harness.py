"""A bus on an emulated wire, in virtual time: what it said, asked, and believed."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Iterable
from typing import Self

from drivers.bus.actor import PolledBus
from drivers.bus.link import BusLink, OnStrayBytes, StreamLink
from drivers.bus.stream import OpenStream
from drivers.contract import (
    BusChange,
    Device,
    DeviceChange,
    Point,
    PollResult,
    Quality,
    Reading,
)
from drivers.emulate import memory_stream
from drivers.emulate.rs485 import Rs485Line
from drivers.family import Framing, WireCost
from drivers.modbus.emulated_registers import RegisterImage
from drivers.modbus.emulator import ModbusSlave
from drivers.serial_line import SerialLine

LINE = SerialLine(9600)


class MemoryOptions:
    """A kind of bus whose port is an emulated wire."""

    framing = Framing.STREAM
    inflight = 1
    where = "emulated"

    def __init__(
        self,
        opener: OpenStream,
        *,
        line: SerialLine = LINE,
        echo: bool = False,
        turnaround_s: float = 0.01,
    ) -> None:
        self.usual_line = line
        self._opener = opener
        self._echo = echo
        self._turnaround_s = turnaround_s

    def cost(self, line: SerialLine) -> WireCost:
        return WireCost(Framing.STREAM, line.char_s, self._turnaround_s, line.silence_s)

    async def connect(self, tap: OnStrayBytes) -> BusLink:
        link = StreamLink(self.usual_line, echo=self._echo, tap=tap)
        await link.open(self._opener)
        return link


class RunningBus:
    """A bus that runs, and everything that came out of it."""

    def __init__(self, options: MemoryOptions, devices: Iterable[Device], seed: int = 1) -> None:
        self.results: list[PollResult] = []
        self.changes: list[DeviceChange | BusChange] = []
        self.bus = PolledBus(
            "b", options, list(devices), self.results.append, self.changes.append,
            jitter=random.Random(seed),
        )  # fmt: skip
        self.loop = asyncio.get_running_loop()
        self.began_s = self.loop.time()
        self._task = asyncio.create_task(self.bus.run())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stats = self.bus.stats
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def of(self, device: str) -> list[PollResult]:
        return [result for result in self.results if result.device == device]

    def readings(self) -> Iterable[Reading]:
        return (reading for result in self.results for reading in result.readings)

    def values(self, device: str) -> dict[str, object]:
        return {reading.point: reading.value for reading in self.of(device)[-1].readings}

    def states(self, device: str) -> list[str]:
        return [
            change.state.value
            for change in self.changes
            if isinstance(change, DeviceChange) and change.device == device
        ]

    def line_states(self) -> list[str]:
        return [change.state.value for change in self.changes if isinstance(change, BusChange)]

    def believed(self) -> Iterable[Reading]:
        return (reading for reading in self.readings() if reading.quality is Quality.GOOD)

    def periods_s(self, device: str, *, good: bool = True) -> list[float]:
        """Time between the device's rounds, of those that brought values."""
        at = [result.at_ns / 1e9 for result in self.of(device) if not good or result.fault is None]
        return [late - early for early, late in itertools.pairwise(at)]


def word(unit: int, address: int) -> int:
    """What register `address` of slave `unit` holds: no two in one rig are the same."""
    return unit * 256 + address


def slave(unit: int, *, registers: int = 60, line: SerialLine = LINE, **more) -> ModbusSlave:
    image = RegisterImage({"holding": {at: word(unit, at) for at in range(registers)}})
    return ModbusSlave(unit, image, line, **more)


def meter(unit: int, *addresses: int, every_s: float = 5.0, **more) -> Device:
    points = tuple(
        Point(id=f"r{at}", kind="holding", address=at) for at in addresses or tuple(range(20))
    )
    return Device(
        id=f"m{unit}", family="modbus", address=str(unit), every_s=every_s, points=points, **more
    )


def wrong(running: RunningBus) -> list[Reading]:
    """Readings that were believed and are not what the slave holds."""
    return [
        reading
        for reading in running.believed()
        if reading.value != word(int(reading.device[1:]), int(reading.point[1:]))
    ]


def run_bus(wire: Rs485Line, *devices: Device, seed: int = 1, **options) -> RunningBus:
    return RunningBus(MemoryOptions(memory_stream.stream_opener(wire), **options), devices, seed)
