"""Renews the pictures of the READMEs: `./dev look pictures`.

They are screens of `./dev look`, made small: one of the desk, one of the kiosk, in
each language.
"""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser

from tests.alarms import gallery as alarms
from tests.alarms.harness import alarm_site
from tests.kiosk.screen import gallery as kiosk
from tests.repository.code_tree import ROOT
from tests.web import browser
from tests.web.gallery import OUT

FOLDER = ROOT / "docs" / "pictures"
WIDTH_PX, HEIGHT_PX = 880, 495
# The picture in `.dev/look/` that is made small, by the name it has in the READMEs.
PICTURES = {
    "desk.zh": "desk-alarms",
    "desk.en": "desk-alarms-en",
    "kiosk.zh": "kiosk-zh-wide-home",
    "kiosk.en": "kiosk-en-wide-home",
}
DESK = (
    alarms.Shot("desk-alarms", "/desk/", alarms.four),
    alarms.Shot("desk-alarms-en", "/desk/", alarms.four, query="?lang=en"),
)
KIOSK = {"zh-wide", "en-wide"}


async def take_screens(chromium: Browser) -> None:
    """Every screen anew, into `.dev/look/`."""
    with tempfile.TemporaryDirectory() as folder:
        async with alarm_site(Path(folder)) as made:
            for shot in DESK:
                await alarms.take(chromium, made, shot)
    for mode in kiosk.MODES:
        if mode.name in KIOSK:
            await kiosk.through(chromium, mode, OUT, only={"home"})


async def make_small(chromium: Browser, source: Path, target: Path) -> None:
    """The upper part of a picture, as wide as a README shows it and as high as a screen."""
    page_file = source.with_suffix(".html")
    image = f'<body style="margin:0"><img src="{source.name}" style="width:100%">'
    await asyncio.to_thread(page_file.write_text, f"<!doctype html>{image}", "utf-8")
    async with browser.tab(chromium, width=WIDTH_PX, height=HEIGHT_PX) as page:
        await page.goto(page_file.as_uri())
        await page.screenshot(path=target)


async def renew() -> int:
    """Take the screens and lay the small pictures into `docs/pictures/`."""
    await asyncio.to_thread(FOLDER.mkdir, exist_ok=True)
    async with browser.browser() as chromium:
        await take_screens(chromium)
        for name, source in PICTURES.items():
            target = FOLDER / f"{name}.png"
            await make_small(chromium, OUT / f"{source}.png", target)
            print(f"{target.relative_to(ROOT)} {target.stat().st_size / 1000:.0f} kB", flush=True)
    return 0
