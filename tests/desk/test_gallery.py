"""Every screen of sign-in, desk and record in a browser; and the desk by its keyboard alone."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium

from gateway.clock.timekeeper import Timekeeper
from gateway.web.authorization import SESSION_COOKIE
from tests.access.gallery import SHOTS, Shot, furnished, sign_in, take, unset
from tests.access.harness import Site
from tests.web import browser
from tests.web.station import NORMAL

FOCUSED = "document.activeElement"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stations(tmp_path_factory) -> AsyncIterator[dict[bool, Site]]:
    folders = [tmp_path_factory.mktemp(name) for name in ("claimed", "fresh")]
    async with furnished(folders[0]) as claimed, furnished(folders[1], claimed=False) as fresh:
        yield {True: claimed, False: fresh}


@pytest.mark.parametrize("shot", [shot for shot in SHOTS if shot.tried], ids=lambda shot: shot.name)
async def test_every_screen(chromium: Chromium, stations: dict[bool, Site], shot: Shot) -> None:
    verdict = await take(chromium, stations[shot.claimed], shot, out=None)
    assert verdict.faults == []
    assert verdict.rules >= 30, "axe has looked"


async def test_a_shift_by_the_keyboard_alone(
    chromium: Chromium, stations: dict[bool, Site]
) -> None:
    made = stations[True]
    made.vitals = NORMAL
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.goto(made.https + "/desk/")
        await page.wait_for_url("**/signin?next=**")
        await page.locator("form[action='/signin/enter'] [name=id]").focus()
        await page.keyboard.type("zhang")
        await page.keyboard.press("Tab")
        await page.keyboard.type("春眠不觉晓处处闻啼鸟")
        await page.keyboard.press("Enter")
        await page.wait_for_url(made.https + "/desk/")
        cookies = {cookie["name"]: cookie for cookie in await page.context.cookies()}
        session = cookies[SESSION_COOKIE]
        assert session["httpOnly"]
        assert session["secure"]
        assert session["sameSite"] == "Strict"
        assert await page.evaluate("document.cookie") == ""
        await page.keyboard.press("5")
        await page.wait_for_url(made.https + "/")
        await page.keyboard.press("1")
        await page.wait_for_url("**/desk/")
        for _ in range(40):
            await page.keyboard.press("Tab")
            if await page.evaluate(
                "document.activeElement.closest('form')?.action.endsWith('/signin/out')"
            ):
                break
        assert (
            await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        )
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/signin")


async def test_a_password_can_be_seen_while_it_is_typed_and_is_hidden_again(
    chromium: Chromium, stations: dict[bool, Site]
) -> None:
    made = stations[True]
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.goto(made.https + "/signin")
        form = page.locator("form[action='/signin/enter']")
        field, tick = form.locator("[name=password]"), form.get_by_text("显示口令")
        await form.locator("[name=id]").fill("zhang")
        assert await field.get_attribute("type") == "password"
        await tick.check()
        assert await field.get_attribute("type") == "text", "an input method can compose"
        await field.fill("春眠不觉晓处处闻啼鸟")
        await page.evaluate(
            "document.forms[0].addEventListener('submit', (e) => { e.preventDefault(); })"
        )
        await form.get_by_role("button").click()
        assert await field.get_attribute("type") == "password", "no browser remembers it as text"


async def test_a_number_that_is_typed_stays_a_number_and_keys_can_be_switched_off(
    chromium: Chromium, stations: dict[bool, Site]
) -> None:
    made = stations[True]
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.goto(made.https + "/signin")
        field = page.locator("form[action='/signin/enter'] [name=id]")
        await field.focus()
        await page.keyboard.type("0151")
        assert await field.input_value() == "0151"
        await page.goto(made.https + "/signin?keys=off")
        assert await page.locator("script[src*='keys.js']").count() == 0
        await page.keyboard.press("5")
        await page.wait_for_timeout(100)
        assert page.url.endswith("/signin?keys=off")


async def test_the_question_moves_with_the_clock_and_is_answered_by_one_press(
    chromium: Chromium, stations: dict[bool, Site]
) -> None:
    made = stations[True]
    told, made.clock._keeper = made.clock._keeper, Timekeeper()
    made.vitals = unset()
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await sign_in(page, made, "zhang")
        await page.goto(made.https + "/desk/")
        await page.wait_for_selector("body[data-heard]")
        shown = await page.locator("#cq").inner_text()
        made.clock.advance(120)
        await page.wait_for_function(
            "(was) => document.getElementById('cq').innerText !== was", arg=shown
        )
        text = await page.locator("#cq").inner_text()
        value = await page.locator("input[type=hidden][name=at]").input_value()
        assert value[-5:] in text, "the answer is the minute that is shown"
        await page.get_by_role("button", name=f"是，{value[-5:]}").click()
        await page.locator("#cq").wait_for(state="detached")
        assert made.clock.status().trust.value == "person"
    made.clock._keeper = told
