"""The setup pages in a browser: every state, what each button asks for, who may press it."""

import re
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium

from gateway.clock import Clock
from gateway.errors import CommandRefused
from gateway.event import Trust
from gateway.setup.acceptance import AcceptanceRecords
from gateway.setup.ports import DevicePlan
from gateway.toml import Mistake, settings_error
from tests.access.gallery import sign_in
from tests.access.harness import browser as reader
from tests.setup.gallery import SHOTS, Furnished, Shot, furnished, take
from tests.sim.clock import SimulatedKernel
from tests.web import browser
from tests.web.station import WALL_NS

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
    made.roof.fails = settings_error(
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
        await page.locator("main a:visible").first.focus()
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


async def test_the_address_for_other_computers_is_shown_only_while_they_can_come_in(
    made: Furnished,
) -> None:
    async with reader(made) as desk:
        await desk.enter("boss")
        for story, shown in (("wired", True), ("shut", False)):
            made.tell(story)
            text = await (await desk.get("/setup/")).text()
            assert (".local" in text) == shown
            assert ("端口 8443 没有打开" in text) != shown
        made.tell("wired")
        made.roof.shown = msgspec.structs.replace(made.roof.shown, announced=False)
        assert ".local" not in await (await desk.get("/setup/")).text(), "nobody would find it"


async def test_nothing_is_said_of_values_that_were_not_asked_for(made: Furnished) -> None:
    async with reader(made) as desk:
        await desk.enter("boss")
        for story, said, unsaid in (
            ("searching", "还没有读", "没有读到值"),
            ("found", "没有读到值", "还没有读"),
        ):
            made.tell(story)
            text = await (await desk.get("/setup/scan/meters")).text()
            assert said in text
            assert unsaid not in text


async def test_what_was_added_since_the_search_is_marked_and_not_offered(made: Furnished) -> None:
    made.tell("found")
    added = DevicePlan("em-2", "新表", "eastron-sdm120", "meters", "02", "b3")
    made.roof.shown = msgspec.structs.replace(
        made.roof.shown, devices=(*made.roof.shown.devices, added)
    )
    async with reader(made) as desk:
        await desk.enter("boss")
        text = await (await desk.get("/setup/scan/meters")).text()
    assert 'name="add-1"' not in text
    assert 'href="/setup/devices#d-em-2"' in text
    assert 'name="add-2"' in text, "17 is still to be had"


async def test_without_a_place_nothing_is_added_and_what_was_typed_stays(made: Furnished) -> None:
    made.tell("found")
    made.roof.asked.clear()
    form = {"bus": "meters", "found": "on", "add-1": "on", "address-1": "2",
            "model-1": "eastron-sdm120", "name-1": "五层总表", "place-1": ""}  # fmt: skip
    async with reader(made) as desk:
        await desk.enter("boss")
        answer = await desk.post("/setup/devices/add", **form)
        text = await answer.text()
        assert answer.status == 422
        assert "2 没有选在哪里" in text
        assert 'value="五层总表"' in text
        assert made.roof.asked == []
        answer = await desk.post("/setup/devices/add", **{**form, "place-1": "."})
    assert answer.status == 303
    (changes,) = made.roof.asked
    assert changes[("device", "eastron-sdm120-2", "place")] == ""


async def test_every_choice_of_a_form_is_one(made: Furnished) -> None:
    made.tell("wired")
    async with reader(made) as desk:
        await desk.enter("boss")
        for page in ("lines", "devices", "places", "sound", "platform"):
            text = await (await desk.get(f"/setup/{page}")).text()
            assert "&lt;select" not in text
        devices = await (await desk.get("/setup/devices")).text()
    assert 'name="place-0" required>' in devices


async def test_a_port_is_chosen_what_is_taken_cannot_be_and_what_is_gone_is_said(
    made: Furnished,
) -> None:
    made.tell("gone")
    async with reader(made) as desk:
        await desk.enter("boss")
        text = await (await desk.get("/setup/lines")).text()
    assert re.findall(r'type="radio" name="port" value="([^"]+)"', text) == [
        "/dev/yizhan/port-1.2",
        "/dev/yizhan/uart",
    ]
    assert "刚插上的" in text
    gone = text[text.index("院子水表线") :]
    assert "现在没有这个口" in gone[: gone.index("</li>")]
    assert "已给“3号楼电表线”" in text


async def test_a_record_made_while_nobody_knew_the_time_is_dated_once_somebody_does(
    made: Furnished,
) -> None:
    clock = Clock("0011223344556677", SimulatedKernel())
    records = AcceptanceRecords(made.journal, clock)
    record = records.new_record("agrees", "boss")
    assert record.wall_ns is None
    assert records.time_of(record) == (None, Trust.NONE)
    clock.learn(Trust.PERSON, WALL_NS, 60_000_000_000)
    assert records.time_of(record) == (WALL_NS, Trust.PERSON)
    other = msgspec.structs.replace(record, boot="8899aabbccddeeff")
    assert records.time_of(other) == (None, Trust.NONE), "nobody knows how long ago that was"
