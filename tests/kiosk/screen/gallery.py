"""Every screen of the kiosk in every state: pictured for `./dev look`, judged by the tests."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser, Page

from gateway.clock.timekeeper import Timekeeper
from kiosk.requests.request import Car, Request
from kiosk.screen.alert_page import fit_words
from kiosk.screen.alerts import ScreenAlert
from tests.kiosk.screen.harness import CAR, STATES, TALL, WIDE, House, house, tab
from tests.web import browser
from tests.web.gallery import DESK, OUT, Gallery

Bring = Callable[[House], Awaitable[None]]
LONG = Car("京AD12345", "珍珠白色", "比亚迪元PLUS", 18)


class Shot(NamedTuple):
    """One screen: how the kiosk is brought there."""

    name: str
    bring: Bring


async def at_home(_made: House) -> None:
    """Nobody has pressed anything."""


async def platform_away(made: House) -> None:
    """The platform cannot be reached."""
    made.road.open = False


async def with_a_car(made: House) -> None:
    """Somebody who waits for a car has gone back to the first screen."""
    made.road.loses_asks = True
    made.driven(await made.press("ride"), "searching")
    await pressed(made, "home")


async def pressed(made: House, *presses: str) -> None:
    """Go that way."""
    for press in presses:
        await made.terminal.handle_press(made.terminal.current_screen().name, press)


def way(*presses: str) -> Bring:
    """By those presses, from the first screen."""

    async def bring(made: House) -> None:
        await pressed(made, *presses)

    return bring


async def nobody(made: House) -> None:
    """Somebody has gone away in the middle of something."""
    await pressed(made, "begin:repair")
    session = made.terminal._session
    made.terminal._session = type(session)(**{**_fields(session), "asked": True})


def _fields(session: object) -> dict[str, object]:
    return {name: getattr(session, name) for name in session.__struct_fields__}  # type: ignore[attr-defined]  # a struct


TO_VOICE = ("begin:repair", "what:water", "where:hall")
TO_PHONE = (*TO_VOICE, "phone")


async def voice_open(made: House) -> None:
    """The microphone takes its time."""
    made.ears.hangs = True
    await pressed(made, *TO_VOICE)
    session = made.terminal._session
    made.terminal._session = type(session)(**{**_fields(session), "voice": "open"})


async def whom(made: House) -> None:
    """Whoever waits is asked for four digits."""
    made.road.loses_asks = True
    made.driven(await made.press("ride"), "searching")
    await pressed(made, "whom:ride")


async def known(made: House) -> None:
    """Whoever waits has left four digits."""
    made.road.loses_asks = True
    ride = await made.press("ride")
    made.driven(ride, "searching")
    await pressed(made, "whom:ride", *(f"digit:{d}" for d in "5678"), "done")


async def said(made: House) -> None:
    """Somebody has spoken."""
    await pressed(made, *TO_VOICE, "speak")
    made.ears.ends.set()
    await settled(made, "voice-kept")


async def said_nothing(made: House) -> None:
    """Somebody has not."""
    made.ears.note = None
    await pressed(made, *TO_VOICE, "speak")
    made.ears.ends.set()
    await settled(made, "voice-nothing")


async def without_a_microphone(made: House) -> None:
    """It is unplugged."""
    made.ears.broken = True
    await pressed(made, *TO_VOICE, "speak")
    await settled(made, "voice-broken")


async def mute(made: House) -> None:
    """A kiosk that has none."""
    session = made.terminal._session
    made.terminal._session = type(session)(**{**_fields(session), "hears": False})
    await pressed(made, *TO_VOICE)


async def settled(made: House, name: str) -> None:
    """What goes on beside the page has come to that screen."""
    async with asyncio.timeout(60):
        while made.terminal.current_screen().name != name:  # noqa: ASYNC110  # it has no event of its own
            await asyncio.sleep(0.01)


async def sorry(made: House) -> None:
    """The journal took nothing."""
    made.journal.volatile = True
    await pressed(made, *TO_PHONE, "done")
    made.journal.volatile = False


async def without_a_clock(made: House) -> None:
    """Nobody knows what time it is."""
    made.terminal._station.clock._keeper = Timekeeper()


def request_in(family: str, state: str) -> Bring:
    """A request of that family in that state."""

    async def bring(made: House) -> None:
        made.road.loses_asks = True  # nobody's answer moves it on while it is looked at
        made_one = await _opened(made, family)
        if family == "ride":
            car = CAR if state in ("assigned", "arrived") else None
            made.driven(made_one, state, car)
        else:
            made.put(made_one, state)
        await _helped(made, made_one, state)

    return bring


async def _opened(made: House, family: str) -> Request:
    what = {"what": "water", "where": "b3"} if family == "work" else {}
    service = {"ride": "ride", "call": "staff", "work": "repair"}[family]
    return await made.press(service, **what)


async def _helped(made: House, request: Request, state: str) -> None:
    """Whoever is left without a car has had somebody called."""
    if request.family == "ride" and state in ("no-car", "away", "expired", "unknown"):
        call = await made.press("staff", press=f"{request.id}-call")
        made.put(call, "ringing", quiet=True, linked=request.id)
        await pressed(made, "home")
        made.terminal._session = type(made.terminal._session)(
            **{**_fields(made.terminal._session), "page": "request", "request": request.id}
        )


async def danger(made: House) -> None:
    """Gas: a person at once, and whom to ring meanwhile."""
    await pressed(made, "begin:repair", "danger:gas")


async def long_words(made: House) -> None:
    """The longest plate, and everything that a dispatcher may say."""
    made.road.loses_asks = True
    made_one = await made.press("ride")
    made.driven(made_one, "assigned", LONG)


async def neighbours(made: House) -> None:
    """Two wait for their cars, one has come; somebody else stands there."""
    made.road.loses_asks = True
    made.driven(await made.press("ride"), "arrived")
    made.driven(await made.press("ride", another=True, press="n-2"), "assigned", LONG)
    await pressed(made, "home")


def beside(*presses: str) -> Bring:
    """By those presses, while somebody else's cars come."""

    async def bring(made: House) -> None:
        await neighbours(made)
        await pressed(made, *presses)

    return bring


async def one_car(made: House) -> None:
    """A neighbour's car is on its way, and somebody wants one."""
    made.road.loses_asks = True
    made.driven(await made.press("ride"), "assigned")
    await pressed(made, "home", "whose:ride")


async def failed_lately(made: House) -> None:
    """Whoever was left without a car has gone back to the first screen."""
    await request_in("ride", "no-car")(made)
    await pressed(made, "home")


async def asked(made: House) -> None:
    """Five minutes ago somebody said that they would come."""
    made.put(await made.press("staff"), "answered", asked=True)


async def helped_and_driven(made: House) -> None:
    """A car comes for somebody who has called a person, too."""
    made.road.loses_asks = True
    made.driven(await made.press("ride"), "assigned")
    made.put(await made.press("staff"), "answered")
    ride = made.room.all_requests()[0]
    await pressed(made, "home", "whose:ride", f"show:{ride.id}")


async def at_the_desk(made: House) -> None:
    """Staff alone look for a car."""
    made_one = await made.press("ride")
    made.driven(made_one, "asking", None)
    driven = made.of(made_one)
    ride = type(driven.ride)(**{**_fields(driven.ride), "road": "desk"})
    made.put(driven, "asking", ride=ride)


def emergency(words: str, language: str = "zh") -> Bring:
    """That sounds here; somebody has called a person."""

    async def bring(made: House) -> None:
        await made.press("staff")
        made.emergency.told = ScreenAlert("order-1", words, language)

    return bring


SHORT_ALERT = "着火了，请马上疏散"
ALERT = "3号楼有烟，请马上从楼梯疏散，不要乘坐电梯，到南门外集合。"
SHOTS = (
    Shot("home", at_home),
    Shot("home-cars", neighbours),
    Shot("home-failed", failed_lately),
    Shot("home-card-cars", beside("card:0412345678")),
    Shot("whose", one_car),
    Shot("whose-two", beside("whose:ride")),
    Shot("what-cars", beside("begin:repair")),
    Shot("phone-cars", beside(*TO_PHONE)),
    Shot("confirm-call-cars", beside("open:staff", "confirm")),
    Shot("call-come", asked),
    Shot("ride-at-desk", at_the_desk),
    Shot("ride-helped", helped_and_driven),
    Shot("alert", emergency(SHORT_ALERT)),
    Shot("alert-long", emergency(ALERT)),
    Shot("alert-en", emergency("Smoke in building 3. Leave by the stairs at once.", "en")),
    Shot("home-away", platform_away),
    Shot("home-car", with_a_car),
    Shot("home-card", way("card:0412345678")),
    Shot("home-no-clock", without_a_clock),
    Shot("options", way("options")),
    Shot("what", way("begin:repair")),
    Shot("what-more", way("begin:repair", "more")),
    Shot("where", way("begin:repair", "what:water")),
    Shot("voice", way(*TO_VOICE)),
    Shot("voice-open", voice_open),
    Shot("voice-listen", way(*TO_VOICE, "speak")),
    Shot("voice-kept", said),
    Shot("voice-nothing", said_nothing),
    Shot("voice-broken", without_a_microphone),
    Shot("phone", way(*TO_PHONE)),
    Shot("phone-mute", mute),
    Shot("phone-typed", way(*TO_PHONE, *(f"digit:{d}" for d in "13820467"))),
    Shot("phone-ride", whom),
    Shot("ride-known", known),
    Shot("check", way("begin:repair", "check", "digit:4", "digit:0")),
    Shot("check-none", way("begin:repair", "check", *(f"digit:{d}" for d in "111111"), "find")),
    Shot("still", nobody),
    Shot("sorry", sorry),
    Shot("confirm-ride", way("open:ride", "confirm")),
    Shot("confirm-call", way("open:staff", "confirm")),
    Shot(
        "confirm-work",
        way(*TO_PHONE, "done", "confirm"),
    ),
    Shot("ride-long", long_words),
    Shot("call-danger", danger),
    *(Shot(f"{family}-{state}", request_in(family, state)) for family, state in STATES),
)  # fmt: skip


class Mode(NamedTuple):
    """How the kiosk stands and is set."""

    name: str
    panel: tuple[int, int] = TALL
    language: str = "zh"
    large: bool = False
    contrast: bool = False
    night: bool = False


# The first is what every test run looks at; `./dev proof` looks at all.
MODES = (
    Mode("zh"),
    Mode("zh-wide", WIDE),
    Mode("en", language="en"),
    Mode("en-wide", WIDE, "en"),
    Mode("zh-large", large=True),
    Mode("zh-contrast", contrast=True),
    Mode("zh-night", night=True),
    Mode("en-wide-large-night", WIDE, "en", large=True, night=True),
    Mode("zh-large-contrast-night", large=True, contrast=True, night=True),
)


def as_mode(made: House, mode: Mode) -> None:
    """Set the session as somebody would have."""
    session = made.terminal._session
    made.terminal._session = type(session)(
        **{**_fields(session), "language": mode.language, "large": mode.large,
           "contrast": mode.contrast, "hears": True}
    )  # fmt: skip
    made.set_hour(23 * 3600 if mode.night else 14 * 3600 + 300)


MEASURE = Path(__file__).with_name("measure.js").read_text("utf-8")


async def glyphs(page: Page) -> list[str]:
    """Signs drawn by another font than the one for Han: a missing one would be."""
    session = await page.context.new_cdp_session(page)
    await session.send("DOM.enable")
    await session.send("CSS.enable")
    root = (await session.send("DOM.getDocument", {"depth": 0}))["root"]["nodeId"]
    found = await session.send("DOM.querySelectorAll", {"nodeId": root, "selector": "main,button"})
    names: set[str] = set()
    for node in found["nodeIds"]:
        fonts = await session.send("CSS.getPlatformFontsForNode", {"nodeId": node})
        names |= {font["familyName"] for font in fonts["fonts"]}
    await session.detach()
    return [f"font: {name}" for name in sorted(names) if not name.startswith("Noto Sans CJK")]


class Judged(NamedTuple):
    """What was found on one screen."""

    name: str
    faults: list[str]
    kb: float
    paint_ms: float
    rules: int


# A finger that stays down: the page is not brought up to date while it is looked at.
HELD = """async () => {
  for (;;) {
    const key = document.querySelector("button");
    const { x, y } = key.getBoundingClientRect();
    const at = { isPrimary: true, clientX: x + 1, clientY: y + 1, bubbles: true };
    key.dispatchEvent(new PointerEvent("pointerdown", at));
    const down = document.querySelector("[data-down]");
    if (down) return down.removeAttribute("data-down");
    await new Promise((over) => setTimeout(over, 50));
  }
}"""

# The next screen in the page that is there, as the page itself does it: quicker than anew.
EXCHANGE = """() => new Promise((done) => {
  const asked = new XMLHttpRequest();
  asked.open("GET", "/kiosk/");
  asked.responseType = "document";
  asked.onload = () => {
    const fresh = asked.response;
    for (const name of ["data-night", "data-contrast"])
      document.documentElement.toggleAttribute(name, fresh.documentElement.hasAttribute(name));
    document.title = fresh.title;
    document.body.replaceWith(document.adoptNode(fresh.body));
    done();
  };
  asked.send();
})"""


async def take(
    made: House, page: Page, shot: Shot, mode: Mode, out: Path | None, *, anew: bool = True
) -> Judged:
    """Bring the kiosk there, picture it, judge it."""
    made.fresh()
    as_mode(made, mode)
    await shot.bring(made)
    console = browser.complaints(page)
    if anew or page.url == "about:blank":
        await page.goto(f"{made.address}/kiosk/")
        await page.evaluate(HELD)
    else:
        await page.evaluate(EXCHANGE)
    await page.wait_for_selector("body.kiosk main")
    if out is not None:
        await browser.shoot(page, out / f"kiosk-{mode.name}-{shot.name}.png")
    measured = await page.evaluate(MEASURE)
    fonts = await glyphs(page)
    verdict = await browser.judge(page, console)
    caption = await page.inner_text("#caption")
    said = made.terminal.sentence().caption
    told = made.emergency.told  # what is too long is shown in pages, one after the other
    pages = [said] if told is None else fit_words(told.words, made.terminal.shape)[1]
    silent = [] if caption in map(str.strip, pages) else [f"shown {caption!r}, said {said!r}"]
    faults = [*verdict.faults, *measured, *fonts, *silent]
    return Judged(shot.name, faults, verdict.page_bytes / 1000, verdict.paint_ms, verdict.rules)


async def through(
    chromium: Browser,
    mode: Mode,
    out: Path | None = None,
    *,
    anew: bool = True,
    only: Collection[str] = (),
) -> list[Judged]:
    """Every screen in that mode, or those only."""
    async with (
        house(mode.panel, mode.language, microphone="mic") as made,
        tab(chromium, made, mode.panel) as page,
    ):
        shots = [shot for shot in SHOTS if shot.name in only or not only]
        return [await take(made, page, shot, mode, out, anew=anew) for shot in shots]


async def main(names: list[str]) -> int:
    """All screens in all modes (or the modes and screens named), print what was found."""
    gallery = Gallery("kiosk", shown=DESK // 7)
    named = {mode.name for mode in MODES} & set(names)
    only = set(names) - named
    async with browser.browser() as chromium:
        for mode in (mode for mode in MODES if not named or mode.name in named):
            for one in await through(chromium, mode, OUT, only=only):
                figures = f"{one.kb:5.1f} kB  first paint {one.paint_ms:4.0f} ms"
                gallery.hang(f"kiosk-{mode.name}-{one.name}", one.rules, one.faults, figures)
        return await gallery.close(chromium)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
