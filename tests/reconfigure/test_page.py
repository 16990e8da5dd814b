"""The settings' page in a browser: every state, and the undo by a press."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium

from tests.access.gallery import sign_in
from tests.access.harness import browser as reader
from tests.reconfigure.gallery import SHOTS, Furnished, Shot, furnished, take
from tests.reconfigure.harness import FIRST
from tests.web import browser

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

TRIED = {"settings", "settings-kept-phone-en", "settings-empty", "settings-card-phone"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stations(tmp_path_factory) -> AsyncIterator[dict[str, Furnished]]:
    folders = [tmp_path_factory.mktemp(name) for name in ("told", "empty", "under-way")]
    async with (
        furnished(folders[0], "told") as told,
        furnished(folders[1], "empty") as empty,
        furnished(folders[2], "under-way") as under_way,
    ):
        yield {"told": told, "empty": empty, "under-way": under_way}


@pytest.mark.parametrize(
    "shot",
    [
        pytest.param(shot, id=shot.name, marks=() if shot.name in TRIED else pytest.mark.proof)
        for shot in SHOTS
    ],
)
async def test_every_state(chromium: Chromium, stations: dict[str, Furnished], shot: Shot) -> None:
    verdict = await take(chromium, stations[shot.story], shot, out=None)
    assert verdict.faults == []
    assert verdict.rules >= 30, "axe has looked"


async def test_only_an_installer_reads_it(stations: dict[str, Furnished]) -> None:
    async with reader(stations["told"]) as desk:
        await desk.enter("zhang")
        assert (await desk.get("/desk/settings")).status == 403
        answer = await desk.post("/desk/settings/undo", number="1", why="试")
        assert answer.status == 403


async def test_a_reason_is_asked_for(stations: dict[str, Furnished]) -> None:
    async with reader(stations["told"]) as desk:
        await desk.enter("boss")
        answer = await desk.post("/desk/settings/undo", number="1", why=" ")
        assert answer.status == 400


async def test_one_press_goes_back_and_the_record_tells_who(
    chromium: Chromium, stations: dict[str, Furnished]
) -> None:
    made = stations["told"]
    async with browser.tab(chromium, ignore_https_errors=True) as page:
        await sign_in(page, made, "boss")
        await page.goto(made.https + "/desk/settings?n=2")
        await page.locator("input[name=why]").fill("水表还没装")
        await page.get_by_role("button", name="退回到第 1 次").click()
        await page.wait_for_url("**/desk/settings")
        shown = await page.locator("main").inner_text()
    assert "水表还没装" in shown
    assert made.desk.file.read_text("utf-8") == FIRST
    record = made.desk.shelf.records()[-1]
    assert (record.state, record.who, record.why) == ("kept", "installer:boss", "水表还没装")
    act = next(past.act for past in await made.acts() if past.act.what == "settings/undo")
    assert (act.who.id, act.on) == ("boss", str(record.number))
