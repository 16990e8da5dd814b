"""A station that an installer has just unpacked: settings with a name and nothing else."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page

from drivers.emulate.field import (
    EmulatedBusSpec,
    EmulatedField,
    EmulatedFieldSpec,
    EmulatedMeterSpec,
)
from drivers.profiles import find_profile
from gateway.demo.platform.app import Platform
from tests.ports import free_port
from tests.station.harness import StationProcess

PASSWORD = "an installer's long sentence"

BARE = """# 望京西园三区，张工 2026-11-24 装
schema = 1

[station]
id = "under-test"   # 永不更改
name = "试验站"

[web]
port = {port}          # 本机页面
lan_port = {lan_port}

[discovery]
announce = false
"""


class Box:
    """The machine: a line with two emulated meters on it, a platform, and the bare station."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.lan_port, platform_port = free_port(), free_port(), free_port()
        self.line = folder / "ttyLINE"
        self.field = EmulatedField.from_spec(
            EmulatedFieldSpec(
                bus={"line": EmulatedBusSpec(kind="serial", link=str(self.line))},
                meter={
                    "m1": EmulatedMeterSpec(profile="eastron-sdm120", bus="line", unit=1),
                    "m2": EmulatedMeterSpec(profile="eastron-sdm120", bus="line", unit=2),
                },
            ),
            find_profile,
        )
        self.platform = Platform(folder / "platform")
        self.platform_port = platform_port
        self.bare = BARE.format(port=self.port, lan_port=self.lan_port)
        self.settings.write_text(self.bare, "utf-8")
        self.station = StationProcess(folder)

    @property
    def settings(self) -> Path:
        return self.folder / "station.toml"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def text(self) -> str:
        return self.settings.read_text("utf-8")

    async def lanes(self) -> dict[str, Any]:
        """What the platform holds, by lane."""
        state = await self.station.get("/api/state", self.platform_port)
        return {lane["lane"]: lane for lane in state["lanes"]}


@contextlib.asynccontextmanager
async def box(folder: Path) -> AsyncIterator[Box]:
    """The machine, its station running."""
    made = Box(folder)
    await made.field.start()
    await made.platform.start("127.0.0.1", made.platform_port)
    try:
        await made.station.start()
        yield made
    finally:
        if made.station._process is not None:
            await made.station.kill()
        await made.platform.stop()
        await made.field.stop()


class Hand:
    """A person at the pages; counts what they press, type into and choose."""

    def __init__(self, page: Page, made: Box) -> None:
        self.page = page
        self.made = made
        self.presses = 0
        self.fields = 0

    async def open(self, path: str) -> None:
        await self.page.goto(self.made.url + path)

    async def press(self, name: str, within: Locator | None = None) -> None:
        self.presses += 1
        place = self.page if within is None else within
        await place.get_by_role("button", name=name).first.click()

    async def follow(self, name: str) -> None:
        self.presses += 1
        await self.page.get_by_role("link", name=name).first.click()

    async def fill(self, selector: str, value: str) -> None:
        self.fields += 1
        await self.page.locator(selector).first.fill(value)

    async def choose(self, selector: str, value: str) -> None:
        self.fields += 1
        await self.page.locator(selector).first.select_option(value)

    async def claim(self) -> None:
        """The first account, with the code that the station has."""
        code = await self.made.station.claim_code()
        await self.open("/signin")
        form = "form[action='/signin/claim'] "
        await self.fill(form + "[name=code]", code)
        await self.fill(form + "[name=id]", "boss")
        await self.fill(form + "[name=name]", "王工")
        await self.fill(form + "[name=password]", PASSWORD)
        self.presses += 1
        await self.page.locator(form + "button").click()
        await self.page.wait_for_load_state()

    async def until(self, holds: Callable[[], Any], within_s: float = 60) -> None:
        """Look again until it holds."""
        for _ in range(int(within_s * 10)):
            if await holds():
                return
            await self.page.wait_for_timeout(100)
        raise AssertionError(await self.page.locator("main").inner_text())
