"""Who reaches the kiosk: whoever stands before it, without a cookie, and nobody from elsewhere."""

import asyncio
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from gateway.health import ScreenVitals
from gateway.live.needs import list_needs
from gateway.web.healthz import assess_health
from gateway.web.i18n import CATALOGUES
from gateway.web.section import Permission, Route, Section
from gateway.web.server import WebOptions
from kiosk.runtime.screen_heartbeats import SILENT_S_MAX
from kiosk.screen.routes import screens_section as pages
from tests.access.harness import Site, browser, site
from tests.kiosk.screen.harness import House
from tests.sim.loop import run
from tests.web.station import NORMAL, replace


async def reached(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="reached")


class WithKiosk(Site):
    """With an address that is for this machine's screen alone."""

    def sections(self) -> list[Section]:
        here = Permission.HERE
        routes = (
            Route(path="/kiosk/", handler=reached, permission=here),
            Route(path="/kiosk/press", handler=reached, permission=here, method="POST"),
        )
        return [*super().sections(), Section(name="kiosk", routes=routes)]


FORGED = {
    "nothing": {},
    "another page": {"Origin": "https://evil.example"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "another site": {"Sec-Fetch-Site": "cross-site"},
}


async def test_a_press_needs_no_cookie_but_must_come_from_our_page(tmp_path: Path) -> None:
    async with site(tmp_path, kind=WithKiosk) as made, aiohttp.ClientSession() as session:
        press = f"{made.http}/kiosk/press"
        for name, headers in FORGED.items():
            async with session.post(press, headers=headers) as answer:
                assert answer.status == 403, name
        for ours in ({"Origin": made.http}, {"Sec-Fetch-Site": "same-origin"}):
            async with session.post(press, headers=ours) as answer:
                assert answer.status == 200
                assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("who", ["", "guest", "zhang", "boss"])
async def test_nobody_presses_from_elsewhere(tmp_path: Path, who: str) -> None:
    async with site(tmp_path, kind=WithKiosk) as made:
        await made.furnish()
        async with browser(made) as reader:
            if who:
                await reader.enter(who)
            assert (await reader.get("/kiosk/")).status in (401, 403)
            assert (await reader.post("/kiosk/press")).status in (401, 403)


def test_a_silent_screen_is_a_note_of_health_and_a_row_on_the_desks_board() -> None:
    lost = replace(NORMAL, screens=(ScreenVitals("hall", 600.0), ScreenVitals("yard")))
    assert "kiosk.hall.browser-silent" in assess_health(lost).notes
    assert not any("yard" in note for note in assess_health(lost).notes)
    for words in CATALOGUES.values():
        (row,) = [need for need in list_needs(lost, words) if need.key.startswith("screen-")]
        assert (row.amount, row.key) == (10, "screen-hall")
        assert "hall" in row.title


def test_a_page_that_is_not_heard_of_is_silent_after_its_time() -> None:
    async def test() -> None:

        made = await House((1080, 1920), "zh").start()
        assert made.room.screens.silent_s("hall") is None
        await asyncio.sleep(SILENT_S_MAX + 1)
        assert made.room.screens.silent_s("hall") is not None
        made.room.screens.record_heartbeat("hall")
        assert made.room.screens.silent_s("hall") is None
        await made.die()

    run(test())


UNITS = Path(__file__).parents[3] / "systemd"


def test_units_and_policy_open_the_address_that_the_kiosk_has_and_no_other() -> None:
    port = WebOptions().port
    address = f"http://127.0.0.1:{port}"
    assert any(route.path == "/kiosk/" for route in pages({}, "").routes)
    for unit in UNITS.glob("yizhan-kiosk-*.service"):
        assert f"{address}/kiosk/\n" in unit.read_text("utf-8"), unit.name
    policy = msgspec.json.decode((UNITS / "chromium-policy.json").read_bytes())
    assert policy["URLBlocklist"] == ["*"]
    assert policy["URLAllowlist"] == [address]
    assert policy["HomepageLocation"] == f"{address}/kiosk/"
