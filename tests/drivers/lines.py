"""An emulated line in virtual time, a real bus on it, and slaves that replay what was published."""

import asyncio
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from drivers.bus.actor import Bus
from drivers.bus.line import Line
from drivers.bus.link import StreamLink
from drivers.bus.wire import Wire
from drivers.contract import Device, DeviceChange, PollResult
from drivers.emulate.memory import opener
from drivers.emulate.slave import Slave
from drivers.family import Framing, WireCost
from drivers.profile import Profile, load
from tests.sim.loop import run

ROOT = Path(__file__).parents[2]


def profile(name: str) -> Profile:
    return load(ROOT / f"config/devices/{name}.toml")


def image(name: str) -> dict:
    """What a published meter was asked, answered and meant."""
    return tomllib.loads((ROOT / f"tests/golden/devices/{name}.toml").read_text("utf-8"))


class Tape(Slave):
    """Gives the published reply to a published request, and `otherwise` to any other one."""

    def __init__(self, exchanges: Sequence[dict], line: Line, otherwise: bytes | None) -> None:
        super().__init__("tape", line, turnaround_s=0.05, strict=False)
        self.replies = {
            bytes.fromhex(each["request"]): bytes.fromhex(each["reply"]) for each in exchanges
        }
        self.otherwise = otherwise
        self.played: set[bytes] = set()

    def hears(self, frame: bytes) -> bool:
        return True

    def answer(self, frame: bytes, at_s: float) -> bytes | None:
        asked = frame.lstrip(b"\xfe")
        self.played.add(asked)
        return self.replies.get(asked, self.otherwise)


class WireOptions(msgspec.Struct, frozen=True, kw_only=True):
    """A `[bus.*]` whose port is an emulated wire."""

    wire: Wire
    usual_line: Line
    turnaround_s: float = 0.05
    where: str = "emulated"
    framing: Framing = Framing.STREAM
    inflight: int = 1

    def cost(self, line: Line) -> WireCost:
        return WireCost(Framing.STREAM, line.char_s, self.turnaround_s, line.silence_s)

    async def connect(self, tap) -> StreamLink:
        link = StreamLink(self.usual_line, tap=tap)
        await link.open(opener(self.wire, line=self.usual_line))
        return link


class Heard:
    """What a bus has told."""

    def __init__(self) -> None:
        self.results: list[PollResult] = []
        self.changes: list[DeviceChange] = []

    def values(self, device: str) -> dict[str, object]:
        """The last value of each point, its quality where that is not good."""
        last = {}
        for result in self.results:
            if result.device == device:
                last |= {reading.point: reading for reading in result.readings}
        return {
            point: reading.value if reading.quality.value == "good" else reading.quality.value
            for point, reading in last.items()
        }


def on_line(
    wire: Wire,
    devices: Sequence[Device],
    seconds: float,
    story: Callable[[Bus, Heard], Awaitable[None]] | None = None,
    usual: Line | None = None,
) -> Heard:
    """Run a bus on the wire for so long, in virtual time; `story` runs beside it."""
    heard = Heard()

    async def main() -> None:
        options = WireOptions(wire=wire, usual_line=usual or devices[0].line or Line())
        bus = Bus("line", options, devices, heard.results.append, heard.changes.append)
        running = asyncio.create_task(bus.run())
        try:
            if story is not None:
                await story(bus, heard)
            await asyncio.sleep(seconds)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run(main())
    return heard
