"""Every state of the settings page, in a browser: `python -m tests.reconfigure.gallery [NAME…]`."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser as Chromium

from gateway.desk.section import section as desk_section
from gateway.errors import Unavailable
from gateway.event import Trust
from gateway.reconfigure.records import ChangeTrial
from gateway.reconfigure.section import section
from gateway.web.section import Section
from tests.access.gallery import sign_in
from tests.access.harness import Site, site
from tests.reconfigure.harness import FIRST, SECOND, Desk, change
from tests.web import browser
from tests.web.gallery import DESK, OUT, PHONE, Gallery, wanted
from tests.web.station import WALL_NS

METERS = "".join(
    f'[device.w{n}]\nname = "{n}号楼水表"\nprofile = "eastron-sdm120"\nbus = "box"\n'
    f'address = "{n + 10}"\nplace = ""\n'
    for n in range(1, 4)
)


class Shot(NamedTuple):
    """One screen: how far the history is, and who looks how."""

    name: str
    story: str = "told"
    path: str = "/desk/settings"
    width: int = DESK
    query: str = ""
    who: str = "boss"


SHOTS = (
    Shot("settings"),
    Shot("settings-phone", width=PHONE),
    Shot("settings-kept", query="?n=2"),
    Shot("settings-kept-phone-en", query="?n=2&lang=en", width=PHONE),
    Shot("settings-night-en", query="?night=on&lang=en"),
    Shot("settings-empty", "empty"),
    Shot("settings-empty-phone", "empty", width=PHONE),
    Shot("settings-under-way", "under-way"),
    Shot("settings-card", path="/desk/"),
    Shot("settings-card-phone", path="/desk/", width=PHONE),
)


class Furnished(Site):
    """A station whose settings have a history, and whose desk shows its card alone."""

    desk: Desk

    def sections(self) -> list[Section]:
        self.desk = Desk(self.folder, self.clock)
        mine = section(self.desk.cycle, self.look, self.names)
        assert mine.card is not None
        desk = desk_section(
            {"settings": mine.card},
            access=self.access,
            clock=self.clock,
            lanes=self.journal,
            ledger=self.ledger,
            vitals=self.look,
            moved=self.steps.append,
        )
        return [desk, *super().sections()[1:], mine]


@contextlib.asynccontextmanager
async def furnished(folder: Path, story: str) -> AsyncIterator[Furnished]:
    """The station with that story."""
    async with site(folder, kind=Furnished) as made:
        made.clock.learn(Trust.NTP, WALL_NS, 1_000_000)
        await made.furnish()
        await made.desk.start()
        cycle = made.desk.cycle
        if story != "empty":
            await cycle.apply(change(SECOND + METERS))
            made.desk.live.fails = [Unavailable("appliance.bus-lost", bus="box")]
            await cycle.apply(change(FIRST.replace("5020", "5021")))
        if story == "under-way":
            cycle.under_way = ChangeTrial(4, "0" * 16, "1" * 16, "platform:district", "换到新机柜")
        yield made


async def take(
    chromium: Chromium, made: Furnished, shot: Shot, out: Path | None = OUT
) -> browser.Verdict:
    """Open the screen, picture it and judge it."""
    async with browser.tab(chromium, width=shot.width, ignore_https_errors=True) as page:
        console = browser.complaints(page)
        await sign_in(page, made, shot.who)
        await page.goto(made.https + shot.path + shot.query)
        await page.wait_for_selector("body[data-heard]")
        if out is not None:
            await browser.shoot(page, out / f"{shot.name}.png")
        return await browser.judge(page, console)


async def main(names: list[str]) -> int:
    """Take all shots (or those named), print what was found."""
    gallery, shots = Gallery("settings"), wanted(SHOTS, names)
    async with browser.browser() as chromium:
        for story in sorted({shot.story for shot in shots}):
            told = [shot for shot in shots if shot.story == story]
            await gallery.walk(chromium, told, take, partial(furnished, story=story))
        return await gallery.close(chromium)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
