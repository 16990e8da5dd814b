"""The doctor's page and card, in a browser: `python -m tests.doctor.gallery [NAME…]`."""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from playwright.async_api import Browser as Chromium

from gateway.doctor.checks import examine
from gateway.doctor.model.facts import RunningFacts, StationFacts
from gateway.doctor.section import PAGE, section
from gateway.doctor.service import DoctorService
from gateway.event import Trust
from gateway.web.section import Section
from tests.access.gallery import sign_in
from tests.access.harness import Site, site
from tests.doctor.faults import FAULTS, HEALTHY, seeded
from tests.web import browser
from tests.web.gallery import DESK, OUT, PHONE, Gallery
from tests.web.station import NORMAL, WALL_NS, S

# A warning and two bad ones, from three rooms.
THREE = ("in the sun", "adapter unplugged", "loudspeaker lost")

# One that wants a shell, one that wants a hand.
SHELL = ("keys readable", "adapter unplugged")

# What the program has to say of itself.
OWN = (
    "a task that dies again and again",
    "a mistake that cost one request",
    "alarms that wait for room",
)

FOUND_NS, LOOKED_NS = NORMAL.at_ns - 26 * 60 * S, NORMAL.at_ns - 12 * S


class Shot(NamedTuple):
    """One screen: what is broken, and who looks how; None: the doctor has not looked yet."""

    name: str
    faults: tuple[str, ...] | None = THREE
    path: str = PAGE
    width: int = DESK
    query: str = ""
    who: str = "zhang"


SHOTS = (
    Shot("health"),
    Shot("health-phone", width=PHONE),
    Shot("health-night-en", query="?night=on&lang=en"),
    Shot("health-phone-night-en", width=PHONE, query="?night=on&lang=en"),
    Shot("health-shell", SHELL),
    Shot("health-shell-phone-en", SHELL, width=PHONE, query="?lang=en"),
    Shot("health-shell-installer", SHELL, who="boss"),
    Shot("health-shell-card", SHELL, path="/desk/"),
    Shot("health-own", OWN, who="boss"),
    Shot("health-own-phone", OWN, width=PHONE),
    Shot("health-own-card", OWN, path="/desk/"),
    Shot("health-healthy", ()),
    Shot("health-healthy-phone", (), width=PHONE),
    Shot("health-before", None),
    Shot("health-card", path="/desk/"),
    Shot("health-card-phone-night", path="/desk/", width=PHONE, query="?night=on"),
    Shot("health-card-healthy", (), path="/desk/"),
)


class Examined(Site):
    """A station whose doctor has found what a test says."""

    doctor: DoctorService
    looked_ns = FOUND_NS

    def wings(self) -> list[Section]:
        self.doctor = DoctorService(_facts, _untold, lambda: self.looked_ns)
        return [section(self.doctor, self.look, _running)]

    def find(self, faults: tuple[str, ...] | None) -> None:
        """These have been wrong for a while."""
        self.doctor.at_ns, self.doctor.findings = None, ()
        if faults is None:
            return
        found = examine(broken(faults))
        self.doctor.accept_findings(())  # what stood before is forgotten
        for self.looked_ns in (FOUND_NS, LOOKED_NS):
            self.doctor.accept_findings(found)


def broken(faults: tuple[str, ...]) -> StationFacts:
    """The healthy station with those faults, all of them also where they fill one list."""
    changes: dict[str, Any] = {}
    for fault in FAULTS:
        for path, value in fault.changes.items() if fault.name in faults else ():
            before = changes.get(path)
            changes[path] = (*before, *value) if isinstance(before, tuple) else value
    facts: StationFacts = seeded(HEALTHY, changes)
    return facts


async def _facts() -> StationFacts:
    return HEALTHY


async def _running() -> RunningFacts:
    assert HEALTHY.running is not None
    return HEALTHY.running


async def _untold(_findings: object) -> None:
    """Nobody listens."""


@contextlib.asynccontextmanager
async def furnished(folder: Path) -> AsyncIterator[Examined]:
    """The station, with somebody to sign in."""
    async with site(folder, kind=Examined) as made:
        made.clock.learn(Trust.NTP, WALL_NS, 1_000_000)
        await made.furnish()
        yield made


async def take(
    chromium: Chromium, made: Examined, shot: Shot, out: Path | None = OUT
) -> tuple[browser.Verdict, str]:
    """Open the screen, picture it and judge it; and what a reader finds there."""
    made.find(shot.faults)
    async with browser.tab(chromium, width=shot.width, ignore_https_errors=True) as page:
        console = browser.complaints(page)
        await sign_in(page, made, shot.who)
        await page.goto(made.https + shot.path + shot.query)
        await page.wait_for_selector("body[data-heard]")
        if out is not None:
            await browser.shoot(page, out / f"{shot.name}.png")
        text = await page.locator("main").inner_text()
        return await browser.judge(page, console), text


async def main(names: list[str]) -> int:
    """Take all shots (or those named), print what was found."""
    gallery = Gallery("doctor")
    with tempfile.TemporaryDirectory() as folder:
        async with browser.browser() as chromium, furnished(Path(folder)) as made:
            for shot in (shot for shot in SHOTS if not names or shot.name in names):
                verdict, _text = await take(chromium, made, shot)
                gallery.hang(shot.name, verdict.rules, verdict.faults)
            return await gallery.close(chromium)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
