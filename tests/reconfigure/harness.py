"""The life cycle over real files, beside a station that does what a test says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.clock import Clock
from gateway.config.load import examine_text
from gateway.config.schema import Settings
from gateway.reconfigure.history import SettingsHistory
from gateway.reconfigure.lifecycle import (
    ChangeRequest,
    RestartScope,
    SettingsLifecycle,
    needs_restart,
)
from gateway.reconfigure.records import ChangeRecord, WorkingParts
from gateway.reconfigure.startup import SettingsStartup
from gateway.toml import Phrase

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

    def restart_scope(self, after: Settings) -> RestartScope:
        return RestartScope(needs_restart(self.settings, after), ("box",), ())

    def working_parts(self, touched: RestartScope, after: Settings) -> WorkingParts:
        return WorkingParts(buses=touched.buses)

    async def switch_to(self, after: Settings) -> None:
        error = self.fails.pop(0) if self.fails else None
        if error is not None:
            raise error
        self.taken.append(after)
        self.settings = after

    def troubles(self, working: WorkingParts, *, final: bool) -> list[Phrase]:
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
        self.begun = SettingsStartup.recover(self.file, folder / "state", clock)
        text = self.begun.shelf.text()
        settings, mistakes = examine_text(text, self.file)
        assert settings is not None, mistakes
        self.live = FakeLive(settings)
        self.told: list[ChangeRecord] = []
        self.cycle = SettingsLifecycle(self.shelf, self.live, clock, self._tell, text, aside=inline)

    @property
    def shelf(self) -> SettingsHistory:
        return self.begun.shelf

    async def start(self) -> "Desk":
        await self.cycle.start(self.begun.trial)
        return self

    async def _tell(self, records: Sequence[ChangeRecord]) -> None:
        self.told = list(records)

    def states(self) -> list[str]:
        return [record.state for record in self.shelf.records()]

    def end(self) -> None:
        """The process has gone: its lock with it."""
        self.shelf.release()


def change(text: str, **given: Any) -> ChangeRequest:
    return ChangeRequest(text=text.encode(), who="installer:boss", why="试一试", **given)
