"""Every screen of the alarms, in every state."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser as Chromium

from gateway.health import AlarmVitals, Vitals
from tests.access.gallery import sign_in
from tests.alarms.harness import FOUR, AlarmSite, alarm_site
from tests.web import browser
from tests.web.gallery import DESK, OUT, PHONE, show, wanted
from tests.web.station import NORMAL, STATES, replace

BOARD, PAST, WATCHES = "/desk/alarms", "/desk/alarms/past", "/desk/alarms/watches"


def nothing(_made: AlarmSite) -> None:
    """No alarm."""


def one(made: AlarmSite) -> None:
    """A lift with an e-bike."""
    made.say("di-b3.ebike", True)


def four(made: AlarmSite) -> None:
    """Smoke, an e-bike, a load and a full bin at once; two minutes ago."""
    for word, value in FOUR.items():
        made.say(word, value)
    made.tick(130)


def storm(made: AlarmSite) -> None:
    """A whole street above its limit."""
    four(made)
    made.raise_all(storm=True)


def shelved(made: AlarmSite) -> None:
    """One taken, one shelved, a building under maintenance."""
    four(made)
    load, bike = made.id_of("load-b3"), made.id_of("ebike-b3")
    rules = made.rules
    rules.act(lambda alarms, now: alarms.shelve(load, 8 * 3600, "zhang", now))
    rules.act(lambda alarms, now: alarms.maintain("bin", 3600, "zhang", now))
    rules.act(lambda alarms, _: alarms.acknowledge(bike, "zhang"))


def taken(made: AlarmSite) -> None:
    """Somebody goes."""
    four(made)
    load = made.id_of("load-b3")
    made.rules.act(lambda alarms, _: alarms.acknowledge(load, "zhang"))
    made.rules.act(lambda alarms, _: alarms.note(load, "已经请电工去看"))


def grave(made: AlarmSite) -> None:
    """Smoke on a shelf and gone, a bin under maintenance, and somebody on the way to an SOS."""
    made.say("di-b3.smoke", True)
    made.say("di-b3.sos", True)
    smoke, sos, rules = made.id_of("smoke-b3"), made.id_of("sos"), made.rules
    rules.act(lambda alarms, now: alarms.shelve(smoke, 3600, "zhang", now, note="探头在换"))
    rules.act(lambda alarms, _: alarms.acknowledge(sos, "zhang"))
    made.tick(1)
    made.tick(130)
    made.say("di-b3.smoke", False)
    made.tick(15)
    made.say("di-b3.smoke", False)
    rules.act(lambda alarms, now: alarms.maintain("bin", 3600, "zhang", now))


def worked_on(made: AlarmSite) -> None:
    """A building is worked on, and its smoke sensors are silent."""
    made.rules.act(lambda alarms, now: alarms.maintain("b3", 7200, "zhang", now))


def unreached(made: AlarmSite) -> None:
    """Everybody was called for an SOS, and nobody has answered."""
    made.say("di-b3.sos", True)
    made.tick(65)


class Shot(NamedTuple):
    """One screen: who looks, at what, after what; `path` may name a rule whose alarm is meant.

    `press` is the button whose answer is looked at.
    """

    name: str
    path: str
    after: Callable[[AlarmSite], None] = nothing
    who: str = "zhang"
    vitals: Callable[[], Vitals] = lambda: NORMAL
    width: int = DESK
    query: str = ""
    tried: bool = True
    press: str = ""


AWAY = STATES["away"]
ELSEWHERE = replace(NORMAL, alarms=AlarmVitals(untaken=3, ring=2, first="烟感报警"))
SHOTS = (
    Shot("alarms-empty", BOARD),
    Shot("alarms-empty-phone", BOARD, width=PHONE, tried=False),
    Shot("alarms-one", BOARD, one, tried=False),
    Shot("alarms-four", BOARD, four),
    Shot("alarms-four-phone", BOARD, four, width=PHONE),
    Shot("alarms-four-viewer", BOARD, four, "guest", tried=False),
    Shot("alarms-four-en", BOARD, four, query="?lang=en", tried=False),
    Shot("alarms-storm", BOARD, storm, tried=False),
    Shot("alarms-shelved", BOARD, shelved),
    Shot("alarms-shelved-phone", BOARD, shelved, width=PHONE, tried=False),
    Shot("alarms-away", BOARD, four, vitals=AWAY, tried=False),
    Shot("alarms-night", BOARD, four, query="?night=on"),
    Shot("alarms-volatile-phone", BOARD, four, "zhang", STATES["volatile"], PHONE, tried=False),
    Shot("alarm-smoke", "smoke-b3", four),
    Shot("alarm-smoke-phone", "smoke-b3", four, width=PHONE, tried=False),
    Shot("alarm-bin", "bin-east", four),
    Shot("alarm-bin-phone", "bin-east", four, width=PHONE),
    Shot("alarm-load-night", "load-b3", four, query="?night=on", tried=False),
    Shot("alarm-taken-away-en", "load-b3", taken, vitals=AWAY, query="?lang=en"),
    Shot("alarm-shelved", "load-b3", shelved, tried=False),
    Shot("alarm-viewer", "smoke-b3", four, "guest", tried=False),
    Shot("past", PAST, four),
    Shot("past-phone-night-en", PAST, four, width=PHONE, query="?night=on&lang=en", tried=False),
    Shot("past-none", PAST, query="?rule=never", tried=False),
    Shot("watches", WATCHES, four),
    Shot("watches-phone", WATCHES, four, width=PHONE, tried=False),
    Shot("watches-storm", WATCHES, storm, query="?rule=storm&place=b3"),
    Shot("watches-none", WATCHES, query="?rule=never", tried=False),
    Shot("alarms-grave", BOARD, grave),
    Shot("alarms-grave-phone", BOARD, grave, width=PHONE),
    Shot("alarm-sos", "sos", unreached),
    Shot("alarm-sos-phone", "sos", unreached, width=PHONE),
    Shot("alarm-sos-taken", "sos", grave),
    Shot("desk-grave", "/desk/", grave),
    Shot("sure-shelf", "smoke-b3", four, press="#shelve"),
    Shot("sure-shelf-phone", "smoke-b3", four, width=PHONE, press="#shelve", tried=False),
    Shot("sure-work", BOARD, four, press="#work-begin", tried=False),
    Shot("sure-work-phone", BOARD, four, width=PHONE, press="#work-begin"),
    Shot("alarms-worked-on", BOARD, worked_on),
    Shot("desk-worked-on-phone", "/desk/", worked_on, width=PHONE),
    Shot("desk-grave-phone", "/desk/", grave, width=PHONE, tried=False),
    Shot("elsewhere-alarms-phone", "/", four, vitals=lambda: ELSEWHERE, width=PHONE),
    Shot("elsewhere-past-phone", PAST, four, vitals=lambda: ELSEWHERE, width=PHONE, tried=False),
    Shot("elsewhere-alarms", "/", four, vitals=lambda: ELSEWHERE),
    Shot("desk-alarms", "/desk/", four),
    Shot("desk-alarms-phone", "/desk/", four, width=PHONE, tried=False),
)


async def take(
    chromium: Chromium, made: AlarmSite, shot: Shot, out: Path | None = OUT
) -> browser.Verdict:
    """Bring the station into that state, open the screen, picture it and judge it."""
    made.vitals = shot.vitals()
    made.calm()
    shot.after(made)
    async with browser.tab(chromium, width=shot.width, ignore_https_errors=True) as page:
        console = browser.complaints(page)
        await sign_in(page, made, shot.who)
        await made.written()
        path = shot.path if shot.path.startswith("/") else f"{BOARD}/{made.id_of(shot.path)}"
        await page.goto(made.https + path + shot.query)
        if shot.path != PAST:
            await page.wait_for_selector("body[data-heard]")
        if shot.press:
            async with page.expect_navigation():
                await page.click(shot.press)
        if out is not None:
            await browser.shoot(page, out / f"{shot.name}.png")
        return await browser.judge(page, console)


async def main(names: list[str]) -> int:
    """Take all shots (or those named), print what was found."""
    return await show("alarms", wanted(SHOTS, names), take, alarm_site)


if __name__ == "__main__":
    import asyncio

    sys.exit(asyncio.run(main(sys.argv[1:])))
