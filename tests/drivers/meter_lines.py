"""An emulated line in virtual time, a real bus on it, and slaves that replay what was published."""

import asyncio
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from drivers.bus.actor import PolledBus
from drivers.contract import Device, PollResult, Quality
from drivers.emulate.rs485 import Rs485Line
from drivers.emulate.slave import Slave
from drivers.profile import Profile, load_profile
from drivers.serial_line import SerialLine
from tests.drivers.harness import RunningBus, run_bus
from tests.sim.loop import run

ROOT = Path(__file__).parents[2]


def profile(name: str) -> Profile:
    return load_profile(ROOT / f"config/devices/{name}.toml")


def image(name: str) -> dict:
    """What a published meter was asked, answered and meant."""
    return tomllib.loads((ROOT / f"tests/golden/devices/{name}.toml").read_text("utf-8"))


class Tape(Slave):
    """Gives the published reply to a published request, and `otherwise` to any other one."""

    def __init__(
        self, exchanges: Sequence[dict], line: SerialLine, otherwise: bytes | None
    ) -> None:
        super().__init__("tape", line, turnaround_s=0.05, strict=False)
        self.replies = {
            bytes.fromhex(each["request"]): bytes.fromhex(each["reply"]) for each in exchanges
        }
        self.otherwise = otherwise
        self.played: set[bytes] = set()

    def accepts(self, frame: bytes) -> bool:
        return True

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        asked = frame.lstrip(b"\xfe")
        self.played.add(asked)
        return self.replies.get(asked, self.otherwise)


def last_of(results: Sequence[PollResult], device: str) -> dict[str, object]:
    """The last value of each point of a device, its quality where that is not good."""
    last = {
        reading.point: reading
        for result in results
        if result.device == device
        for reading in result.readings
    }
    return {
        point: reading.value if reading.quality is Quality.GOOD else reading.quality.value
        for point, reading in last.items()
    }


def on_line(
    wire: Rs485Line,
    devices: Sequence[Device],
    seconds: float,
    story: Callable[[PolledBus], Awaitable[None]] | None = None,
) -> RunningBus:
    """Run a bus on the wire for so long, in virtual time; `story` comes before."""

    async def main() -> RunningBus:
        line = devices[0].line or SerialLine()
        async with run_bus(wire, *devices, line=line, turnaround_s=0.05) as running:
            if story is not None:
                await story(running.bus)
            await asyncio.sleep(seconds)
        return running

    return run(main())
