"""The life cycle over real files, beside a station that does what a test says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.appliance.load import examine_text
from gateway.appliance.schema import Settings
from gateway.appliance.settings.cycle import Change, Cycle, Touched, cold
from gateway.appliance.settings.records import Record, Working
from gateway.appliance.settings.shelf import Shelf
from gateway.appliance.settings.starting import Start
from gateway.clock import Clock
from gateway.settings import Phrase

FIRST = """schema = 1
[station]
id = "under-test"
name = "试验站"
[bus.box]
kind = "modbus-tcp"
address = "127.0.0.1:5020"
[device.m1]
name = "表1"
profile = "eastron-sdm120"
bus = "box"
address = "1"
place = ""
"""
SECOND = FIRST.replace("表1", "一号表")
COLD = FIRST + "[journal]\nquota_mb = 17\n"


async def inline(call: Any, *arguments: Any) -> Any:
    """As a thread would, in no time."""
    return call(*arguments)


class FakeLive:
    """A station: `fails` is what taking other settings up raises, `sick` what is wrong then."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.taken: list[Settings] = []
        self.restarts = 0
        self.fails: list[Exception | None] = []
        self.sick: tuple[Phrase, ...] = ()
        self.healthy_after = 0

    def touched(self, after: Settings) -> Touched:
        return Touched(cold(self.settings, after), ("box",), ())

    def working(self, touched: Touched, after: Settings) -> Working:
        return Working(buses=touched.buses)

    async def take_up(self, after: Settings) -> None:
        error = self.fails.pop(0) if self.fails else None
        if error is not None:
            raise error
        self.taken.append(after)
        self.settings = after

    def troubles(self, working: Working, *, final: bool) -> list[Phrase]:
        if self.healthy_after:
            self.healthy_after -= 1
            return [Phrase("appliance.bus-lost", {"bus": "box"})]
        return list(self.sick)

    def restart(self) -> None:
        self.restarts += 1


class Desk:
    """One process of a station: made anew it is the next one, over the same files."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.file = folder / "station.toml"
        (folder / "state").mkdir(exist_ok=True)
        if not self.file.exists():
            self.file.write_text(FIRST, "utf-8")
        self.begun = Start.recover(self.file, folder / "state", clock)
        text = self.begun.shelf.text()
        settings, mistakes = examine_text(text, self.file)
        assert settings is not None, mistakes
        self.live = FakeLive(settings)
        self.told: list[Record] = []
        self.cycle = Cycle(self.shelf, self.live, clock, self._tell, text, aside=inline)

    @property
    def shelf(self) -> Shelf:
        return self.begun.shelf

    async def start(self) -> "Desk":
        await self.cycle.start(self.begun.trial)
        return self

    async def _tell(self, records: Sequence[Record]) -> None:
        self.told = list(records)

    def states(self) -> list[str]:
        return [record.state for record in self.shelf.records()]

    def end(self) -> None:
        """The process has gone: its lock with it."""
        self.shelf.release()


def change(text: str, **given: Any) -> Change:
    return Change(text=text.encode(), who="installer:boss", why="试一试", **given)
