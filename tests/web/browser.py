"""A real browser over the real server: what a reader gets, measured and judged."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

# Only against hanging, as the page's own.
CLOSE_WITHIN_S = 60.0

# A page that is not closed by then will not be: closing takes some milliseconds.
PAGE_WITHIN_S = 3.0

SHELL = "chromium-headless-shell"
# The same engine without the windows that Chromium draws around each page even where nobody sees
# them: a page costs a fifth.
CHROMIUM = shutil.which(SHELL) or shutil.which("chromium") or "/usr/bin/chromium"

ARGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
)
LEVELS = ("wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
AXE_RUN = """async (levels) => {
  axe.configure({ checks: [{ id: "color-contrast-enhanced",
    options: { contrastRatio: { large: { expected: 7 }, normal: { expected: 7 } } } }] });
  const found = await axe.run({ runOnly: levels });
  const told = (list) => list.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary}`));
  return { rules: found.passes.length, violations: told(found.violations),
           incompletes: told(found.incomplete) };
}"""
# A key that stays down: a live page is not brought up to date while axe goes through it.
HELD = """() => { dispatchEvent(new KeyboardEvent("keydown", { key: "Shift" })); }"""

MEASURE = """() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const loaded = [performance.getEntriesByType("navigation")[0],
                  ...performance.getEntriesByType("resource")
                    .filter((entry) => !entry.name.includes("/api/"))]
    .filter(Boolean);  // a page with an arranged clock keeps no such entries
  return { paint_ms: paint ? paint.startTime : -1,
           bytes: loaded.reduce((sum, entry) => sum + entry.transferSize, 0),
           over: document.documentElement.scrollWidth - innerWidth };
}"""


class Verdict(NamedTuple):
    """What was found on one screen."""

    rules: int
    violations: list[str]
    incompletes: list[str]
    over_px: int
    paint_ms: float
    page_bytes: int
    console: list[str]

    @property
    def faults(self) -> list[str]:
        """Everything that must not be."""
        over = [f"{self.over_px} px wider than the window"] if self.over_px > 0 else []
        return [*self.violations, *self.incompletes, *over, *self.console]


@contextlib.asynccontextmanager
async def browser(*more: str) -> AsyncIterator[Browser]:
    """Debian's Chromium without a screen, with `more` switches."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGS, *more])
        yield started
        await started.close()


@contextlib.asynccontextmanager
async def tab(
    chromium: Browser, *, width: int = 1440, height: int = 900, **settings: Any
) -> AsyncIterator[Page]:
    """A fresh reader: no cookies, the station's languages, quiet motion."""
    context = await chromium.new_context(
        viewport={"width": width, "height": height},
        locale="zh-CN",
        reduced_motion="reduce",
        **settings,
    )
    page = await context.new_page()
    page.set_default_timeout(60_000)  # only against hanging: the machine may be busy
    yield page
    async with asyncio.timeout(CLOSE_WITHIN_S):
        await _close_pages(context)
        await context.close()


async def _close_pages(context: BrowserContext) -> None:
    """Close its pages; one that Chromium only says it has closed is left to its context.

    Where a close meets the commit of a navigation (the last press of a test was a form's), Chromium
    acknowledges it and the page stays (microsoft/playwright#42366). A context that is closed in
    that moment may hang as well; a moment later it takes the page with it.
    """
    closing = [asyncio.create_task(page.close()) for page in context.pages]
    if closing:
        await asyncio.wait(closing, timeout=PAGE_WITHIN_S)


def complaints(page: Page) -> list[str]:
    """What the browser complains about from now on: scripts that fail, policies that are broken."""
    found: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            found.append(f"console: {message.text}")

    page.on("console", said)
    page.on("pageerror", lambda error: found.append(f"script: {error}"))
    return found


async def judge(page: Page, console: list[str]) -> Verdict:
    """Measure this screen and let axe look at it."""
    measured = await page.evaluate(MEASURE)
    heard = list(console)
    await page.evaluate(HELD)
    await page.evaluate(AXE_SCRIPT)
    axe = await page.evaluate(AXE_RUN, LEVELS)
    return Verdict(
        axe["rules"],
        axe["violations"],
        axe["incompletes"],
        measured["over"],
        measured["paint_ms"],
        measured["bytes"],
        heard,
    )


async def shoot(page: Page, path: Path) -> None:
    """A picture of the whole page."""
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    await page.screenshot(path=path, full_page=True)
