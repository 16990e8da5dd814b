"""Every screen of the broadcast, in every state."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page

from broadcast.order import OrderClass, PresetContent
from broadcast.orders.schedules import MissedSchedule, Schedule
from broadcast.orders.transitions import OrderState
from broadcast.speaker_status.monitor import SpeakerFault
from gateway.audit.events import Actor
from gateway.health import Vitals
from tests.access.gallery import sign_in
from tests.broadcast.pages.harness import NIGHT_NS, CastSite, cast_site
from tests.web import browser
from tests.web.gallery import DESK, OUT, PHONE, show, wanted
from tests.web.station import NORMAL, STATES, WALL_NS

HOME = "/desk/broadcast"


async def nothing(_made: CastSite) -> None:
    """Silence."""


async def playing(made: CastSite) -> None:
    """A notice sounds, one is over, something is planned."""
    plan = Schedule(name="收旧衣", cron="0 15 * * *", preset="long", zones=("all",))
    await made.sounding.schedules.put("plan-1", plan, Actor("staff", "zhang"))
    await made.play("water", "hall")
    await made.hush_open()
    await made.play("long")


async def emergency(made: CastSite) -> None:
    """Everybody is to get out."""
    await made.play("get-out", cls=OrderClass.EMERGENCY)


async def reached_nobody(made: CastSite) -> None:
    """Everybody was to get out, and no loudspeaker sounded."""
    kept = await made.play("get-out", cls=OrderClass.EMERGENCY)
    await made.room.cancel(kept.order.id, Actor("staff", "zhang"))
    failed = {
        "state": OrderState.FAILED,
        "why": "broadcast.reached-nobody",
        "reached": (0, 0, 0, 0),
    }
    kept = made.room.require(kept.order.id)
    made.room._store.book.put(msgspec.structs.replace(kept, **failed))


async def night(made: CastSite) -> None:
    """Quiet hours; somebody has tried."""
    made.wall(NIGHT_NS)
    await made.order(PresetContent("water"))


async def unset(made: CastSite) -> None:
    """Nobody knows what time it is."""
    made.wall(None)


async def storm(made: CastSite) -> None:
    """An emergency, and a dozen orders behind it."""
    await made.play("long", "hall")
    await made.play("get-out", "all", cls=OrderClass.EMERGENCY)
    for n in range(12):
        await made.order(
            PresetContent(("water", "long", "visitors")[n % 3]), ("b3", "b5", "all")[n % 3]
        )
    await asyncio.sleep(0.5)


async def away(made: CastSite) -> None:
    """The audio process is not there."""
    made.sounding._engine._ready.clear()


async def faulty(made: CastSite) -> None:
    """A loudspeaker does not answer."""
    await made.play("long")
    made.room.monitor.faults["horn-b5"] = SpeakerFault(
        "speaker.nobody-listens", {"address": "10.0.0.5"}
    )


async def missed(made: CastSite) -> None:
    """The station was off when something should have sounded."""
    made.sounding.schedules._missed = (MissedSchedule("早操", 2, WALL_NS - 3_600_000_000_000),)


async def stays(_page: Page) -> None:
    """Nothing is pressed."""


async def asking(page: Page) -> None:
    """An emergency is pressed by something that cannot hold."""
    await page.evaluate("document.getElementById('play-get-out').click()")
    await page.wait_for_selector("#no")


async def hearing(page: Page) -> None:
    """Words are heard before they sound."""
    await page.fill("#say-text", "各位居民：3号楼2单元明天14:30至17:00停水，电话010-64700000。")
    await page.click("#hear")
    await page.wait_for_selector("#read")


async def lacking(page: Page) -> None:
    """Words are to be said nowhere."""
    await page.uncheck("#zone-all")
    await page.fill("#say-text", "各位居民：3号楼2单元明天14:30至17:00停水。")
    await page.click("#say")
    await page.wait_for_selector("#trouble")


class Shot(NamedTuple):
    """One screen: who looks, at what, after what; `then` is what is pressed on it."""

    name: str
    path: str = HOME
    after: Callable[[CastSite], Awaitable[None]] = nothing
    who: str = "zhang"
    vitals: Callable[[], Vitals] = lambda: NORMAL
    width: int = DESK
    query: str = ""
    tried: bool = True
    then: Callable[[Page], Awaitable[None]] = stays

    @property
    def live(self) -> bool:
        """Whether the page keeps itself true."""
        return self.path in {HOME, "/desk/"}


SHOTS = (
    Shot("cast-empty"),
    Shot("cast-empty-phone", width=PHONE, tried=False),
    Shot("cast-playing", after=playing),
    Shot("cast-playing-phone", after=playing, width=PHONE, tried=False),
    Shot("cast-playing-night", after=playing, query="?night=on", tried=False),
    Shot("cast-playing-en", after=playing, query="?lang=en", tried=False),
    Shot("cast-emergency", after=emergency),
    Shot("cast-emergency-phone", after=emergency, width=PHONE, tried=False),
    Shot("cast-quiet", after=night, tried=False),
    Shot("cast-unset", after=unset, tried=False),
    Shot("cast-storm", after=storm, tried=False),
    Shot("cast-away", after=away, tried=False),
    Shot("cast-away-phone-night", after=away, width=PHONE, query="?night=on"),
    Shot("cast-faulty", after=faulty, tried=False),
    Shot("cast-volatile", after=playing, vitals=STATES["volatile"], tried=False),
    Shot("cast-viewer", after=playing, who="guest", tried=False),
    Shot("cast-missed", after=missed, tried=False),
    Shot("cast-sure", then=asking, tried=False),
    Shot("cast-sure-phone", width=PHONE, then=asking, tried=False),
    Shot("cast-hear", then=hearing, tried=False),
    Shot("cast-hear-phone", width=PHONE, then=hearing, tried=False),
    Shot("cast-lacking", then=lacking, tried=False),
    Shot("cast-lacking-phone", width=PHONE, then=lacking, tried=False),
    Shot("cast-quiet-phone-night", after=night, width=PHONE, query="?night=on", tried=False),
    Shot("cast-presets", f"{HOME}/presets", tried=False),
    Shot("cast-preset", f"{HOME}/presets/water"),
    Shot("cast-preset-phone", f"{HOME}/presets/water", width=PHONE, tried=False),
    Shot("cast-schedules", f"{HOME}/schedules", playing),
    Shot("cast-schedules-phone", f"{HOME}/schedules", playing, width=PHONE, tried=False),
    Shot("cast-past", f"{HOME}/past", storm, tried=False),
    Shot(
        "cast-past-phone-night",
        f"{HOME}/past",
        playing,
        width=PHONE,
        query="?night=on",
        tried=False,
    ),
    Shot("cast-desk", "/desk/", emergency, tried=False),
    Shot("cast-unheard", "/desk/", reached_nobody, tried=False),
    Shot("cast-unheard-page", after=reached_nobody),
    Shot(
        "cast-unheard-page-phone-night",
        after=reached_nobody,
        width=PHONE,
        query="?night=on",
        tried=False,
    ),
    Shot("cast-desk-phone", "/desk/", playing, width=PHONE, tried=False),
)


async def take(
    chromium: Chromium, made: CastSite, shot: Shot, out: Path | None = OUT
) -> browser.Verdict:
    """Bring the station into that state, open the screen, picture it and judge it."""
    made.vitals = shot.vitals()
    made.wall(WALL_NS)
    made.sounding._engine._ready.set()
    await made.hush()
    made.sounding.schedules._missed = ()
    await shot.after(made)
    async with browser.tab(chromium, width=shot.width, ignore_https_errors=True) as page:
        console = browser.complaints(page)
        await sign_in(page, made, shot.who)
        await page.goto(made.https + shot.path + shot.query)
        if shot.live:
            await page.wait_for_selector("body[data-heard]")
        await shot.then(page)
        if out is not None:
            await browser.shoot(page, out / f"{shot.name}.png")
        # a browser complains of a form that is refused, which is what that screen is about
        refused = "status of 400" if shot.then is lacking else "\0"
        return await browser.judge(page, [line for line in console if refused not in line])


async def main(names: list[str]) -> int:
    """Take all shots (or those named), print what was found."""
    return await show("broadcast", wanted(SHOTS, names), take, cast_site)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
