"""The meter was replaced: asked first, said by form, API and console, each audited."""

from pathlib import Path

from gateway.texts import LANGUAGES
from gateway.web.i18n import CATALOGUES
from tests.access.harness import browser, site

ZH = CATALOGUES["zh"]
PAGE = "/devices/em-b3/replaced"


async def test_the_page_says_what_will_happen_and_asks_first(tmp_path: Path) -> None:
    async with site(tmp_path) as made, browser(made) as reader:
        await made.furnish()
        await reader.enter("zhang")
        assert f'href="{PAGE}"' in await reader.page("/devices/em-b3")
        asked = await reader.page(PAGE)
        assert "3号楼总电表换了新表？" in asked
        assert "128,398.2" in asked, "the last count that was believed"
        assert ZH("live.replaced-no-way-back") in asked
        assert made.replaced == []
        assert (await reader.post(PAGE)).headers["Location"] == "/devices/em-b3?replaced=yes"
        assert made.replaced == [("em-b3", None)]
        assert ZH("live.replaced-waits") in await reader.page("/devices/em-b3?replaced=yes")
        past = (await made.acts(1))[0].act
        assert (past.what, past.on, past.who.id) == ("meter/replaced", "em-b3", "zhang")


async def test_only_staff_may_say_so_and_only_of_what_counts(tmp_path: Path) -> None:
    async with site(tmp_path) as made, browser(made) as guest, browser(made) as reader:
        await made.furnish()
        await guest.enter("guest")
        assert (await guest.post(PAGE)).status == 403
        await reader.enter("zhang")
        assert "/replaced" not in await reader.page("/devices/di-b3")
        assert (await reader.get("/devices/di-b3/replaced")).status == 404
        assert (await reader.get("/devices/nobody/replaced")).status == 404
        assert (await reader.post("/devices/di-b3/replaced")).status == 400
        assert made.replaced == []


async def test_the_api_names_one_counter_or_all(tmp_path: Path) -> None:
    path = tmp_path / "control"
    async with site(tmp_path, control=path) as made:
        import aiohttp  # noqa: PLC0415

        connector = aiohttp.UnixConnector(str(path))
        async with aiohttp.ClientSession("http://localhost", connector=connector) as console:
            found = await (await console.get("/api/v1/meters")).json()
            assert [each["device"] for each in found] == ["em-b3"]
            assert found[0]["counters"] == [
                {"point": "energy", "name": "正向有功电能", "value": 128_402.66, "unit": "kW.h",
                 "quality": "good"}
            ]  # fmt: skip
            api = f"/api/v1{PAGE}"
            said = await console.post(api, json={"point": "energy"})
            assert await said.json() == {"device": "em-b3", "points": ["energy"]}
            assert (await console.post(api)).status == 200
            assert (await console.post(api, json={"point": "power"})).status == 400
            assert (await console.post(api, json={"points": "energy"})).status == 400
            assert (await console.post(api, data=b'{"point":"\xff"}')).status == 400
            assert (await console.post("/api/v1/devices/nobody/replaced")).status == 404
        assert made.replaced == [("em-b3", "energy"), ("em-b3", None)]
        acts = [(each.act.what, each.act.result.value) for each in await made.acts(6)]
        assert acts.count(("meter/replaced", "done")) == 2


def test_both_languages_say_that_there_is_no_way_back() -> None:
    assert all("live.replaced-no-way-back" in CATALOGUES[each] for each in LANGUAGES)
