"""The request board in a browser: every screen, the keyboard alone, with and without a script."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page

from gateway.event import Lane
from kiosk.requests.request import Contact, Request
from tests.access.gallery import sign_in
from tests.access.harness import browser as reader
from tests.alarms.test_pages import COUNT_TONES, press_on
from tests.kiosk.desk.gallery import BOARD, CLOSE, SHOTS, Shot, newest, take
from tests.kiosk.desk.harness import NOTE, PHONE, BoardSite, board_site
from tests.web import browser
from tests.web.station import NORMAL

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def made(tmp_path_factory) -> AsyncIterator[BoardSite]:
    async with board_site(tmp_path_factory.mktemp("board")) as site:
        yield site


async def opened(page: Page, made: BoardSite, path: str = BOARD) -> None:
    made.vitals = NORMAL
    await sign_in(page, made, "zhang")
    await page.goto(made.https + path)
    await page.wait_for_selector("body[data-heard]")


async def sounded(page: Page) -> None:
    """Until the page has made a sound."""
    async with asyncio.timeout(60):
        while not await page.evaluate("window.tones"):  # noqa: ASYNC110  # a page tells nobody
            await asyncio.sleep(0.05)


FULL = (pytest.mark.proof, pytest.mark.full)


@pytest.mark.parametrize(
    "shot",
    [pytest.param(shot, id=shot.name, marks=() if shot.tried else FULL) for shot in SHOTS],
)
async def test_every_screen(chromium: Chromium, made: BoardSite, shot: Shot) -> None:
    verdict = await take(chromium, made, shot, out=None)
    assert verdict.faults == []
    assert verdict.rules >= 30, "axe has looked"


async def test_a_press_at_the_kiosk_is_heard_at_the_desk_taken_by_the_keyboard_and_spoken(
    chromium: Chromium, made: BoardSite
) -> None:
    made.calm()
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.add_init_script(COUNT_TONES)
        await opened(page, made)
        await page.wait_for_selector("text=没有人在等")
        await page.keyboard.press("Tab")  # any press is what the browser has waited for
        await page.wait_for_selector("text=声音开着")
        await page.evaluate("window.here = true")
        assert await page.evaluate("window.tones") == 0
        pressed = await made.at_the_kiosk(press="k1", kiosk="hall", service="staff", where="b3")
        await page.wait_for_selector(f"#take-{pressed['id']}")
        await sounded(page)
        assert await page.evaluate("window.here"), "the same page: it may go on to sound"
        await press_on(page, f"take-{pressed['id']}")
        await page.wait_for_url(f"**{BOARD}/{pressed['id']}")
        await page.wait_for_selector("text=张丽 在办")
        await made.heard("工作人员马上来。")
        await page.select_option("#ready", "五分钟就到，请坐着等")
        await press_on(page, "do-reply")
        await made.heard("工作人员马上来。工作人员说：五分钟就到，请坐着等。")
        await page.wait_for_selector("text=没有请求在响")
    assert [past.act.what for past in await made.acts(2)] == ["request/act", "request/act"]


async def test_many_are_closed_at_once_without_a_script_and_without_a_word(
    chromium: Chromium, made: BoardSite
) -> None:
    made.calm()
    over = [await made.press("repair", what=what, where="b3") for what in ("door", "water")]
    for one in over:
        await made.act(one, "finish")
    stays = await made.press("repair", what="power", where="b3")
    said = len(made.speaker.captions)
    async with browser.tab(chromium, ignore_https_errors=True, java_script_enabled=False) as page:
        await sign_in(page, made, "zhang")
        await page.goto(f"{made.https}{CLOSE}")
        await page.click("#tick-all")
        await page.uncheck(f'input[value="{stays.id}"]')
        await page.click("#close")
        await page.wait_for_selector("#tick-all")
        assert await page.locator("input[type=checkbox]").count() == 1
    assert [made.now(one).state for one in (*over, stays)] == ["closed", "closed", "reported"]
    assert [past.act.what for past in await made.acts(1)] == ["request/close"]
    assert len(made.speaker.captions) == said


async def test_a_ride_is_found_and_a_repair_closed_and_reopened_without_a_script(
    chromium: Chromium, made: BoardSite
) -> None:
    made.calm()
    made.road.open = False
    ride = await made.press("ride")
    async with browser.tab(chromium, ignore_https_errors=True, java_script_enabled=False) as page:
        await sign_in(page, made, "zhang")
        await page.goto(f"{made.https}{BOARD}/{ride.id}")
        await page.click("#do-accept")
        await page.fill("#plate", "京bt3642")
        await page.fill("#minutes", "6")
        await page.click("#preview-car")
        said = "叫到车了，车牌京BT3642，大约6分钟到。"
        assert await page.inner_text("#preview") == f"“{said}”"
        assert made.now(ride).state == "searching", "a look is no act"
        await page.click("#do-assign")
        await made.heard(said)
        await page.fill("#text", "在南门等")
        await page.click("#preview-reply")
        assert (await page.inner_text("#preview")).endswith("工作人员说：在南门等。”")
        await page.click("#do-reply")
        await made.heard(f"{said}工作人员说：在南门等。")
        await page.click("#do-arrive")
        await page.click("#do-board")
        assert made.now(ride).state == "boarded"
        fix = await made.press("repair", what="door", where="b3")
        await page.goto(made.https + BOARD)
        await page.click(f"#take-{fix.id}")
        await page.fill("#by", "王师傅")
        await page.click("#do-assign")
        await page.wait_for_selector("text=王师傅 在办")
        await page.click("#do-finish")
        await made.act_as_resident(fix, "praise")
        await page.goto(f"{made.https}{BOARD}/{fix.id}")
        await page.click("#do-reopen")
        assert made.now(fix).state == "reopened"
        await made.written()
        await page.goto(f"{made.https}{BOARD}/past?number={fix.number}")
        rows = await page.locator("tbody tr").all_inner_texts()
    states = ["又打开了", "办结了", "修好，等评价", "派了人", "接单了", "按了"]
    assert [state for row in rows for state in states if state in row] == states


async def test_a_number_is_masked_shown_on_record_for_a_minute_and_hidden_again(
    chromium: Chromium, made: BoardSite
) -> None:
    made.calm()
    await made.press("repair", what="water", contact=Contact(phone=PHONE))
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.clock.install()
        await opened(page, made, f"{BOARD}/{newest(made).id}")
        assert PHONE not in await page.content()
        await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 60"))
        async with page.expect_response("**/reveal") as answer:
            await page.click("#reveal")
        assert (await (await answer.value).all_headers())["refresh"].startswith("60;")
        await page.wait_for_selector(f"text={PHONE}")
        act = (await made.acts(1))[0].act
        assert (act.what, act.who.id) == ("private/reveal", "zhang")
        await page.clock.run_for(59_999)
        assert await page.inner_text("#shown") == PHONE
        await page.clock.run_for(1)
        assert await page.inner_text("#shown") == "138****5678"
        assert PHONE not in await page.content()


async def test_a_message_is_a_word_until_somebody_listens_on_record_and_for_a_minute(
    chromium: Chromium, made: BoardSite
) -> None:
    made.calm()
    await made.press("repair", what="water", note=NOTE)
    path = f"{BOARD}/{newest(made).id}"
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.clock.install()
        await opened(page, made, path)
        assert "有一段留言（2 秒）" in await page.inner_text("main")
        await page.click("#hear")
        await page.wait_for_function("() => document.getElementById('voice').duration > 1.5")
        act = (await made.acts(1))[0].act
        assert (act.what, act.who.id) == ("private/reveal", "zhang")
        source = await page.get_attribute("#voice", "src")
        assert source is not None
        await page.clock.run_for(60_500)
        assert await page.locator("#voice").count() == 0
    async with reader(made) as zhang, reader(made) as guest:
        await zhang.enter("zhang")
        await guest.enter("guest")
        assert (await guest.get(source)).status == 403
        answer = await zhang.get(source)
        assert (await answer.read(), answer.headers["Cache-Control"]) == (NOTE.small, "no-store")
        await made.passes(61)
        assert (await zhang.get(source)).status == 404
        assert (await guest.post(f"{path}/hear")).status == 403
        made.store.erase(newest(made).voice)
        assert "听不到" in await (await zhang.post(f"{path}/hear")).text()


async def test_ten_presses_of_a_form_are_one_act_and_who_comes_second_sees_who_was_first(
    made: BoardSite,
) -> None:
    made.calm()
    call = await made.press("staff")
    async with reader(made) as zhang, reader(made) as boss:
        await zhang.enter("zhang")
        await boss.enter("boss")
        for _ in range(10):
            answer = await zhang.post(f"{BOARD}/{call.id}/take")
            assert answer.status == 303
        assert (await boss.post(f"{BOARD}/{call.id}/take")).status == 303
        for _ in range(10):
            again = {"act": "reply", "text": "马上到", "key": "0123456789abcdef"}
            assert (await zhang.post(f"{BOARD}/{call.id}/act", **again)).status == 303
        assert made.now(call).by == "zhang"
        refused = await zhang.post(f"{BOARD}/{call.id}/act", act="reply", text=f"打{PHONE}")
        assert refused.status == 400
        assert PHONE not in await refused.text()
        looked = await zhang.post(f"{BOARD}/{call.id}/act", do="preview", text=f"打{PHONE}")
        assert looked.status == 400
    acts = [past.act for past in await made.acts(30) if past.act.on == call.id]
    assert [act.result.value for act in acts] == ["refused", "done", "done"]
    bodies = [entry.body for entry in await made.journal.read(Lane.ALARM, 0, 1000)]
    turns = [body for body in bodies if call.id.encode() in body]
    assert len(turns) == 3, "pressed, answered, replied"


async def test_the_story_names_the_zone_in_which_somebody_was_called(made: BoardSite) -> None:
    made.calm()
    call = await made.press("staff")
    await made.passes(31)
    async with reader(made) as zhang:
        await zhang.enter("zhang")
        story = await zhang.page(f"{BOARD}/{call.id}")
    assert "大厅" in story
    assert "、hall" not in story


async def test_a_viewer_sees_how_many_wait_and_no_more(made: BoardSite) -> None:
    made.calm()
    await made.press("repair", what="gas", contact=Contact(phone=PHONE))
    async with reader(made) as guest:
        await guest.enter("guest")
        desk = await guest.page("/desk/")
        assert "燃气" in desk
        assert "138****5678" not in desk
        assert (await guest.get(BOARD)).status == 403
        stream = await guest.get(f"/api/v1/events?pulse=request:{newest(made).id}&lanes=")
        assert b"5678" not in await stream.content.read(2000)
        stream.close()


async def test_the_first_screen_takes_a_request_too(chromium: Chromium, made: BoardSite) -> None:
    made.calm()
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.add_init_script(COUNT_TONES)
        await opened(page, made, "/desk/")
        await page.keyboard.press("Tab")
        call: Request = await made.press("staff")
        await sounded(page)
        await page.click("text=我去")
        await page.wait_for_url(f"**{BOARD}/{call.id}")
    assert made.now(call).state == "answered"
