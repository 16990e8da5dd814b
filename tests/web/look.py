"""`./dev look`: every screen in every state, judged and put on one contact sheet.

Pictures go to `.dev/look/`; the exit code is 1 if any screen has a fault.
"""

import asyncio
import html
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser, Page

from gateway.health import Vitals
from gateway.web.server import Bounds
from gateway.web.stream import Limits
from tests.web import browser
from tests.web.station import NORMAL, STATES, Station, crowd, station

OUT = Path(__file__).parents[2] / ".dev" / "look"
DESK, PHONE = 1440, 390


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
    bounds = Bounds(streams=Limits(streams_max=shot.streams_max))
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


async def contact_sheet(chromium: Browser, shots: tuple[Shot, ...]) -> None:
    """All pictures on one, in the order of `SHOTS`."""
    cells = "".join(
        f'<figure><figcaption>{html.escape(shot.name)}</figcaption><img src="{shot.name}.png" '
        f'width="{DESK // 3 if shot.width == DESK else PHONE // 2}"></figure>'
        for shot in sorted(shots, key=lambda shot: -shot.width)
    )
    sheet = OUT / "contact.html"
    style = "body{display:flex;flex-wrap:wrap;gap:16px;align-items:start;font:14px sans-serif}"
    page_text = f"<!doctype html><meta charset=utf-8><style>{style}</style>{cells}"
    await asyncio.to_thread(sheet.write_text, page_text, "utf-8")
    async with browser.tab(chromium, width=1980) as page:
        await page.goto(sheet.as_uri())
        await browser.shoot(page, OUT / "contact.png")


async def main(names: list[str]) -> int:
    """Take all shots (or those named), print what was found."""
    shots = tuple(shot for shot in SHOTS if not names or shot.name in names)
    faulty = 0
    async with browser.browser() as chromium:
        for shot in shots:
            verdict = await take(chromium, shot)
            faulty += bool(verdict.faults)
            kb = verdict.page_bytes / 1000
            print(
                f"{shot.name:28} {verdict.rules:3} rules {len(verdict.faults):3} faults "
                f"{kb:6.1f} kB  first paint {verdict.paint_ms:5.0f} ms",
                flush=True,
            )
            for fault in verdict.faults[:12]:
                print(f"    {fault}")
        await contact_sheet(chromium, shots)
    print(f"{len(shots)} screens, {faulty} with faults; pictures in {OUT}")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
