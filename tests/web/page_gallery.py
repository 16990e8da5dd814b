"""Every screen of the live page and of a device, in every state."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser, Page

from gateway.health import Vitals
from gateway.web.server import ServerLimits
from gateway.web.stream import StreamLimits
from tests.web import browser
from tests.web.gallery import DESK, OUT, PHONE, Gallery
from tests.web.station import NORMAL, STATES, Station, crowd, station


async def _nothing(_page: Page, _station: Station) -> None:
    """The screen as it comes."""


async def lose_the_station(page: Page, made: Station) -> None:
    """The station stops while the page is open; ten seconds pass."""
    await made.server.stop()
    await page.clock.run_for(10_000)
    await page.wait_for_selector("#lost:not([hidden])")


async def be_refused(page: Page, _made: Station) -> None:
    """Every stream is taken."""
    await page.clock.run_for(7_000)
    await page.wait_for_selector("text=Too many people are watching")


class Shot(NamedTuple):
    """One screen in one state."""

    name: str
    vitals: Callable[[], Vitals] = lambda: NORMAL
    path: str = "/"
    width: int = DESK
    query: str = ""
    act: Callable[[Page, Station], Awaitable[None]] = _nothing
    streams_max: int = 16


SHOTS = (
    *(Shot(f"live-{name}", made) for name, made in STATES.items()),
    *(Shot(f"live-{n}-phone", STATES[n], width=PHONE) for n in ("normal", "empty", "volatile")),
    Shot("live-crowd", crowd),
    Shot("live-crowd-phone", lambda: crowd(12), width=PHONE),
    Shot("live-zoom-200", width=DESK // 2),
    Shot("live-tablet", lambda: crowd(9), width=900),
    Shot("live-night", query="?night=on"),
    Shot("live-en", query="?lang=en"),
    Shot("live-en-away-night-phone", STATES["away"], width=PHONE, query="?lang=en&night=on"),
    Shot("live-lost", act=lose_the_station),
    Shot("live-lost-phone", width=PHONE, act=lose_the_station),
    Shot("live-full-en", query="?lang=en", act=be_refused, streams_max=0),
    Shot("device", path="/devices/em-b3"),
    Shot("device-phone", path="/devices/em-b3", width=PHONE),
    Shot("device-night-en", path="/devices/em-b3", query="?night=on&lang=en&point=voltage-a"),
    Shot("device-silent", path="/devices/pump"),
    Shot("device-contacts-phone", path="/devices/di-b3", width=PHONE),
    Shot("device-waiting", STATES["waiting"], path="/devices/em-b3"),
    Shot("device-volatile-en", STATES["volatile"], path="/devices/gas-b5", query="?lang=en"),
    Shot("not-found", path="/nowhere"),
    Shot("not-found-en-phone", path="/nowhere", width=PHONE, query="?lang=en"),
)


async def take(chromium: Browser, shot: Shot, out: Path | None = OUT) -> browser.Verdict:
    """Open the screen, bring it into its state, picture it and judge it."""
    bounds = ServerLimits(streams=StreamLimits(streams_max=shot.streams_max))
    async with (
        station(shot.vitals(), bounds=bounds) as made,
        browser.tab(chromium, width=shot.width) as page,
    ):
        console = browser.complaints(page)
        if shot.act is not _nothing:
            await page.clock.install()
        await page.goto(made.address + shot.path + shot.query)
        refused = shot.path == "/nowhere" or not shot.streams_max
        if not refused:
            await page.wait_for_selector("body[data-heard]")
        heard = [] if refused else list(console)  # a refusal that was asked for is no complaint
        await shot.act(page, made)
        if out is not None:
            await browser.shoot(page, out / f"{shot.name}.png")
        return await browser.judge(page, heard)


async def main(names: list[str]) -> int:
    """Take all shots (or those named), print what was found."""
    gallery = Gallery("live")
    async with browser.browser() as chromium:
        for shot in (shot for shot in SHOTS if not names or shot.name in names):
            verdict = await take(chromium, shot)
            kb = verdict.page_bytes / 1000
            figures = f"{kb:6.1f} kB  first paint {verdict.paint_ms:5.0f} ms"
            gallery.hang(shot.name, verdict.rules, verdict.faults, figures)
        return await gallery.close(chromium)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
