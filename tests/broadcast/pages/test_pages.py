"""The broadcast's pages in a browser: every screen, the keyboard alone, without a script."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page

from broadcast.clips.index import ClipKind
from broadcast.order import Authority, Order, OrderClass, SentenceContent, TextContent
from gateway.audit.events import Actor
from tests.access.gallery import sign_in
from tests.broadcast.audio_process.harness import until
from tests.broadcast.pages.gallery import HOME, SHOTS, Shot, reached_nobody, take
from tests.broadcast.pages.harness import NIGHT_NS, CastSite, cast_site
from tests.web import browser
from tests.web.station import NORMAL, WALL_NS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]


HOLD_MS = 1200  # hold.js
HOSTILE = {
    "空.mp3": b"",
    "列表.m3u": b"#EXTM3U\nhttp://127.0.0.1/secret\n",
    "坏了.wav": b"RIFF\xff\xff\xff\x7fWAVEfmt ",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def made(tmp_path_factory) -> AsyncIterator[CastSite]:
    async with cast_site(tmp_path_factory.mktemp("cast")) as site:
        yield site


async def opened(page: Page, made: CastSite, path: str = HOME) -> None:
    made.vitals = NORMAL
    made.wall(WALL_NS)
    await made.hush()
    await sign_in(page, made, "zhang")
    await page.goto(made.https + path)


async def focus(page: Page, element: str) -> None:
    """Tab, forward or back, until that element has the focus; it is seen where that is."""
    before = "(id) => Boolean(document.activeElement.compareDocumentPosition("
    before += "document.getElementById(id)) & Node.DOCUMENT_POSITION_PRECEDING)"
    key = "Shift+Tab" if await page.evaluate(before, element) else "Tab"
    for _ in range(90):
        await page.keyboard.press(key)
        if await page.evaluate("(id) => document.activeElement.id === id", element):
            break
    else:
        raise AssertionError(f"no way to #{element} by the keyboard")
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


async def hold_enter(page: Page, *, enough: bool) -> None:
    """Hold it by the page's own clock: a millisecond less than it takes, or until it has fired."""
    await page.wait_for_selector("body[data-heard]")
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 60"))
    await page.keyboard.down("Enter")
    await page.clock.run_for(HOLD_MS - 1)
    if enough:
        async with page.expect_navigation():
            await page.clock.resume()
    await page.keyboard.up("Enter")
    await page.clock.resume()


def states(made: CastSite) -> list[tuple[str, str]]:
    """What was asked for, the newest first: class and state."""
    return [(kept.order.class_.word, kept.state.value) for kept in made.room.orders()]


FULL = (pytest.mark.proof, pytest.mark.full)


@pytest.mark.parametrize(
    "shot",
    [pytest.param(shot, id=shot.name, marks=() if shot.tried else FULL) for shot in SHOTS],
)
async def test_every_screen(chromium: Chromium, made: CastSite, shot: Shot) -> None:
    verdict = await take(chromium, made, shot, out=None)
    assert verdict.faults == []
    assert verdict.rules >= 30, "axe has looked"


async def test_by_the_keyboard_alone_a_notice_an_emergency_and_their_end(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.clock.install()
        await opened(page, made)
        await page.wait_for_selector("body[data-heard]")
        await focus(page, "play-long")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("h1:has-text('正在播：收旧衣')")
        await page.wait_for_selector("text=2 个喇叭里 2 个已发出")
        await page.wait_for_selector("body[data-heard]")
        await focus(page, "play-get-out")
        await hold_enter(page, enough=False)  # a slip of the finger
        assert states(made) == [("notice", "playing")]
        await hold_enter(page, enough=True)
        await page.wait_for_selector("h1:has-text('正在播：紧急疏散')")
        assert states(made)[0][0] == "emergency"
        emergency = made.room.orders()[0].order.id
        await page.wait_for_selector("body[data-heard]")
        await focus(page, f"stop-{emergency}")
        await hold_enter(page, enough=False)
        assert states(made)[0][1] == "playing"
        await hold_enter(page, enough=True)
        await until(lambda: states(made)[0] == ("emergency", "stopped"))
    acts = await made.acts(3)
    assert [past.act.what for past in acts] == [
        "broadcast/cancel",
        "broadcast/place",
        "broadcast/place",
    ]
    assert {past.act.who.id for past in acts} == {"zhang"}


async def test_ten_presses_are_one_order(chromium: Chromium, made: CastSite) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        form = await page.input_value("#f input[name=form]")
        for _ in range(10):
            await page.request.post(
                f"{made.https}{HOME}/play/long",
                form={"form": form, "zone": "all"},
                headers={"Origin": made.https},
            )
    assert len(made.room.orders()) == 1


async def test_without_a_script_presets_words_and_stop(chromium: Chromium, made: CastSite) -> None:
    async with browser.tab(chromium, ignore_https_errors=True, java_script_enabled=False) as page:
        await opened(page, made)
        await page.click("#play-get-out")  # nobody can have held it: it asks
        await page.wait_for_selector("text=真的播“紧急疏散”吗？")
        await page.click("#no")
        assert states(made) == []
        await page.fill("#say-text", "3号楼14:30停水")
        await page.click("#hear")
        await page.wait_for_selector("text=三号楼十四点三十分停水")
        assert states(made) == []
        await page.click("#say")
        await page.wait_for_selector(":is(#told, h1):has-text('3号楼14:30停水')")
        await until(lambda: states(made)[0] in {("notice", "playing"), ("notice", "finished")})
        await made.hush()
        await page.goto(made.https + HOME)
        await page.click("#play-long")
        await until(lambda: states(made) == [("notice", "playing")])
        await page.goto(made.https + HOME)
        await page.click("text=按住停播")
        await until(lambda: states(made) == [("notice", "stopped")])


async def test_an_emergency_that_nobody_heard_asks_for_somebody_and_can_be_tried_again(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        await reached_nobody(made)
        await page.goto(made.https + "/desk/")
        await page.wait_for_selector("text=没播出去：紧急疏散")
        await page.click("text=再试一次")
        await page.wait_for_selector("text=真的播“紧急疏散”吗？")
        assert states(made) == [("emergency", "failed")]
        await page.click("#yes")
        await until(lambda: states(made)[0] == ("emergency", "playing"))
        await page.goto(made.https + "/desk/")
        await page.wait_for_selector("text=正在播：紧急疏散")
        assert await page.locator("text=没播出去").count() == 0
    await made.hush()


async def test_by_night_the_page_says_why_before_the_press_and_the_receipt_after_it(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        made.wall(NIGHT_NS)
        await page.goto(made.https + HOME)
        await page.wait_for_selector("p.toast:has-text('安静时段，户外不播')")
        assert not await page.is_checked("#zone-all")
        await page.check("#zone-all")
        await page.click("#play-long")
        await page.wait_for_selector("#told:has-text('没有播')")
        assert states(made) == [("notice", "refused")]
        await made.hush()
        await page.goto(made.https + HOME)
        await page.check("#zone-hall")
        await page.click("#play-long")
        await page.wait_for_selector("h1:has-text('正在播：收旧衣')")
    made.wall(WALL_NS)


@pytest.mark.parametrize("wall_ns", [NIGHT_NS, None], ids=["night", "no-time"])
async def test_an_emergency_is_heard_everywhere_at_any_hour(
    chromium: Chromium, made: CastSite, wall_ns: int | None
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.clock.install()
        await opened(page, made)
        made.wall(wall_ns)
        await page.goto(made.https + HOME)
        for zone, meant in (("all", True), ("b3-lift", True), ("hall", True), ("b3", False)):
            assert await page.is_checked(f"#urgent-{zone}") is meant, zone
        assert not await page.is_checked("#zone-all"), "a notice is another thing"
        assert await page.locator("#zone-b3-lift").count() == 0
        await focus(page, "play-get-out")
        await hold_enter(page, enough=True)
        await until(lambda: states(made)[0] == ("emergency", "playing"))
        assert set(made.room.orders()[0].order.zones) == {"all", "b3-lift", "hall"}
    made.wall(WALL_NS)


async def test_an_emergency_in_one_building_alone_and_in_none(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        for zone in ("all", "b3-lift", "hall"):
            await page.uncheck(f"#urgent-{zone}")
        form = {"form": await page.input_value("#f input[name=form]"), "held": "1", "zone": "all"}
        answer = await page.request.post(
            f"{made.https}{HOME}/play/get-out",
            form={**form, "urgent-zones": "1"},
            headers={"Origin": made.https},
        )
        assert answer.status == 400
        assert "还没有选在哪里响" in await answer.text()
        assert states(made) == [], "the ticks of notices are not an emergency's"
        await page.check("#urgent-b3")
        await page.evaluate("document.getElementById('play-get-out').click()")
        await page.wait_for_selector("#no")
        await page.click("#yes")
        await until(lambda: states(made)[:1] == [("emergency", "playing")])
        assert made.room.orders()[0].order.zones == ("b3",)


async def test_what_reached_nobody_stands_on_the_page_and_is_held_to_try_it_again(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await page.clock.install()
        await opened(page, made)
        await reached_nobody(made)
        await page.goto(made.https + HOME)
        await page.wait_for_selector("h2:has-text('没播出去：紧急疏散')")
        failed = made.room.orders()[0].order.id
        assert await page.locator(f"#again-{failed}[data-held]").count() == 1, "in the table, too"
        await focus(page, f"try-{failed}")
        await hold_enter(page, enough=False)
        assert len(states(made)) == 1
        await hold_enter(page, enough=True)
        await page.wait_for_selector("h1:has-text('正在播：紧急疏散')")
        assert states(made)[0] == ("emergency", "playing")
        assert made.room.orders()[0].order.zones == made.room.require(failed).order.zones
        assert await page.locator("h2:has-text('没播出去')").count() == 0


async def test_what_was_typed_is_kept_where_no_place_was_ticked(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        await page.uncheck("#zone-all")
        await page.fill("#say-text", "3号楼14:30停水")
        await page.select_option("#say-class", "urgent")
        await page.click("#say")
        await page.wait_for_selector("#trouble:has-text('还没有选在哪里响')")
        assert page.url == made.https + HOME, "the page can be loaded again"
        assert states(made) == []
        assert await page.evaluate("document.activeElement.id") == "trouble"
        await page.wait_for_selector("body[data-heard]")
        await page.evaluate("document.activeElement.blur()")
        await made.play("long", "b5")  # the page is brought up to date
        await page.wait_for_selector("h1:has-text('正在播：收旧衣')")
        await page.wait_for_selector("#trouble")
        assert await page.input_value("#say-text") == "3号楼14:30停水"
        assert await page.input_value("#say-class") == "urgent"
        assert not await page.is_checked("#zone-all")
        await page.check("#zone-hall")
        await page.click("#say")
        await until(lambda: ("urgent", "playing") in states(made))


async def test_a_field_that_lacks_something_says_so_beside_it_without_a_script(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True, java_script_enabled=False) as page:
        await opened(page, made)
        await page.uncheck("#zone-all")
        await page.check("#zone-hall")
        await page.click("#say")
        await page.wait_for_selector("#trouble:has-text('还没有写要播什么')")
        assert await page.get_attribute("#say-text", "aria-invalid") == "true"
        assert await page.is_checked("#zone-hall")
        assert not await page.is_checked("#zone-all")
        await page.goto(f"{made.https}{HOME}/schedules")
        await page.select_option("#preset", "long")
        await page.fill("#at", "15:00")
        before = dict(made.sounding.schedules.all())
        for button in ("#look", "#keep"):
            await page.click(button)
            await page.wait_for_selector("#trouble:has-text('先勾一个地方')")
            assert await page.input_value("#at") == "15:00"
            assert await page.input_value("#preset") == "long"
        assert dict(made.sounding.schedules.all()) == before


async def test_what_a_kiosk_says_is_folded_away(chromium: Chromium, made: CastSite) -> None:
    said = "请坐着等，车来了会喊您。"
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        prompt = Order(
            id=made.room.new_id(),
            source="kiosk",
            zones=("hall",),
            class_=OrderClass.PROMPT,
            authority=Authority.PRESS,
            actor=Actor("resident", "hall"),
            content=SentenceContent((("", said),)),
            expires=made.clock.deadline(60),
        )
        await made.room.place(prompt)
        await until(lambda: made.room.require(prompt.id).state.value == "playing")
        await page.goto(made.https + "/desk/")
        assert said not in await page.inner_text("main")
        await page.goto(made.https + HOME)
        assert await page.locator(":is(h1, h2):has-text('正在播')").count() == 0
        assert await page.inner_text("#air") == "只有服务屏在说话"
        assert await page.locator("table.fold").count() == 0
        await page.click("a:has-text('服务屏对人说的 1 句')")
        await page.wait_for_selector(f"table.fold:has-text('{said}')")
        await page.click("#fold")
        await page.wait_for_selector("#unfold")
        assert said not in await page.inner_text("main")


async def test_a_press_that_wants_the_time_leads_to_where_it_is_said(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        made.wall(None)
        await page.goto(made.https + HOME)
        await page.check("#zone-all")
        await page.click("#play-long")
        await page.click("#told a:has-text('去报时间')")
        await page.wait_for_url("**/desk/#clock")
        await page.wait_for_selector("#clock button")
        assert states(made) == [("notice", "refused")]
    made.wall(WALL_NS)


async def test_what_is_ticked_and_written_stays_while_the_page_is_brought_up_to_date(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        await page.wait_for_selector("body[data-heard]")
        await page.uncheck("#zone-all")
        await page.check("#zone-hall")
        await page.fill("#say-text", "写了一半")
        await page.focus("#hear")
        await made.play("long", "b5")
        await page.wait_for_selector("h1:has-text('正在播：收旧衣')")
        assert await page.input_value("#say-text") == "写了一半"
        assert await page.is_checked("#zone-hall")
        assert not await page.is_checked("#zone-all")


async def test_a_key_is_changed_and_taken_back_and_volume_is_kept(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made, f"{HOME}/presets/water")
        await page.fill("#text", "明天上午停水。")
        await page.click("#keep")
        await page.wait_for_selector("text=明天上午停水。")
        assert made.sounding.presets.get("water").text == "明天上午停水。"
        await page.click("#undo")
        await page.wait_for_selector("text=没有改过")
        assert made.sounding.presets.get("water").text == "各位邻居，今天下午停水。"
        await page.goto(made.https + HOME)
        await page.click("#down-b3")
        await page.wait_for_selector("#down-b3")
        assert made.sounding.volumes.step("b3") == 9
        await page.click("#up-b3")
        await page.wait_for_selector("#up-b3")
        assert made.sounding.volumes.step("b3") == 10


async def test_a_schedule_is_looked_at_kept_skipped_and_taken_away(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made, f"{HOME}/schedules")
        for each in made.sounding.schedules.all():
            await page.click(f"#remove-{each}")
        offered = "each => each.map(one => one.value)"
        keys = await page.eval_on_selector_all("#preset option", offered)
        assert "long" in keys
        assert not {"get-out", "evacuate", "all-clear"} & set(keys), "a person presses these"
        await page.select_option("#preset", "long")
        await page.fill("#at", "15:00")
        await page.select_option("#day", "workdays")
        await page.check("#zone-all")
        await page.click("#look")
        await page.wait_for_selector("#times:has-text('15:00'):has-text('明天 15:00')")
        assert dict(made.sounding.schedules.all()) == {}
        await page.click("#keep")
        await page.wait_for_selector("text=下几次")
        (plan,) = made.sounding.schedules.all()
        await page.click(f"#skip-{plan}")
        await page.wait_for_selector("text=这次跳过")
        await page.click(f"#remove-{plan}")
        await page.wait_for_selector("h2:has-text('没有定时的播报')")


@pytest.mark.parametrize(
    ("name", "said"),
    [("空.mp3", "空"), ("列表.m3u", "声音"), ("坏了.wav", "声音")],
)
async def test_a_file_that_cannot_be_used_says_what_is_wrong(
    chromium: Chromium, made: CastSite, tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / name).write_bytes(HOSTILE[name])
    before = made.sounding.shelf.clips(ClipKind.UPLOAD)
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        await page.wait_for_selector("#upload-file")  # shown once the page listens to it
        await page.set_input_files("#upload-file", tmp_path / name)
        told = page.locator("#upload-state")
        await page.wait_for_function(
            "() => { const said = document.getElementById('upload-state').textContent;"
            " return said && !/^(正在上传|已上传)/.test(said); }",
            timeout=30_000,
        )
        text = await told.inner_text()
        assert said in text, text
    assert made.sounding.shelf.clips(ClipKind.UPLOAD) == before
    assert (await made.acts(1))[0].act.what == "broadcast/upload"


async def test_a_file_chosen_while_the_page_is_brought_up_to_date_is_sent(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        await page.wait_for_selector("#upload-file")
        field = await page.evaluate_handle("document.getElementById('upload-file')")
        await page.wait_for_selector("body[data-heard]")
        await made.play("long", "b5")
        await page.wait_for_selector("h1:has-text('正在播：收旧衣')")
        assert not await field.evaluate("field => field.isConnected")
        await field.evaluate(
            "field => { const chosen = new DataTransfer();"
            " chosen.items.add(new File([], '空.mp3')); field.files = chosen.files;"
            " field.dispatchEvent(new Event('change', { bubbles: true })); }"
        )
        await page.wait_for_selector("#upload-state:has-text('空')")


async def test_a_press_that_began_before_the_page_was_brought_up_to_date_counts(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        await page.wait_for_selector("body[data-heard]")
        await page.uncheck("#zone-all")  # where the emergency sounds, the notice would wait for it
        await page.check("#zone-hall")
        await page.hover("#play-long")
        await page.mouse.down()
        await made.play("get-out", "b3", cls=OrderClass.EMERGENCY)
        await beats(page, 3)
        assert await page.locator("h1:has-text('正在播')").count() == 0  # it waits for the finger
        await page.mouse.up()
        await until(lambda: ("notice", "playing") in states(made))


async def test_a_menu_that_is_open_holds_nothing_up(chromium: Chromium, made: CastSite) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        await page.wait_for_selector("body[data-heard]")
        await page.hover("#play-long")
        await page.mouse.down(button="right")  # the menu keeps its coming up
        await made.play("long", "b5")
        await page.wait_for_selector("h1:has-text('正在播：收旧衣')")


async def beats(page: Page, count: int) -> None:
    """Let the page hear of the station so many times."""
    await page.evaluate(
        "(count) => new Promise((over) => document.addEventListener("
        "'pulse', () => { count -= 1; if (!count) over(); }))",
        count,
    )


async def test_nobody_plays_without_a_key_of_the_staff(chromium: Chromium, made: CastSite) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        await sign_in(page, made, "guest")
        await page.goto(made.https + HOME)
        assert await page.locator("#play-long, #say, #mic-open, [data-hold]").count() == 0
        form = await page.input_value("#f input[name=form]")
        answer = await page.request.post(
            f"{made.https}{HOME}/play/long",
            form={"form": form, "zone": "all"},
            headers={"Origin": made.https},
        )
        assert answer.status == 403
    assert made.room.orders() == ()


async def test_stop_all_leaves_the_emergency_alone(chromium: Chromium, made: CastSite) -> None:
    async with browser.tab(chromium, ignore_https_errors=True, java_script_enabled=False) as page:
        await opened(page, made)
        await made.play("long", "hall")
        await made.play("get-out", "b3", cls=OrderClass.EMERGENCY)
        await page.goto(made.https + HOME)
        await page.click(f"#stop-{made.room.orders()[-1].order.id}")
        wanted = [("emergency", "playing"), ("notice", "stopped")]
        with contextlib.suppress(TimeoutError):
            await until(lambda: sorted(states(made)) == wanted)
        assert sorted(states(made)) == wanted, (page.url, made.room.orders())


async def test_what_waits_for_the_morning_is_stopped_by_itself(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True, java_script_enabled=False) as page:
        await opened(page, made)
        made.wall(NIGHT_NS)
        held = [(await made.order(TextContent(word), "all", lives_s=80_000)).of for word in "甲乙"]
        await page.goto(made.https + HOME)
        shown = await page.inner_text("section[aria-labelledby=wt]")
        assert "甲" in shown
        assert "乙" in shown
        await page.click("#stop-all")
        await page.click(f"#stop-{held[0]}")
        wanted = ["stopped", "held"]
        with contextlib.suppress(TimeoutError):
            await until(lambda: [made.room.require(each).state.value for each in held] == wanted)
        assert [made.room.require(each).state.value for each in held] == wanted
        await made.room.cancel(held[1], Actor("staff", "zhang"))


async def test_a_sentence_of_the_kiosk_is_shown_by_its_words(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await opened(page, made)
        pieces = (("", "请坐着等，"), ("", "车来了会喊您。"))
        receipt = await made.order(SentenceContent(pieces), "hall", cls=OrderClass.SERVICE)
        await until(lambda: made.room.require(receipt.of).state.value == "playing")
        for path in (HOME, "/desk/"):
            await page.goto(made.https + path)
            assert "请坐着等，车来了会喊您。" in await page.inner_text("main"), path


async def test_an_emergency_without_a_record_is_shown_and_stopped(
    chromium: Chromium, made: CastSite
) -> None:
    async with browser.tab(chromium, ignore_https_errors=True, java_script_enabled=False) as page:
        await opened(page, made)
        engine = made.sounding._engine
        receipt = await made.order(
            TextContent("请马上离开这里。" * 20), "all", cls=OrderClass.EMERGENCY
        )
        await until(
            lambda: made.room.require(receipt.of).had or made.room.require(receipt.of).reached
        )
        book = made.room._store.book  # a kill takes its record
        del book._kept[receipt.of], book._playing[receipt.of]
        made.room.reconcile(await engine.fetch_state())
        for path in ("/desk/", HOME):
            await page.goto(made.https + path)
            assert "一条紧急广播还在播" in await page.inner_text("main"), path
        await page.click(f"#stop-{receipt.of}")
        await until(lambda: not made.room.unrecorded_sounds())
        await page.goto(made.https + HOME)
        assert "一条紧急广播还在播" not in await page.inner_text("main")
        assert not (await engine.fetch_state()).programmes
