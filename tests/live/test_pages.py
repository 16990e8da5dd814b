"""The pages in a real browser: looked at, used by keyboard and finger, left by the station."""

import re

import pytest
from playwright.async_api import Browser

from gateway.web.server import WebOptions, WebServer, build_app
from tests.web import browser
from tests.web.page_gallery import SHOTS, Shot, lose_the_station, take
from tests.web.station import DEVICES, NORMAL, NOW_NS, point, replace, station

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
]

PAGE_BYTES_MAX = 60_000
AS_TOLD = re.compile("^4 秒前$")


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
async def test_every_screen_in_every_state(chromium: Browser, shot: Shot) -> None:
    verdict = await take(chromium, shot, out=None)
    assert verdict.faults == []
    assert verdict.rules >= 30, "axe has looked"
    assert verdict.page_bytes <= PAGE_BYTES_MAX


async def test_what_axe_must_find_is_found(chromium: Browser) -> None:
    async with station() as made, browser.tab(chromium) as page:
        await page.goto(made.address)
        await page.evaluate("""() => {
          document.querySelector(".soft").style.color = "#999";
          document.querySelector("nav").removeAttribute("aria-label");
          document.querySelector("h1").innerText = "";
          document.body.style.width = "3000px";
        }""")
        verdict = await browser.judge(page, [])
        assert len(verdict.violations) >= 2
        assert verdict.over_px > 0


async def test_a_value_is_patched_in_place(chromium: Browser) -> None:
    async with station() as made, browser.tab(chromium) as page:
        await page.goto(made.address)
        await page.evaluate("document.body.dataset.marker = 'same page'")
        row = page.locator("[data-k='dev.em-b5.stop']")
        assert "22.07 kW" in await row.inner_text()
        fresh = replace(DEVICES[1].points[0], value=19.93, at_ns=NOW_NS, spark=(1.0, 2.0))
        changed = replace(DEVICES[1], points=(fresh,), at_ns=NOW_NS + 10**9, state="stale")
        bus = replace(NORMAL.buses[0], load=0.9, state="down", code="web.unavailable")
        made.vitals = replace(
            NORMAL,
            at_ns=NOW_NS + 10**9,
            devices=(DEVICES[0], changed, *DEVICES[2:]),
            buses=(bus, *NORMAL.buses[1:]),
        )
        await page.wait_for_selector("text=19.93")
        assert "旧" in await row.inner_text()
        assert "刚才" in await row.inner_text()
        assert await row.locator(".spark path").get_attribute("d") == "M0 24L100 4"
        assert await row.locator(".st use").get_attribute("href") == (
            (await page.locator("use").first.get_attribute("href") or "").split("#")[0] + "#s-stale"
        )
        bar = page.get_by_role("img", name="meters 线上忙 90%")
        assert await bar.locator(".v").get_attribute("width") == "90"
        assert await page.get_by_text("现在做不到，请稍后再试").is_visible()
        assert await page.locator("body").get_attribute("data-marker") == "same page"


async def test_data_never_becomes_markup(chromium: Browser) -> None:
    evil = "<img src=x onerror=document.title='owned'>"
    named = replace(DEVICES[0], name=evil, points=(point("p", evil, evil, "kW"),))
    async with station(replace(NORMAL, devices=(named,))) as made, browser.tab(chromium) as page:
        complaints = browser.complaints(page)
        for path in ("/", "/devices/em-b3"):
            await page.goto(made.address + path)
            made.vitals = replace(
                made.vitals,
                at_ns=made.vitals.at_ns + 10**9,
                devices=(replace(named, points=(point("p", evil, evil + "2", "kW"),)),),
            )
            await page.get_by_text(evil + "2", exact=True).first.wait_for()
            assert await page.locator("img[src=x]").count() == 0
            assert "owned" not in (await page.title()).replace(evil, "")
        assert complaints == []


async def test_a_page_that_lost_the_station_says_so_and_finds_back(chromium: Browser) -> None:
    async with station() as made, browser.tab(chromium) as page:
        await page.clock.install()
        await page.goto(made.address)
        await page.wait_for_selector("body[data-heard]")
        age = page.locator("[data-k='dev.em-b3.age']")
        await age.filter(has_text=AS_TOLD).wait_for()  # it grows between two pulses
        await lose_the_station(page, made)
        assert "14:05 起没有新数据" in await page.locator("#lost").inner_text()
        assert int((await age.inner_text()).split()[0]) >= 13, "ages go on growing"
        app = build_app(made.sections, vitals=made.look, feed=made.journal)
        again = WebServer(app, WebOptions(port=made.server.port))
        await again.start()
        try:
            await page.wait_for_selector("#lost", state="hidden")
            await age.filter(has_text=AS_TOLD).wait_for()
        finally:
            await again.stop()


async def test_a_station_that_was_wired_anew_is_shown_anew(chromium: Browser) -> None:
    async with station() as made, browser.tab(chromium) as page:
        await page.goto(made.address)
        await page.wait_for_selector("body[data-heard]")
        named = replace(DEVICES[0], name="新装的总电表")
        made.vitals = replace(NORMAL, devices=(named, *DEVICES[1:]))
        await page.wait_for_selector("text=新装的总电表")


async def test_the_keyboard_alone_is_enough(chromium: Browser) -> None:
    async with station() as made, browser.tab(chromium) as page:
        await page.goto(made.address)
        order = []
        for _ in range(1 + len(DEVICES) + 2):
            await page.keyboard.press("Tab")
            order.append(await page.evaluate("document.activeElement.innerText.trim()"))
            ring = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert ring == "solid", order[-1]
        rows = [d for bus in NORMAL.buses for d in DEVICES if d.bus == bus.id]
        names = [f"{device.name} {device.address}" for device in rows]
        told = [" ".join(text.split()) for text in order]
        assert told == ["5 设备", *names, "English", "夜间"]
        await page.focus("a[href='/devices/heat']")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/devices/heat")
        await page.focus("a:has-text('全部设备')")
        await page.keyboard.press("Enter")
        await page.wait_for_url(made.address + "/")


async def test_a_tap_on_a_row_opens_the_device(chromium: Browser) -> None:
    async with (
        station() as made,
        browser.tab(chromium, width=390, has_touch=True) as page,
    ):
        await page.goto(made.address)
        row = page.locator("[data-k='dev.heat.stop'] .stop")
        await row.scroll_into_view_if_needed()
        box = await row.bounding_box()
        assert box is not None
        assert box["height"] >= 44, "a finger's width"
        await page.touchscreen.tap(box["x"] + box["width"] - 8, box["y"] + 8)
        await page.wait_for_url("**/devices/heat")


async def test_language_and_light_are_chosen_by_switch_and_kept(chromium: Browser) -> None:
    async with station() as made, browser.tab(chromium) as page:
        await page.goto(made.address)
        await page.get_by_role("link", name="English").click()
        await page.get_by_role("link", name="Night").click()
        await page.wait_for_selector("html[data-night]")
        await page.goto(made.address + "/devices/em-b3")
        assert await page.locator("html").get_attribute("lang") == "en"
        assert await page.locator("html").get_attribute("data-night") == ""
        await page.wait_for_selector("body[data-heard]")
        assert await page.get_by_text("out of range").first.is_visible()


@pytest.mark.parametrize(("scheme", "night"), [("dark", ""), ("light", None)])
async def test_without_a_choice_the_page_does_as_the_screen(
    chromium: Browser, scheme: str, night: str | None
) -> None:
    async with station() as made, browser.tab(chromium, color_scheme=scheme) as page:
        await page.goto(made.address)
        assert await page.locator("html").get_attribute("data-night") == night


async def test_a_point_is_chosen_and_its_plot_moves(chromium: Browser) -> None:
    async with station() as made, browser.tab(chromium) as page:
        await page.goto(made.address + "/devices/em-b3")
        await page.get_by_role("link", name="A相电压").click()
        chosen = page.locator("[aria-current=true]")
        await chosen.filter(has_text="A相电压").wait_for()
        await page.wait_for_selector("body[data-heard]")
        points = list(DEVICES[0].points)
        points[2] = replace(points[2], spark=(200.0, 250.0))
        made.vitals = replace(
            NORMAL, devices=(replace(DEVICES[0], points=tuple(points)), *DEVICES[1:])
        )
        await page.wait_for_selector("text=最低 200.0，最高 250.0")
        assert await page.locator(".plot .y").inner_text() == "260\n240\n220\n200"


async def test_without_scripts_the_page_says_that_it_stands_still(chromium: Browser) -> None:
    async with station() as made, browser.tab(chromium, java_script_enabled=False) as page:
        await page.goto(made.address)
        assert await page.locator("noscript p").is_visible()
        assert await page.get_by_text("18.42").is_visible()
