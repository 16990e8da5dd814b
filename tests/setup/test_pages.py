"""The setup pages in a browser: every state, what each button asks for, who may press it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium

from gateway.errors import CommandRefused
from gateway.settings import Mistake, wrong
from tests.access.look import sign_in
from tests.access.rig import browser as reader
from tests.setup.look import SHOTS, Furnished, Shot, furnished, take
from tests.web import browser

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def made(tmp_path_factory) -> AsyncIterator[Furnished]:
    async with furnished(tmp_path_factory.mktemp("setup")) as station:
        yield station


FULL = (pytest.mark.proof, pytest.mark.full)


@pytest.mark.parametrize(
    "shot",
    [pytest.param(shot, id=shot.name, marks=() if shot.tried else FULL) for shot in SHOTS],
)
async def test_every_state(chromium: Chromium, made: Furnished, shot: Shot) -> None:
    verdict = await take(chromium, made, shot, out=None)
    assert verdict.faults == []
    assert verdict.rules >= 25, "axe has looked"


async def test_what_was_unfolded_stays_so_while_the_page_is_brought_up_to_date(
    chromium: Chromium, made: Furnished
) -> None:
    made.tell("many")
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await sign_in(page, made, "boss")
        await page.goto(f"{made.https}/setup/")
        await page.wait_for_selector("body[data-heard]")
        last = page.get_by_text("3号楼801水表 还没有和表对过")
        await page.click("text=另外 7 项")
        await last.wait_for()
        made.roof.under_way = True
        await page.wait_for_selector("text=改动正在试")
        assert await last.is_visible()


async def test_only_an_installer_comes_in(made: Furnished) -> None:
    async with reader(made) as desk:
        await desk.enter("zhang")
        assert (await desk.get("/setup/")).status == 403
        assert (await desk.post("/setup/scan/meters/start")).status == 403
        assert "start" not in str(made.roof.asked)


async def test_what_each_form_asks_for(made: Furnished) -> None:
    """Without a script: plain forms, and back to the page each time."""
    made.tell("found")
    asked = made.roof.asked
    async with reader(made) as desk:
        await desk.enter("boss")
        for path, fields, expected, back in (
            (
                "scan/meters/start",
                {"thorough": "on", "only": "2400 8E1"},
                ("start", "meters", True, "2400 8E1"),
                "scan/meters",
            ),
            ("scan/meters/pause", {}, "pause", "scan/meters"),
            ("scan/meters/resume", {}, "resume", "scan/meters"),
            ("scan/meters/stop", {}, "stop", "scan/meters"),
            ("scan/meters/again", {}, "again", "scan/meters"),
            ("speakers/beep", {"id": "hall"}, ("beep", "hall"), "sound?asked=hall"),
            (
                "devices/edit",
                {"id": "em-b3", "name": "总表", "place": "b3"},
                {("device", "em-b3", "name"): "总表", ("device", "em-b3", "place"): "b3"},
                "devices",
            ),
            ("remove", {"section": "zone", "id": "b3"}, {("zone", "b3"): None}, "places"),
        ):
            asked.clear()
            answer = await desk.post(f"/setup/{path}", **fields)
            assert (answer.status, answer.headers["Location"]) == (303, f"/setup/{back}")
            assert asked == [expected]


async def test_a_token_is_exchanged_before_the_platform_is_written(made: Furnished) -> None:
    made.tell("empty")
    made.roof.asked.clear()
    async with reader(made) as desk:
        await desk.enter("boss")
        await desk.post(
            "/setup/platform/bind", id="district", url="https://p.example/", token="abc"
        )
    url = {("upstream", "district", "kind"): "http",
           ("upstream", "district", "url"): "https://p.example/"}  # fmt: skip
    assert made.roof.asked == [("enrol", "district", "https://p.example/", "abc", ""), url]


async def test_a_wrong_value_is_flagged_and_the_right_one_clears_it(
    chromium: Chromium, made: Furnished
) -> None:
    made.tell("wired")
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await sign_in(page, made, "boss")
        await page.goto(made.https + "/setup/devices")
        for shown, said in (("2207", "不一致"), ("22.1", "一致")):
            row = page.locator("#d-em-b3 tbody tr", has_text="有功功率")
            await row.locator("[name=shown]").fill(shown)
            await row.locator("[name=shown]").press("Enter")
            row = page.locator("#d-em-b3 tbody tr", has_text=f"表上 {shown}")
            await row.wait_for()
            assert await row.locator(".st span").inner_text() == said
    kept = made.records.get("em-b3.power_w")
    assert kept is not None
    assert (kept.state, kept.ours, kept.shown, kept.who) == ("agrees", "22.07 kW", "22.1", "boss")


@pytest.mark.parametrize(
    ("press", "status", "said", "back"),
    [
        (("devices/compare", {"device": "em-b3", "point": "x"}), 503, "3号楼总电表", "devices"),
        (
            ("devices/compare", {"device": "em-b3", "point": "power_w", "shown": "abc"}),
            *(400, "abc", "devices"),
        ),
        (("speakers/heard", {"id": "gone"}), 404, "gone", "sound"),
    ],
)
async def test_a_no_leads_back_to_where_it_was_pressed(
    made: Furnished, press: tuple[str, dict[str, str]], status: int, said: str, back: str
) -> None:
    path, fields = press
    made.tell("wired")
    async with reader(made) as desk:
        await desk.enter("boss")
        answer = await desk.post(f"/setup/{path}", **fields)
        text = await answer.text()
    assert answer.status == status
    assert said in text
    assert f'<a class="btn" href="/setup/{back}">' in text


async def test_mistakes_come_back_as_a_page_and_nothing_is_touched(made: Furnished) -> None:
    made.tell("empty")
    file = str(made.folder / "station.toml")
    made.roof.fails = wrong(
        [Mistake(file, 9, "place.place-1.in", "places.unknown", {"place": "x"})]
    )
    async with reader(made) as desk:
        await desk.enter("boss")
        answer = await desk.post("/setup/places/keep", name="3号楼", **{"in": "x"})
        text = await answer.text()
    made.roof.fails = None
    assert answer.status == 422
    assert "place.place-1.in" in text


async def test_a_tone_that_the_guard_refuses_says_why(made: Furnished, monkeypatch) -> None:
    made.tell("wired")

    async def beep(_speaker: str, _who: object) -> None:
        raise CommandRefused("broadcast.quiet", quiet="21:30-07:00")

    monkeypatch.setattr(made.roof, "beep", beep)
    async with reader(made) as desk:
        await desk.enter("boss")
        answer = await desk.post("/setup/speakers/beep", id="hall")
    assert answer.status >= 400


async def test_the_keyboard_alone_reaches_and_presses_everything(
    chromium: Chromium, made: Furnished
) -> None:
    made.tell("searching")
    made.roof.asked.clear()
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await sign_in(page, made, "boss")
        await page.goto(made.https + "/setup/scan/meters")
        focusable = await page.locator("main a[href], main button:visible").count()
        await page.locator("main a").first.focus()
        met = set()
        for _ in range(focusable):
            met.add(await page.evaluate("document.activeElement.outerHTML"))
            if await page.evaluate("document.activeElement.id") == "do-pause":
                async with page.expect_navigation():
                    await page.keyboard.press("Enter")
                break
            await page.keyboard.press("Tab")
        assert len(met) > 5
    assert made.roof.asked == ["pause"]
