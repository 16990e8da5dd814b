"""A search behind the pages, on a line that the station polls: it is lent, and given back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from drivers.emulate.field import EmulatedBusSpec, EmulatedFieldSpec, EmulatedMeterSpec
from drivers.emulate.field import EmulatedField as Emulated
from drivers.profiles import find_profile
from gateway.config.load import load
from gateway.config.schema import Settings
from gateway.errors import Unavailable, UsageError
from gateway.station.bus_scan import BusScan
from gateway.station.buses import BusSet
from tests.setup.harness import BARE

LINE = """
[bus.line]
kind = "serial"
port = "{port}"
line = "9600 8N1"
[bus.box]
kind = "modbus-tcp"
address = "127.0.0.1:1"
[device.m1]
name = "表1"
profile = "eastron-sdm120"
bus = "line"
address = "1"
place = ""
line = "9600 8N1"
every_s = 0.3
"""


class Bench:
    """One line with two emulated meters; the station polls the first."""

    def __init__(self, folder: Path) -> None:
        self.port = folder / "ttyLINE"
        meters = {
            f"m{n}": EmulatedMeterSpec(profile="eastron-sdm120", bus="line", unit=n) for n in (1, 2)
        }
        spec = EmulatedFieldSpec(
            bus={"line": EmulatedBusSpec(kind="serial", link=str(self.port))}, meter=meters
        )
        self.emulated = Emulated.from_spec(spec, find_profile)
        text = BARE.format(port=8080, lan_port=8443) + LINE.format(port=self.port)
        (folder / "station.toml").write_text(text, "utf-8")
        self.settings: Settings = load(folder)
        self.polls = 0
        self.field = BusSet(self.settings, self._polled, lambda _change: None)
        self.searcher = BusScan(self.field, lambda: self.settings, folder / "devices")

    def _polled(self, result: object) -> None:
        self.polls += 1

    async def until(self, holds: Callable[[], bool], within_s: float = 60) -> None:
        async with asyncio.timeout(within_s):
            while not holds():  # noqa: ASYNC110  # a real line, which tells nobody
                await asyncio.sleep(0.02)

    async def silent(self) -> None:
        """Until nobody talks on the line: the question under way is asked to its end."""
        before, now = None, (self.polls, self.searcher.scan.asking)
        async with asyncio.timeout(60):
            while before != now:
                await asyncio.sleep(0.5)
                before, now = now, (self.polls, self.searcher.scan.asking)

    async def polled_again(self) -> None:
        seen = self.polls
        await self.until(lambda: self.polls > seen)


@contextlib.asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    made = Bench(folder)
    await made.emulated.start()
    made.field.start()
    try:
        await made.polled_again()
        yield made
    finally:
        await made.searcher.end()
        await made.field.stop()
        await made.emulated.stop()


async def test_a_line_is_searched_paused_read_and_polled_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        searcher = made.searcher
        await searcher.start("line", only="9600 8N1")
        await made.until(lambda: bool(searcher.scan.found))
        assert searcher.scan.lent
        assert searcher.scan.left_s > 0
        with pytest.raises(Unavailable):
            await searcher.start("line")
        assert not searcher.scan.found[0].read, "nothing is asked of it before the search has ended"
        searcher.pause()
        await made.silent()
        searcher.resume()
        await made.until(lambda: len(searcher.scan.found) == 2)
        searcher.stop()
        await made.until(lambda: searcher.scan.phase == "ended")
        first, second = searcher.scan.found
        assert first.read
        assert second.read
        assert (first.address, first.device, second.address) == ("1", "m1", "2")
        assert [each.name for each in second.said][:2] == ["有功功率", "电压"]
        await made.polled_again()


async def test_settings_that_touch_the_line_end_the_search(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.searcher.start("line")
        await made.until(lambda: made.searcher.scan.line != "")
        await made.field.stop_buses({"line"})
        assert made.searcher.scan.phase == "ended"
        made.field.start()
        await made.polled_again()


async def test_what_cannot_be_searched_says_why(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        for bus in ("box", "nowhere"):
            with pytest.raises(UsageError):
                await made.searcher.start(bus)
        await made.emulated.stop()
        await made.searcher.start("line")
        await made.until(lambda: made.searcher.scan.phase == "failed")
        assert made.searcher.scan.code == "bus.port-missing"
        await made.emulated.start()
