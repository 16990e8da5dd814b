"""Every screen of the request board, in every state."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser as Chromium

from gateway.audit import Actor
from gateway.health import Vitals
from kiosk.requests.request import Contact, Press, RequestAction
from kiosk.runtime.service import RESIDENT
from tests.access.gallery import sign_in
from tests.kiosk.desk.harness import CAR, NOTE, BoardSite, board_site
from tests.kiosk.desk.harness import PHONE as NUMBER
from tests.web import browser
from tests.web.gallery import DESK, OUT, PHONE, show, wanted
from tests.web.station import NORMAL, STATES

BOARD, PAST, CLOSE = "/desk/requests", "/desk/requests/past", "/desk/requests/close"


async def nothing(_made: BoardSite) -> None:
    """Nobody has pressed."""


async def ride(made: BoardSite) -> None:
    """The network is away: staff are to get a car."""
    made.road.open = False
    await made.press("ride", contact=Contact(phone=NUMBER))


async def call(made: BoardSite) -> None:
    """Somebody at the bell, and nobody has come for a minute."""
    await made.press("staff", contact=Contact(last4="5678"))
    await made.passes(65)


async def repair(made: BoardSite) -> None:
    """A pipe, half an hour ago; who pressed left a number."""
    await made.press("repair", what="water", where="b3-f5", contact=Contact(phone=NUMBER))
    await made.passes(1600)


async def spoken(made: BoardSite) -> None:
    """The same, with a few words."""
    await made.press("repair", what="water", where="b3-f5", note=NOTE)


async def many(made: BoardSite) -> None:
    """A day: danger, a bell, a ride of ours, one that comes, repairs, some of it done."""
    await repair(made)
    door = await made.press("repair", what="door", where="b3")
    await made.act(door, "assign", by="王师傅", reply="今天就来修")
    light = await made.press("repair", what="power", where="b3-f5")
    await made.act(light, "finish")
    over = await made.press("staff", where="b3")
    await made.act(over, "answer")
    await made.act(over, "close")
    await made.passes(600)
    coming = await made.press("ride", where="b3")
    await made.until(coming, "searching")
    await made.act(coming, "assign", car=CAR)
    await made.passes(120)
    made.road.open = False
    await made.press("ride", where="b3-f5")
    await made.press("staff", where="b3-f5")
    await made.passes(35)
    await made.press("repair", what="gas", where="b3")


async def storm(made: BoardSite) -> None:
    """More than the board shows."""
    for n in range(60):
        await made.press("repair", what="other", where=("b3", "b3-f5")[n % 2])
        made.clock.advance(2)


async def full(made: BoardSite) -> None:
    """Months of repairs that nobody has closed, and some of this day."""
    leaks = (Press(press=f"w{n}", kiosk="", service="repair", what="other", where="b3")
             for n in range(200))  # fmt: skip
    for n, press in enumerate(leaks):
        await made.room.submit_press(press, Actor("linkage", f"leak-{n}"))
    await made.passes(40 * 86_400)
    await many(made)


async def failed(made: BoardSite) -> None:
    """No car came, so somebody is called."""
    made.road.open = False
    await made.press("ride")
    await made.passes(61)


async def answered(made: BoardSite) -> None:
    """Somebody goes, and has said so."""
    await call(made)
    await made.act(newest(made), "answer", reply="五分钟就到，请坐着等")


async def visit(made: BoardSite) -> None:
    """A repair that the resident is not content with."""
    await repair(made)
    await made.act(newest(made), "finish")
    await made.room.apply_action(
        newest(made).id, RequestAction(act="complain", rating="bad"), RESIDENT
    )


async def danger(made: BoardSite) -> None:
    """Gas: a person at once."""
    await made.press("repair", what="gas", where="b3-f5")


def newest(made: BoardSite):
    return made.room.all_requests()[-1]


class Shot(NamedTuple):
    """One screen: who looks, at what, after what; the path `one` is the newest request's."""

    name: str
    path: str
    after: Callable[[BoardSite], Awaitable[None]] = nothing
    who: str = "zhang"
    vitals: Callable[[], Vitals] = lambda: NORMAL
    width: int = DESK
    query: str = ""
    tried: bool = True
    press: str = ""
    shows: str = "#shown"


AWAY, VOLATILE = STATES["away"], STATES["volatile"]
SHOTS = (
    Shot("requests-empty", BOARD, tried=False),
    Shot("requests-empty-phone", BOARD, width=PHONE, tried=False),
    Shot("requests-many", BOARD, many, tried=False),
    Shot("requests-many-phone", BOARD, many, width=PHONE),
    Shot("requests-many-en", BOARD, many, query="?lang=en", tried=False),
    Shot("requests-night", BOARD, many, query="?night=on", tried=False),
    Shot("requests-storm", BOARD, storm, tried=False),
    Shot("requests-rides", BOARD, many, query="?family=ride", tried=False),
    Shot("requests-away", BOARD, ride, vitals=AWAY, tried=False),
    Shot("requests-failed", BOARD, failed, tried=False),
    Shot("requests-volatile-phone", BOARD, call, vitals=VOLATILE, width=PHONE, tried=False),
    Shot("request-ride", "one", ride, tried=False),
    Shot("request-ride-preview", "one", ride, query="?plate=京BT3642&colour=黄绿色&minutes=4"),
    Shot("request-call-phone", "one", call, width=PHONE, tried=False),
    Shot("request-answered-en", "one", answered, query="?lang=en", tried=False),
    Shot("request-danger", "one", danger, tried=False),
    Shot("request-repair", "one", repair, tried=False),
    Shot("request-repair-revealed", "one", repair, press="#reveal"),
    Shot("request-voice", "one", spoken, tried=False),
    Shot("request-voice-heard", "one", spoken, press="#hear", shows="#voice"),
    Shot("request-visit-night", "one", visit, query="?night=on", tried=False),
    Shot("requests-full", BOARD, full, tried=False),
    Shot("requests-close", CLOSE, full, query="?all=1"),
    Shot("requests-close-phone-en", CLOSE, many, width=PHONE, query="?lang=en", tried=False),
    Shot("requests-close-none", CLOSE, tried=False),
    Shot("requests-past", PAST, many, tried=False),
    Shot("requests-past-phone-en", PAST, many, width=PHONE, query="?lang=en", tried=False),
    Shot("requests-past-none", PAST, query="?number=000000", tried=False),
    Shot("desk-requests", "/desk/", many),
    Shot("desk-requests-phone", "/desk/", many, width=PHONE, tried=False),
)


async def take(
    chromium: Chromium, made: BoardSite, shot: Shot, out: Path | None = OUT
) -> browser.Verdict:
    """Bring the station into that state, open the screen, picture it and judge it."""
    made.vitals = shot.vitals()
    made.calm()
    await shot.after(made)
    async with browser.tab(chromium, width=shot.width, ignore_https_errors=True) as page:
        console = browser.complaints(page)
        await sign_in(page, made, shot.who)
        await made.written()
        path = shot.path if shot.path != "one" else f"{BOARD}/{newest(made).id}"
        await page.goto(made.https + path + shot.query)
        if shot.path not in (PAST, CLOSE):
            await page.wait_for_selector("body[data-heard]")
        if shot.press:
            await page.click(shot.press)
            await page.wait_for_selector(shot.shows)
        if out is not None:
            await browser.shoot(page, out / f"{shot.name}.png")
        return await browser.judge(page, console)


async def main(names: list[str]) -> int:
    """Take all shots (or those named), print what was found."""
    return await show("requests", wanted(SHOTS, names), take, board_site)


if __name__ == "__main__":
    import asyncio

    sys.exit(asyncio.run(main(sys.argv[1:])))
