"""Pictures of screens: each verdict is printed as it comes, all pictures end on one sheet."""

import asyncio
import html
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from playwright.async_api import Browser

from tests.web import browser

OUT = Path(__file__).parents[2] / ".dev" / "look"
DESK, PHONE = 1440, 390
FAULTS_SHOWN = 12
STYLE = (
    "body{display:flex;flex-wrap:wrap;gap:16px;align-items:start;font:14px sans-serif}"
    "figure{margin:0}figcaption{max-width:160px;overflow:hidden}"
)


class Named(Protocol):
    """A screen: the tests try some, the sheet shows all."""

    @property
    def name(self) -> str:
        """That of its picture."""


ShotT = TypeVar("ShotT", bound=Named)
SiteT = TypeVar("SiteT")


class Gallery:
    """The screens of one room; `shown` is how wide a picture hangs, for one of `DESK` pixels."""

    def __init__(self, room: str, *, shown: int = DESK // 3) -> None:
        self._room, self._shown = room, shown
        self._hung: list[str] = []
        self.faulty = 0

    def hang(self, name: str, rules: int, faults: list[str], figures: str = "") -> None:
        """Take in the picture `<name>.png`, and print what was found on that screen."""
        self._hung.append(name)
        self.faulty += bool(faults)
        print(f"{name:36} {rules:3} rules {len(faults):3} faults {figures}".rstrip(), flush=True)
        for fault in faults[:FAULTS_SHOWN]:
            print(f"    {fault}")

    async def walk(
        self,
        chromium: Browser,
        shots: Iterable[ShotT],
        take: Callable[[Browser, SiteT, ShotT], Awaitable[browser.Verdict]],
        opened: Callable[[Path], AbstractAsyncContextManager[SiteT]],
    ) -> None:
        """Take those screens of one station in a folder of its own."""
        with tempfile.TemporaryDirectory() as folder:
            async with opened(Path(folder)) as made:
                for shot in shots:
                    verdict = await take(chromium, made, shot)
                    self.hang(shot.name, verdict.rules, verdict.faults)

    async def close(self, chromium: Browser) -> int:
        """Put all on `contact-<room>.png`; the exit code is 1 if any screen has a fault."""
        if not self._hung:
            return 0
        await asyncio.to_thread(OUT.mkdir, parents=True, exist_ok=True)
        cells = "".join(
            f"<figure><figcaption>{html.escape(name)}</figcaption>"
            f'<img src="{name}.png" onload="this.width = this.naturalWidth * {self._shown / DESK}">'
            "</figure>"
            for name in self._hung
        )
        page_text = f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{cells}"
        made = OUT / f"contact-{self._room}.html"
        await asyncio.to_thread(made.write_text, page_text, "utf-8")
        async with browser.tab(chromium, width=2000) as page:
            await page.goto(made.as_uri())
            await browser.shoot(page, made.with_suffix(".png"))
        print(f"{self._room}: {len(self._hung)} screens, {self.faulty} with faults")
        return 1 if self.faulty else 0


def wanted(shots: Iterable[ShotT], names: Sequence[str]) -> list[ShotT]:
    """Those that are named; all, if none is."""
    return [shot for shot in shots if not names or shot.name in names]


async def show(
    room: str,
    shots: Iterable[ShotT],
    take: Callable[[Browser, SiteT, ShotT], Awaitable[browser.Verdict]],
    opened: Callable[[Path], AbstractAsyncContextManager[SiteT]],
) -> int:
    """Take the screens of a room in one station, print what was found; the exit code."""
    gallery = Gallery(room)
    async with browser.browser() as chromium:
        await gallery.walk(chromium, shots, take, opened)
        return await gallery.close(chromium)
