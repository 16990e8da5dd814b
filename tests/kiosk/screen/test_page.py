"""The page and the station: no stale screen, no lost press, and never shut by other readers."""

import asyncio

import aiohttp
import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import Route

from gateway.web.stream import StreamLimits
from kiosk.screen.alerts import ScreenAlert
from tests.kiosk.screen.harness import House, house
from tests.kiosk.screen.test_finger import passes, presses, shows, standing, tap
from tests.web.reader import Reader

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

PAGE = "**/kiosk/hall/"
TWO_PULSES = """() => new Promise((done) => {
  const stream = new EventSource("/api/v1/events?lanes=&pulse=kiosk:hall");
  let heard = 0;
  stream.addEventListener("pulse", () => { if (++heard === 2) { stream.close(); done(); } });
})"""


async def riding(made: House) -> None:
    """Somebody calls a car; nobody answers, so that the screen stays."""
    made.road.loses_asks = True
    await made.press("ride")


async def test_a_look_that_fails_is_taken_again(chromium: Chromium) -> None:
    async with standing(chromium) as (made, page):
        failed = asyncio.Event()

        async def once(route: Route) -> None:
            if failed.is_set():
                await route.continue_()
            else:
                failed.set()
                await route.abort()

        await page.route(PAGE, once)
        await riding(made)
        await shows(page, "ride-asking")
        assert failed.is_set()


async def test_what_changes_during_a_look_is_looked_at_too(chromium: Chromium) -> None:
    async with standing(chromium) as (made, page):
        asked, let = asyncio.Event(), asyncio.Event()

        async def held(route: Route) -> None:
            if asked.is_set():
                await route.continue_()
                return
            answer = await route.fetch()
            asked.set()
            await let.wait()
            await route.fulfill(response=answer)

        await page.route(PAGE, held)
        await riding(made)
        await asyncio.wait_for(asked.wait(), 30)
        serial = made.terminal.serial
        made.driven(made.room.all_requests()[0], "assigned")
        await page.evaluate(TWO_PULSES)  # the page has been told, and another look is under way
        assert made.terminal.serial > serial
        let.set()
        await shows(page, "ride-assigned")


@pytest.mark.parametrize("by", ["finger", "keyboard"])
async def test_the_key_for_a_person_is_not_dropped_while_a_press_is_under_way(
    chromium: Chromium, by: str
) -> None:
    async with standing(chromium) as (made, page):
        sent, let = presses(page), asyncio.Event()

        async def held(route: Route) -> None:
            if route.request.post_data_json["press"] == "open:ride":
                await let.wait()
            await route.continue_()

        await page.route("**/press", held)
        await tap(page, "open:ride")
        if by == "finger":
            await tap(page, "open:staff")
        else:
            await page.keyboard.press("0")
        await shows(page, "call-ringing")
        assert sent == ["open:ride", "open:staff"]
        async with page.expect_response("**/press"):
            let.set()
        await shows(page, "call-ringing")
        assert [one.family for one in made.room.all_requests()] == ["call"]


async def test_the_key_for_a_person_counts_on_a_screen_that_has_come_by_itself(
    chromium: Chromium,
) -> None:
    async with standing(chromium, still=True) as (made, page):
        await riding(made)
        await shows(page, "ride-asking")
        sent = presses(page)
        await tap(page, "confirm")
        await tap(page, "open:staff")
        await shows(page, "call-ringing")
        assert sent == ["open:staff"], "whatever else came there by itself is not pressed"
        await passes(page, 1)


async def test_a_call_for_a_person_that_comes_to_nothing_is_sent_again(chromium: Chromium) -> None:
    async with standing(chromium) as (made, page):
        sent = presses(page)

        async def refused(route: Route) -> None:
            if len(sent) <= 2:
                await route.fulfill(status=503)
            else:
                await route.continue_()

        await page.route("**/press", refused)
        await tap(page, "open:staff")
        await shows(page, "call-ringing")
        assert sent == ["open:staff"] * 3
        assert len(made.room.all_requests()) == 1


async def test_an_emergency_is_shown_while_a_press_waits_for_the_disk(chromium: Chromium) -> None:
    async with standing(chromium) as (made, page):
        let = asyncio.Event()

        async def held(route: Route) -> None:
            await let.wait()
            await route.continue_()

        await page.route("**/press", held)
        await tap(page, "open:ride")
        made.emergency.told = ScreenAlert("order-1", "请马上疏散")
        await shows(page, "alert")
        assert await page.inner_text("#caption") == "请马上疏散"
        made.emergency.told = None
        let.set()
        await page.wait_for_selector('body[data-on^="ride-"]')


async def test_a_page_without_its_stream_asks_for_itself(chromium: Chromium) -> None:
    async with standing(chromium) as (made, page):
        await page.route("**/api/v1/events**", lambda route: route.abort())
        await page.reload()
        await riding(made)
        await shows(page, "ride-asking")
        for _ in range(3):
            await page.wait_for_event("response", lambda one: one.url.endswith("/kiosk/hall/"))
            assert await page.locator("button").count(), "it does not say that nobody is there"


async def test_sixteen_pages_of_staff_do_not_shut_a_kiosk_out() -> None:
    async with house() as made, aiohttp.ClientSession() as session:
        events = f"{made.address}/api/v1/events"
        taken = [await session.get(events) for _ in range(StreamLimits().streams_max)]
        try:
            assert {one.status for one in taken} == {200}
            async with session.get(events) as refused:
                assert refused.status == 503
            async with session.get(f"{events}?pulse=kiosk:moon") as refused:
                assert refused.status == 503
            own = await session.get(f"{events}?lanes=&pulse=kiosk:hall")
            taken.append(own)
            first = await Reader(own).until("snapshot")
            assert first.body["set"]["serial"] == made.terminal.serial
            async with session.get(f"{events}?lanes=&pulse=kiosk:hall") as second:
                assert second.status == 503, "one place is kept for each"
        finally:
            for one in taken:
                one.close()
