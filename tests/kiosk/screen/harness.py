"""A kiosk under test: real engine, real pages, real server; a dispatcher that does as it is told.

Where a real way into a state would take minutes, the request is put into it in the book, behind
the same pages and the same API.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from playwright.async_api import Browser, Page

from gateway.clock import Deadline
from gateway.clock.timekeeper import Timekeeper
from gateway.errors import Unavailable
from gateway.event import Trust
from gateway.web.section import Section
from kiosk.requests.options import KioskOptions, KioskPanel, WeeklyNotice
from kiosk.requests.request import Car, Request, VoiceNote
from kiosk.requests.request_type import TYPES
from kiosk.runtime.api import request_routes
from kiosk.screen.alerts import ScreenAlert
from kiosk.screen.controller import KioskController, run_ticks
from kiosk.screen.controller import StationContext as Around
from kiosk.screen.routes import screens_section as pages
from kiosk.screen.voice_note import RecordingControl
from tests.kiosk.requests import harness
from tests.web import browser
from tests.web.station import WALL_NS, MemoryJournal, S, Station, station

NAME = "望京西园三区驿站"
TALL, WIDE = (1080, 1920), (1920, 1080)
CAR = Car("京BT3642", "黄绿色", "北京现代", 4)
TODAY = (
    WeeklyNotice(at="14:30", what="免费量血压", where="大厅"),
    WeeklyNotice(at="16:00", what="收旧衣、旧报纸", where="东门"),
    WeeklyNotice(at="19:00", what="露天电影", where="广场"),
)


class Ears:
    """A microphone that hears what it is told to: `note` is that, once `ends`; None is silence."""

    def __init__(self) -> None:
        self.note: VoiceNote | None = NOTE
        self.broken = self.hangs = False
        self.ends = asyncio.Event()
        self.opened = 0
        self.played: list[VoiceNote] = []

    async def record(self, microphone: str, zone: str, talk: RecordingControl) -> VoiceNote | None:
        if self.broken:
            raise Unavailable("speaker.no-pickup")
        if self.hangs:
            await asyncio.Event().wait()
        self.opened += 1
        await talk.ready()
        ways = [asyncio.create_task(event.wait()) for event in (talk.enough, self.ends)]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
        return self.note

    async def play(self, note: VoiceNote, zone: str, about: str, expires: Deadline) -> bool:
        self.played.append(note)
        return True


class Emergency:
    """An emergency that goes on where the kiosk stands, while there is one."""

    def __init__(self) -> None:
        self.told: ScreenAlert | None = None

    def find_alert(self, zone: str, place: str) -> ScreenAlert | None:
        return self.told


NOTE = VoiceNote(b"RIFF loud", b"RIFF small", 12.3)


class House(harness.Station):
    """The engine with its terminals."""

    def __init__(
        self, panel: tuple[int, int], language: str, microphone: str | None = None
    ) -> None:
        kiosk = KioskOptions(
            zone="hall",
            place="hall",
            panel=KioskPanel(px=panel),
            today=TODAY,
            microphone=microphone,
        )
        settled = msgspec.structs.replace(
            harness.plan("platform"), kiosks={"hall": kiosk}, language=language
        )
        super().__init__(settled)
        self.heard = harness.Loud()
        self.ears = Ears()
        self.emergency = Emergency()
        self.terminal: KioskController
        self.address = ""

    async def start(self) -> "House":
        await super().start()
        self.clock.learn(Trust.NTP, WALL_NS, 1_000_000)
        around = Around(NAME, "Asia/Shanghai", self.clock, self.heard, self.ears, self.emergency)
        self.terminal = KioskController("hall", self.plan.kiosks["hall"], self.room, around)
        self.room.add_listener(self.terminal.on_request_change)
        self.terminal.resume()
        return self

    def put(self, request: Request, state: str, **fields: Any) -> Request:
        """The request as it would be after the minutes that lead there."""
        made = msgspec.structs.replace(request, state=state, said=request.cue, **fields)
        self.room.engine.repository.requests[request.id] = made
        return made

    def driven(self, request: Request, state: str, car: Car | None = CAR) -> Request:
        """A ride in that state, with its car."""
        assert request.ride is not None
        far = self.room.now().deadline_after(3600)
        ride = msgspec.structs.replace(request.ride, car=car, until=far, accept=far)
        since_ns = request.opened_ns - 42 * S
        return self.put(request, state, ride=ride, opened_ns=since_ns)

    def sections(self) -> list[Section]:
        terminals = {"hall": self.terminal}
        api = Section(name="requests", routes=request_routes(self.room, None, None))
        return [api, pages(terminals, "010-64700000")]

    def set_hour(self, seconds: int) -> None:
        """So many seconds after midnight, by a clock that is trusted."""
        midnight = WALL_NS - (14 * 3600 + 5 * 60) * S
        self.clock._keeper = Timekeeper()
        self.clock.learn(Trust.NTP, midnight + seconds * S, 1_000_000)

    def fresh(self) -> None:
        """As if nobody had ever been there."""
        self.room.engine.repository.requests.clear()
        self.terminal._leave()
        self.road.open, self.road.loses_asks = True, False
        self.ears.__init__()  # type: ignore[misc]  # as new
        self.emergency.told = None


@contextlib.asynccontextmanager
async def house(
    panel: tuple[int, int] = TALL, language: str = "zh", *, microphone: str | None = None
) -> AsyncIterator[House]:
    """A running station with one kiosk."""
    made = await House(panel, language, microphone).start()
    journal = MemoryJournal()

    class Served(Station):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.journal = journal
            self.sections = [*self.sections, *made.sections()]

    beating = asyncio.create_task(run_ticks([made.terminal]))
    try:
        async with station(kind=Served) as served:
            made.address = served.address
            yield made
    finally:
        beating.cancel()
        await made.die()


@contextlib.asynccontextmanager
async def tab(chromium: Browser, made: House, panel: tuple[int, int] = TALL) -> AsyncIterator[Page]:
    """The screen, with a finger."""
    async with browser.tab(chromium, width=panel[0], height=panel[1], has_touch=True) as page:
        yield page


STATES = [(name, state) for name, type_ in TYPES.items() for state in type_.table.states]
