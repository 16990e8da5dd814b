"""Every screen of sign-in, the desk and the record, in every state."""

import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser as Chromium
from playwright.async_api import Page

from gateway.clock.timekeeper import Timekeeper
from gateway.event import Trust
from gateway.health import ClockVitals, Vitals
from gateway.web.authorization import DESK_COOKIE, SESSION_COOKIE
from tests.access.harness import PASSWORDS, Site, site
from tests.web import browser
from tests.web.gallery import DESK, OUT, PHONE, Gallery, wanted
from tests.web.station import NORMAL, STATES, WALL_NS, replace


def unset() -> Vitals:
    """Everything is well, but nothing has set the clock."""
    return replace(NORMAL, clock=ClockVitals(Trust.NONE, None, 0, 0))


def calm() -> Vitals:
    """Nobody is needed: every device answers."""
    devices = tuple(d for d in NORMAL.devices if d.state not in {"silent", "faulty"})
    return replace(NORMAL, devices=devices)


def calm_away() -> Vitals:
    """Nobody is needed, but the platform does not answer."""
    return replace(STATES["away"](), devices=calm().devices)


class Shot(NamedTuple):
    """One screen: who looks, at what, in which state; the tests try some, the sheet shows all."""

    name: str
    path: str
    who: str = ""
    vitals: Callable[[], Vitals] = lambda: NORMAL
    width: int = DESK
    query: str = ""
    claimed: bool = True
    idle_s: float = 0
    told: bool = True
    act: Callable[[Page], Awaitable[None]] | None = None
    tried: bool = True


async def guess_wrong(page: Page) -> None:
    """Type a password that is not right."""
    form = page.locator("form[action='/signin/enter']")
    await form.locator("[name=id]").fill("zhang")
    await form.locator("[name=password]").fill("not the right one")
    await form.locator("button").click()
    await page.wait_for_selector("#trouble")


async def add_somebody(page: Page) -> None:
    """Give somebody a key."""
    form = page.locator("form[action='/signin/keys/add']")
    await form.locator("[name=id]").fill("0221")
    await form.locator("[name=name]").fill("赵敏")
    await form.locator("button").click()
    await page.wait_for_selector("section.ask")


SHOTS = (
    Shot("signin-claim", "/signin", claimed=False),
    Shot("signin-claim-phone", "/signin", claimed=False, width=PHONE, tried=False),
    Shot("signin", "/signin"),
    Shot("signin-phone", "/signin", width=PHONE, tried=False),
    Shot("signin-wrong", "/signin", act=guess_wrong),
    Shot("signin-unset-night-en", "/signin", vitals=unset, query="?night=on&lang=en", told=False),
    Shot("signin-own", "/signin", "zhang"),
    Shot("signin-own-phone", "/signin", "boss", width=PHONE, tried=False),
    Shot("signin-locked", "/signin", "zhang", idle_s=2000),
    Shot("keys", "/signin/keys", "boss"),
    Shot("keys-added-phone", "/signin/keys", "boss", width=PHONE, act=add_somebody),
    Shot("keys-ask", "/signin/keys", "boss", query="?ask=reset&id=zhang"),
    Shot("keys-night-en", "/signin/keys", "boss", query="?night=on&lang=en", tried=False),
    Shot("trust", "/trust"),
    Shot("trust-phone-en", "/trust", width=PHONE, query="?lang=en", tried=False),
    Shot("desk", "/desk/", "zhang"),
    Shot("desk-phone", "/desk/", "zhang", width=PHONE),
    Shot("desk-night", "/desk/", "zhang", query="?night=on"),
    Shot("desk-en", "/desk/", "zhang", query="?lang=en", tried=False),
    Shot("desk-calm-away", "/desk/", "zhang", vitals=calm_away, tried=False),
    Shot("desk-bus-down", "/desk/", "boss", vitals=STATES["bus-down"], tried=False),
    Shot("desk-unset", "/desk/", "zhang", vitals=unset, told=False),
    Shot("desk-unset-phone-en", "/desk/", "zhang", unset, PHONE, "?lang=en", told=False),
    Shot("desk-volatile", "/desk/", "zhang", vitals=STATES["volatile"]),
    Shot("desk-volatile-phone", "/desk/", "zhang", STATES["volatile"], PHONE, tried=False),
    Shot("desk-viewer", "/desk/", "guest", vitals=calm),
    Shot("desk-locked", "/desk/", "zhang", idle_s=2000, tried=False),
    Shot("desk-zoom-200", "/desk/", "zhang", width=DESK // 2, tried=False),
    Shot("meter-replaced", "/devices/em-b3/replaced", "zhang"),
    Shot("meter-replaced-en", "/devices/em-b3/replaced", "zhang", width=PHONE, query="?lang=en"),
    Shot("meter-waits", "/devices/em-b3", "zhang", query="?replaced=yes", tried=False),
    Shot("record", "/desk/record", "boss"),
    Shot("record-phone", "/desk/record", "boss", width=PHONE),
    Shot("record-night-en", "/desk/record", "boss", query="?night=on&lang=en", tried=False),
    Shot("record-none", "/desk/record", "boss", query="?result=failed", tried=False),
)  # fmt: skip


@contextlib.asynccontextmanager
async def furnished(folder: Path, *, claimed: bool = True) -> AsyncIterator[Site]:
    """A station with three people, a PIN, a wrong guess and something to read in its record."""
    async with site(folder) as made:
        made.clock.learn(Trust.NTP, WALL_NS, 1_000_000)
        if claimed:
            await made.furnish()
        yield made


async def take(
    chromium: Chromium, made: Site, shot: Shot, out: Path | None = OUT
) -> browser.Verdict:
    """Open the screen, bring it into its state, picture it and judge it."""
    made.vitals = shot.vitals()
    told = made.clock._keeper
    if not shot.told:
        made.clock._keeper = Timekeeper()
    async with browser.tab(chromium, width=shot.width, ignore_https_errors=True) as page:
        console = browser.complaints(page)
        if shot.who:
            await sign_in(page, made, shot.who)
        made.clock.advance(shot.idle_s)
        await page.goto(made.https + shot.path + shot.query)
        if shot.path == "/desk/":
            await page.wait_for_selector("body[data-heard]")
        heard = list(console)
        if shot.act is not None:
            await shot.act(page)
            heard = []  # the browser itself remarks on an answer that says no
        if out is not None:
            await browser.shoot(page, out / f"{shot.name}.png")
        verdict = await browser.judge(page, heard)
    made.clock._keeper = told
    return verdict


async def sign_in(page: Page, made: Site, who: str) -> None:
    """Let that person be signed in in this browser, with a PIN; anew only where it is needed."""
    signed = made.signed.get(who)
    caller = None if signed is None else made.access.identify(signed.token)
    if signed is None or caller is None or caller.locked:
        signed = await made.access.sign_in(who, PASSWORDS[who], made.place())
        caller = made.access.identify(signed.token)
        assert caller is not None
        await made.access.set_pin(caller, PASSWORDS[who], "4826", made.place())
        made.signed[who] = signed
    await page.context.add_cookies(
        [
            {"name": name, "value": value, "url": made.https, "secure": True, "httpOnly": True}
            for name, value in ((SESSION_COOKIE, signed.token), (DESK_COOKIE, signed.desk))
        ]
    )


async def main(names: list[str]) -> int:
    """Take all shots (or those named), print what was found."""
    gallery = Gallery("access")
    async with browser.browser() as chromium:
        for claimed in (False, True):
            shots = [shot for shot in wanted(SHOTS, names) if shot.claimed is claimed]
            await gallery.walk(chromium, shots, take, partial(furnished, claimed=claimed))
        return await gallery.close(chromium)


if __name__ == "__main__":
    import asyncio

    sys.exit(asyncio.run(main(sys.argv[1:])))
