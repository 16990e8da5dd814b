"""The real station, the real dispatcher and a real browser: a car comes; the station goes away."""

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page

from tests.kiosk.requests.test_end_to_end import House, house
from tests.web import browser

BACK_S_MAX, STOP_S_MAX = 2.0, 3.0
STREAMS = 5

pytestmark = pytest.mark.slow


def address(made: House) -> str:
    return f"http://127.0.0.1:{made.port}/kiosk/"


async def shows(page: Page, *names: str) -> None:
    selector = ", ".join(f'body[data-on="{name}"]' for name in names)
    await page.wait_for_selector(selector)


@contextlib.asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[tuple[House, Page]]:
    """The station with its dispatcher, and its page."""
    async with (
        house(folder) as made,
        browser.browser() as chromium,
        browser.tab(chromium, width=1080, height=1920, has_touch=True) as page,
    ):
        await page.clock.install()
        await page.goto(address(made))
        await shows(page, "home")
        yield made, page


async def test_one_tap_and_a_car_comes_and_the_page_outlives_the_station(tmp_path: Path) -> None:
    async with standing(tmp_path) as (made, page):
        await page.tap('[data-press="open:ride"]')
        await shows(page, "ride-searching")
        assert "等" in await page.inner_text("#caption")
        (ride,) = made.dispatcher.office.live()
        made.dispatcher.office.drive(ride, "assigned")
        await shows(page, "ride-assigned")
        plate = (await page.inner_text(".car")).replace(" ", "")
        assert plate in ("京BT3642", "京AD81906")
        assert plate in await page.inner_text("#caption")
        made.dispatcher.office.drive(ride, "arrived")
        await shows(page, "ride-arrived")
        await page.wait_for_function("() => navigator.serviceWorker.controller !== null")
        await away_and_back(made, page)
        await shows(page, "ride-arrived")
        await stops_with_streams_open(made)
        await page.goto(address(made))
        assert "正在重新启动" in await page.inner_text("main")
        await made.station.start()
        await page.wait_for_selector("body[data-serial]")


@pytest.mark.bench
async def test_how_soon_the_page_is_back_and_how_soon_the_station_stops(tmp_path: Path) -> None:
    async with standing(tmp_path) as (made, page):
        assert await away_and_back(made, page) <= BACK_S_MAX
        assert await stops_with_streams_open(made) <= STOP_S_MAX


async def away_and_back(made: House, page: Page) -> float:
    """Killed, the page says so; started again, the page is right: the seconds that it takes."""
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 60"))
    await page.wait_for_selector("body button")  # so long a silence shows that the station is away
    await page.clock.run_for(1000)  # a screen that came by itself is not pressed at once
    await made.station.kill()
    await page.locator("body button").first.tap()
    # without time, no silence tells: it is the press that says so, at once
    await page.wait_for_selector("text=正在重新启动")
    assert await page.locator("button").count() == 0
    await page.clock.resume()
    await made.station.start()
    began = time.monotonic()
    await page.wait_for_selector("body button")
    took = time.monotonic() - began
    print(f"\nthe page is back {took:.1f} s after the station is ready")
    return took


async def stops_with_streams_open(made: House) -> float:
    """SIGTERM with five readers and the page: all is let go, and it ends by itself."""
    streams = f"http://127.0.0.1:{made.port}/api/v1/events?lanes=&pulse=kiosk:hall"
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        for _ in range(STREAMS):
            answer = await stack.enter_async_context(session.get(streams))
            assert await answer.content.readline()
        began = time.monotonic()
        await made.station.stop()
        took = time.monotonic() - began
    assert await made.station.ended() == 0
    print(f"stopped with {STREAMS} streams open in {took:.1f} s")
    return took
