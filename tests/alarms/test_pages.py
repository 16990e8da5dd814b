"""The alarms' pages in a browser: every screen, the keyboard alone, with and without a script."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page

from tests.access.gallery import sign_in
from tests.alarms.gallery import BOARD, ELSEWHERE, SHOTS, WATCHES, Shot, four, take
from tests.alarms.harness import AlarmSite, alarm_site
from tests.web import browser
from tests.web.station import NORMAL

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]

COUNT_TONES = """
window.tones = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...given) {
  window.tones += 1;
  start.apply(this, given);
};
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def made(tmp_path_factory) -> AsyncIterator[AlarmSite]:
    async with alarm_site(tmp_path_factory.mktemp("alarms")) as site:
        yield site


async def opened(page: Page, made: AlarmSite, path: str = BOARD) -> None:
    made.vitals = NORMAL
    await sign_in(page, made, "zhang")
    await page.goto(made.https + path)
    await page.wait_for_selector("body[data-heard]")


async def press_on(page: Page, element: str) -> None:
    """Tab until that element has the focus, and press it."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("(id) => document.activeElement.id === id", element):
            break
    else:
        raise AssertionError(f"no way to #{element} by the keyboard")
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await page.keyboard.press("Enter")


async def press(page: Page, button: str) -> None:
    """Press it, and wait for the page that answers."""
    async with page.expect_navigation():
        await page.click(button)


@pytest.mark.parametrize("shot", [shot for shot in SHOTS if shot.tried], ids=lambda shot: shot.name)
async def test_every_screen(chromium: Chromium, made: AlarmSite, shot: Shot) -> None:
    verdict = await take(chromium, made, shot, out=None)
    assert verdict.faults == []
    assert verdict.rules >= 30, "axe has looked"


async def test_an_alarm_is_heard_and_taken_by_the_keyboard_alone_and_the_page_is_never_loaded_anew(
    chromium: Chromium, made: AlarmSite
) -> None:
    made.calm()
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.add_init_script(COUNT_TONES)
        await opened(page, made)
        await page.wait_for_selector("text=没有报警")
        await page.wait_for_selector("text=听不见：浏览器要您先按一下。")
        await page.keyboard.press("Tab")  # any press is what the browser has waited for
        await page.wait_for_selector("text=声音开着")
        await press_on(page, "sound-switch")
        await page.wait_for_selector("text=声音关了")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=声音开着")
        await page.evaluate("window.here = true")
        assert await page.evaluate("window.tones") == 0
        made.say("di-b3.smoke", True)
        alarm = made.id_of("smoke-b3")
        await page.wait_for_selector(f"#take-{alarm}")
        await page.wait_for_function("window.tones >= 3")
        assert await page.evaluate("window.here"), "the same page: it may go on to sound"
        await press_on(page, f"take-{alarm}")
        await page.wait_for_url(f"**{BOARD}/{alarm}")
    assert made.state_of(alarm) == "acknowledged"
    acts = await made.acts(1)
    assert (acts[0].act.what, acts[0].act.on) == ("alarm/acknowledge", alarm)
    assert acts[0].act.who.id == "zhang"


async def test_sound_that_is_switched_off_stays_off_and_can_be_tried(
    chromium: Chromium, made: AlarmSite
) -> None:
    made.calm()
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.add_init_script(COUNT_TONES)
        await opened(page, made)
        await page.click("#sound-switch")
        await page.click("#sound-switch")
        await page.wait_for_selector("text=声音关了")
        made.say("di-b3.smoke", True)
        await page.wait_for_selector("text=现在在响：马上去看。")
        assert await page.evaluate("window.tones") == 0
        await page.click("#sound-test")
        await page.wait_for_function("window.tones === 3")
        await page.reload()
        await page.wait_for_selector("text=声音关了")


async def test_a_page_that_no_longer_hears_the_station_says_so_aloud(
    chromium: Chromium, made: AlarmSite
) -> None:
    made.calm()
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.add_init_script(COUNT_TONES)
        await page.clock.install()
        await opened(page, made)
        await page.keyboard.press("Tab")
        await page.wait_for_selector("text=声音开着")
        await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1"))
        await page.clock.run_for(10_000)  # a restart takes so long: it is seen alone
        assert await page.evaluate("window.tones") == 0
        await page.clock.run_for(20_000)
        await page.wait_for_function("() => window.tones >= 3")
        assert await page.evaluate("document.body.dataset.sounded") == "3"
        await page.clock.resume()
        await page.wait_for_function("() => document.getElementById('lost').hidden")


async def test_a_session_that_has_ended_is_said_aloud_and_leads_to_the_sign_in(
    chromium: Chromium, made: AlarmSite
) -> None:
    made.calm()
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.add_init_script(COUNT_TONES)
        await opened(page, made)
        await page.keyboard.press("Tab")
        await page.wait_for_selector("text=声音开着")
        for key in made.access.book.sessions():
            made.access.book.set_in_memory(key, None)
        await page.wait_for_selector("#lost:has-text('登录到时间了')")
        await page.wait_for_function("() => window.tones >= 3")
        assert page.url.endswith(BOARD), "the sign-in alone would be silent"
        box = await page.locator("#lost").bounding_box()
        main = await page.locator("main").bounding_box()
        assert box is not None
        assert main is not None
        assert box["width"] > main["width"] * 0.9
        await page.click("#lost-enter")
        await page.wait_for_url("**/signin?next=**")


async def test_everything_can_be_done_without_a_script(chromium: Chromium, made: AlarmSite) -> None:
    made.calm()
    four(made)
    alarm = made.id_of("bin-east")
    async with browser.tab(chromium, ignore_https_errors=True, java_script_enabled=False) as page:
        await sign_in(page, made, "zhang")
        await page.goto(f"{made.https}{BOARD}/{alarm}")
        await press(page, "#take")
        assert made.state_of(alarm) == "acknowledged"
        await page.fill("#note-text", "盖子卡住了")
        await press(page, "#note")
        await page.wait_for_selector("text=记：盖子卡住了")
        await page.select_option("#shelve-hours", "8")
        await press(page, "#shelve")
        assert made.state_of(alarm) == "shelved"
        await page.wait_for_selector("text=张丽 搁置的，还有 8 小时")
        await press(page, "#unshelve")
        assert made.state_of(alarm) == "raised"
        await page.goto(made.https + BOARD)
        await page.select_option("#work-scope", "bin")
        await press(page, "#work-begin")
        assert made.state_of(alarm) == "suppressed"
        await press(page, "text=检修完了")
        made.tick(1)
        assert made.state_of(alarm) == "raised"
    said = [past.act.what for past in await made.acts(6)]
    assert said == [
        "alarm/maintain",
        "alarm/maintain",
        "alarm/unshelve",
        "alarm/shelve",
        "alarm/note",
        "alarm/acknowledge",
    ]


async def test_the_desk_rings_for_a_call_and_its_board_takes_the_alarm(
    chromium: Chromium, made: AlarmSite
) -> None:
    made.calm()
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made, "/desk/")
        made.say("di-b3.smoke", True)
        alarm = made.id_of("smoke-b3")
        await page.wait_for_selector("text=现在在响：马上去看。")
        await page.click("text=我去看")
        await page.wait_for_url(f"**{BOARD}/{alarm}")
        await page.wait_for_selector("text=张丽 去看了。")
        await made.written()
        await page.goto(f"{made.https}{BOARD}/past?rule=smoke-b3&group=action")
        said = await page.locator("table").inner_text()
        assert "叫值班台" in said
        assert "做了" in said
        assert "做不了" in said, "nothing announces in this station"


async def test_an_alarm_is_seen_and_heard_on_every_other_page_of_the_desk(
    chromium: Chromium, made: AlarmSite
) -> None:
    made.calm()
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.add_init_script(COUNT_TONES)
        await opened(page, made, "/")
        told = page.locator(".strip a[href='/desk/alarms'] >> text=个报警没人接")
        await told.wait_for(state="hidden")
        await page.keyboard.press("Shift")
        made.vitals = ELSEWHERE
        await told.wait_for(state="visible")
        await page.wait_for_function("window.tones >= 3")
        made.vitals = NORMAL
        await told.wait_for(state="hidden")


async def test_a_red_pill_the_title_and_the_icon_say_it_on_a_phone_on_every_page(
    chromium: Chromium, made: AlarmSite
) -> None:
    made.calm()
    async with browser.tab(chromium, width=390, ignore_https_errors=True) as page:
        await opened(page, made, "/")
        own, calm = await page.title(), await page.get_attribute("link[rel=icon]", "href")
        made.vitals = ELSEWHERE
        pill = page.locator(".strip a[href='/desk/alarms'] >> text=3 个报警没人接")
        await pill.wait_for(state="visible")
        await page.wait_for_function("() => document.title.startsWith('(3) 烟感报警 · ')")
        assert await page.title() == f"(3) 烟感报警 · {own}"
        assert await page.get_attribute("link[rel=icon]", "href") != calm
        await page.goto(f"{made.https}{BOARD}/past")
        await pill.wait_for(state="visible")
        assert (await page.title()).startswith("(3) 烟感报警 · ")
        await page.goto(made.https + "/")
        await page.wait_for_selector("body[data-heard]")
        made.vitals = NORMAL
        await page.wait_for_function("() => !document.title.startsWith('(')")
        assert await page.title() == own
        assert await page.get_attribute("link[rel=icon]", "href") == calm


async def test_a_shelf_over_smoke_asks_twice_wants_a_note_and_stays_on_the_board(
    chromium: Chromium, made: AlarmSite
) -> None:
    made.calm()
    made.say("di-b3.smoke", True)
    alarm = made.id_of("smoke-b3")
    async with browser.tab(chromium, ignore_https_errors=True, java_script_enabled=False) as page:
        await sign_in(page, made, "zhang")
        before = len(await made.acts(50))
        await page.goto(f"{made.https}{BOARD}/{alarm}")
        await page.select_option("#shelve-hours", "8")
        await press(page, "#shelve")
        await page.wait_for_selector("text=搁置 烟感报警 · 3号楼5层？")
        await page.wait_for_selector("text=广播 “烟感报警”，3号楼")
        assert made.state_of(alarm) == "raised"
        assert len(await made.acts(50)) == before, "a question is no act"
        await page.fill("#sure-note", "探头在换，老李守着")
        await press(page, "#sure")
        assert made.state_of(alarm) == "shelved"
        made.say("di-b3.smoke", False)
        made.tick(15)
        made.say("di-b3.smoke", False)
        await page.goto(made.https + BOARD)
        await page.wait_for_selector("text=没有要人的报警（1 个搁置）")
        row = await page.locator(f"li:has(#look-{alarm})").inner_text()
        assert "搁置中" in row
        assert "当时 动作 · 现在 不动作" in row
        assert "探头在换，老李守着" in row
        await page.goto(f"{made.https}/desk/")
        await page.wait_for_selector("text=当时 动作 · 现在 不动作")
        await page.goto(made.https + BOARD)
        await press(page, f"#back-{alarm}")


async def test_maintenance_names_what_it_silences_asks_twice_and_stays_on_the_board(
    chromium: Chromium, made: AlarmSite
) -> None:
    made.calm()
    async with browser.tab(chromium, ignore_https_errors=True, java_script_enabled=False) as page:
        await sign_in(page, made, "zhang")
        await page.goto(made.https + BOARD)
        await page.select_option("#work-scope", "b3")
        await press(page, "#work-begin")
        asked = await page.locator("main").inner_text()
        assert "烟感报警 · 3号楼5层" in asked
        assert "有人求助 · 3号楼5层" in asked
        assert "电瓶车" not in asked
        assert made.rules.core.alarms.quiet.under == {}
        await press(page, "#sure")
        assert list(made.rules.core.alarms.quiet.under) == ["b3"]
        for path in (BOARD, "/desk/"):
            await page.goto(made.https + path)
            await page.wait_for_selector("text=烟感报警 · 3号楼5层")
        await page.goto(made.https + BOARD)
        await press(page, "text=检修完了")


async def test_somebody_comes_to_an_sos_and_says_what_it_was_also_when_it_is_over(
    chromium: Chromium, made: AlarmSite
) -> None:
    made.calm()
    made.say("di-b3.sos", True)
    alarm = made.id_of("sos")
    async with browser.tab(chromium, ignore_https_errors=True, java_script_enabled=False) as page:
        await sign_in(page, made, "zhang")
        await page.goto(f"{made.https}{BOARD}/{alarm}")
        await press(page, "#take")
        await press(page, "#judge-true")
        made.say("di-b3.sos", False)
        await page.goto(f"{made.https}{BOARD}/{alarm}")
        await press(page, "#come")
        await made.written()
        await page.goto(f"{made.https}{BOARD}/{alarm}")
        await page.wait_for_selector("text=这个报警已经解除")
        await press(page, "#judge-false")
        await made.written()
        await page.goto(f"{made.https}{BOARD}/{alarm}")
        await page.wait_for_selector("text=看过：是误报。")
        await page.goto(f"{made.https}{WATCHES}?rule=sos")
        await page.wait_for_selector("text=真 0 · 误报 1")


async def test_what_a_colleague_has_taken_stays_on_the_desk_s_board_as_a_grey_row(
    chromium: Chromium, made: AlarmSite
) -> None:
    made.calm()
    made.say("di-b3.smoke", True)
    alarm = made.id_of("smoke-b3")
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made, "/desk/")
        made.rules.act(lambda alarms, _: alarms.acknowledge(alarm, "zhang"))
        await page.wait_for_selector("li.trip.is-ink >> text=张丽 去看了。")
        made.tick(1)
        made.tick(125)
        await page.wait_for_selector("li.trip.is-ink >> text=已经 2 分。")
        waiting = await page.locator("li.trip:not(.is-ink)").count()
        header = await page.locator("section[aria-labelledby=bd] header").inner_text()
        assert f"{waiting} 件" in header, "a grey row needs nobody"


async def test_what_each_linkage_would_do_now_is_shown_and_nothing_is_done(
    chromium: Chromium, made: AlarmSite
) -> None:
    made.calm()
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made, WATCHES)
        rows = page.locator("section[aria-labelledby=lk] tbody tr")
        said = [await row.inner_text() for row in await rows.all()]
    assert "广播 “烟感报警”，3号楼" in said[0]
    assert "会做" in said[0]
    assert "试演" in said[1]
    assert made.rules.core.linkages.fired == {}
