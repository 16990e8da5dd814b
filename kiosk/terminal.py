"""One kiosk's screen in the running station: presses in, the screen out, sentences aloud.

The browser sends which key was pressed on which screen and shows what it gets. A press on a screen
that is no longer there is none, so ten taps are one request.
"""

import asyncio
import datetime
import logging
import zoneinfo
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from gateway.clock import Clock, next_beat
from gateway.errors import StationError
from gateway.event import Trust
from gateway.faults import OnFault, contain, log_fault
from gateway.web.words import CATALOGUES
from kiosk.catalogue import CALL_SERVICE, Service
from kiosk.dictation import Dictation, Ears
from kiosk.drawing.draw import draw
from kiosk.drawing.scene import Scene
from kiosk.options import Options
from kiosk.request import Press, Request, S
from kiosk.room import RESIDENT, Requests
from kiosk.screen import Screen, Sheet, design_px
from kiosk.session import (
    IDLE_S,
    PRIVATE_S,
    STILL_S,
    Act,
    Do,
    Enough,
    Find,
    Hear,
    Leave,
    Listen,
    Open,
    Session,
    Tell,
    Voice,
    carded,
    home,
    reset,
    shows,
    step,
    to,
)
from kiosk.speech import CLASS_PROMPT, Clip, Sentence, Speaker, dialled

log = logging.getLogger(__name__)

NIGHT = ("20:00", "06:30")
LOUDER_WITHIN_S = 15.0
CARD = "card:"
"""What a reader of cards presses."""

CHOOSING = frozenset({"what", "where", "voice", "phone", "check"})
"""Pages on which something is being asked for."""

SAY_WITHIN_S = 20.0
"""A page's sentence is for whoever stands before that page."""


class Station(NamedTuple):
    """What the screens show of the station around them."""

    name: str
    timezone: str
    clock: Clock
    speaker: Speaker
    ears: Ears | None = None


class Terminal:
    """The screen of one kiosk."""

    def __init__(self, kiosk: str, options: Options, room: Requests, station: Station) -> None:
        """Nobody is there yet."""
        self.kiosk, self.options = kiosk, options
        self.shape = design_px(options.panel)[0]
        self._room, self._station = room, station
        self._dictation = Dictation(station.ears, options.microphone, options.zone)
        self._session = Session(
            language=room.plan.language,
            touched_ns=station.clock.now_ns(),
            hears=self._dictation.possible,
        )
        self._lock = asyncio.Lock()
        self._seen: set[str] = set()
        self._shown: Screen | None = None
        self._told_ns = -round(LOUDER_WITHIN_S * S)
        self.serial = 0
        self._speaking: set[asyncio.Task[None]] = set()

    async def press(self, on: str, press: str) -> Screen:
        """That key was pressed on the screen of that name; what stands there after it."""
        async with self._lock:
            shown = self.look()
            key = shown.pressable(press)
            if shown.name == on and press.startswith(CARD):
                self._touch()
                await self._went(*carded(self._session, press.removeprefix(CARD)))
            elif shown.name == on and key is not None:
                self._touch()
                await self._went(*step(self._session, "again" if key.off else press))
        return self.look()

    async def number(self, number: int) -> Screen:
        """A key on the wall: its service begins, whatever stands there; it chooses nothing there.

        Pressed again it says what to do now; what is not here leads to a person.
        """
        async with self._lock:
            self._touch()
            wanted = next((one for one in self._offered() if one.key == number), None)
            if wanted is None or wanted.family != "work":
                service = CALL_SERVICE if wanted is None else wanted.id
                await self._went(*step(self._session, f"open:{service}"))
            elif wanted.id == self._session.service and self._session.page in CHOOSING:
                await self._went(*step(self._session, "again"))
            else:
                await self._went(*step(home(self._session), f"begin:{wanted.id}"))
        return self.look()

    def _offered(self) -> list[Service]:
        """What this kiosk is for."""
        services = self._room.services
        return [services[name] for name in self.options.services if name in services]

    def look(self) -> Screen:
        """What stands there now; the serial tells whether it is another."""
        self._dictation.follow(self._session)
        screen = draw(self._scene())
        if screen != self._shown:
            self._shown = screen
            self.serial += 1
        return screen

    @property
    def now(self) -> int:
        """The station's lived time in seconds: what counts up is counted from it."""
        return self._room.moment().lived_ns // S

    def sentence(self) -> Sentence:
        """What is said of the screen: exactly its caption."""
        shown = self._scene().shown
        page = self._session.page
        if shown is not None and page == "request" and not self._session.asked:
            return self._room.sentence(shown, self._session.language)
        screen = self.look()
        return Sentence(screen.language, (Clip(f"page-{screen.name}", screen.caption),))

    def turned(self, request: Request) -> None:
        """A request has moved: one that somebody has only now made is shown, and a car's word."""
        if request.kiosk != self.kiosk or request.quiet:
            return
        session = self._session
        new = request.id not in self._seen
        self._seen.add(request.id)
        if new and session.request != request.id and not request.ended:
            self._touch()
            self._session = shows(session, request.id)
        elif request.family == "ride" and session.page == "home":
            self._session = shows(session, request.id)

    def resume(self) -> None:
        """After a restart of the process: who waits for a car, or for somebody, sees it again."""
        own = self._own()
        self._seen = {one.id for one in own}
        waiting = [one for one in own if one.family != "work" and not one.ended and not one.quiet]
        if waiting and self._session.page == "home":
            self._session = shows(self._session, waiting[0].id)

    def tick(self) -> None:
        """Let time pass: is anybody there? Nothing of a person stays on a screen left alone."""
        session = self._session
        idle_s = (self._station.clock.now_ns() - session.touched_ns) / S
        if self._waits() or self._session.voice in ("open", "listen"):
            return
        if session.asked:
            if idle_s >= self._patience_s() + STILL_S:
                self._leave()
        elif idle_s >= self._patience_s():
            if session.page == "home" or self._is_over():
                self._leave()
            else:
                self._session = msgspec.structs.replace(session, asked=True)
                self._say()

    def _waits(self) -> bool:
        """Whether somebody waits for a car or a person: that screen never goes by itself."""
        shown = self._scene().shown
        return (
            shown is not None
            and self._session.page == "request"
            and shown.family != "work"
            and not shown.ended
        )

    def _is_over(self) -> bool:
        """Whether leaving costs nobody anything."""
        shown = self._scene().shown
        return self._session.page == "request" and (shown is None or shown.ended)

    def _patience_s(self) -> float:
        session = self._session
        return PRIVATE_S if session.digits or session.voice or session.card else IDLE_S

    def _leave(self) -> None:
        """Nothing of anybody, but for what somebody still waits for."""
        self._session = reset(self._session, self._room.plan.language)
        self._room.languages.pop(self.kiosk, None)
        self.resume()

    def _touch(self) -> None:
        now_ns = self._station.clock.now_ns()
        self._session = msgspec.structs.replace(self._session, touched_ns=now_ns, asked=False)

    async def _went(self, after: Session, do: Do | None) -> None:
        before, self._session = self._session, after
        if after.language != before.language:
            self._room.languages[self.kiosk] = after.language
        if do is not None:
            await self._do(do)
        elif after.page not in ("home", "request") and _stood(after) != _stood(before):
            self._say()

    async def _do(self, do: Do) -> None:
        try:
            if isinstance(do, Tell):
                self._again()
            elif isinstance(do, Find):
                self._find(do.number)
            elif isinstance(do, Listen | Enough | Hear):
                await self._voice(do)
            elif isinstance(do, Leave):
                await self._left(do)
            elif isinstance(do, Act):
                request = self._session.request
                self._session = shows(self._session, request)
                await self._room.act(request, do.deed, RESIDENT)
            else:
                await self._open(do)
        except StationError as error:
            log.warning("kiosk %s: %s", self.kiosk, error)
            if not isinstance(do, Act | Leave):  # whose screen shows what has become of it
                self._session = to(self._session, "sorry", trouble=error.code, digits="")
            self._say()

    async def _left(self, do: Leave) -> None:
        """Back to what they wait for; it may have ended meanwhile."""
        request = self._session.request
        self._session = shows(self._session, request)
        if do.contact is not None:
            await self._room.leave(request, do.contact)
        self._say()

    async def _voice(self, do: Listen | Enough | Hear) -> None:
        if isinstance(do, Enough):
            self._dictation.enough()
        elif isinstance(do, Hear):
            until = self._station.clock.deadline(SAY_WITHIN_S)
            await self._dictation.play(self.kiosk, until)
        else:
            self._session = to(self._session, "voice", voice="open", trouble="")
            await self._dictation.begin(self._ask, self._voiced)

    async def _ask(self) -> None:
        """Ask the person to speak: the only words that are said while a microphone is open."""
        await self._speak(self.sentence(), louder=False)

    def _voiced(self, voice: Voice, seconds: float, trouble: str) -> None:
        """The microphone listens, or has heard, or has heard nothing."""
        if self._session.page != "voice":  # they have gone on without it
            return
        self._touch()
        self._session = to(
            self._session, "voice",
            voice=voice, voice_s=seconds, voice_from=self.now, trouble=trouble,
        )  # fmt: skip
        self.look()
        if voice != "listen":
            self._say()

    async def _open(self, do: Open) -> None:
        press = f"{self._station.clock.boot[:8]}-{self._station.clock.now_ns()}"
        contact, note = do.contact, self._dictation.note
        self._session = msgspec.structs.replace(self._session, digits="")
        made = await self._room.press(
            Press(press=press, kiosk=self.kiosk, service=do.service, what=do.what,
                  where=do.where, contact=contact),
            note=note,
        )  # fmt: skip
        known = self._session.request == made.id
        self._session = shows(self._session, made.id)
        if known:
            self._say()

    def _again(self) -> None:
        """Once more; louder for whoever asks again at once."""
        now_ns = self._station.clock.now_ns()
        self._say(louder=now_ns - self._told_ns < LOUDER_WITHIN_S * S)
        self._told_ns = now_ns

    def _find(self, number: str) -> None:
        found = next((one for one in self._own() if one.number == number), None)
        if found is not None:
            self._session = shows(self._session, found.id)
        else:
            self._session = to(self._session, "check", digits="", trouble="requests.unknown")
        self._say()

    def _say(self, *, louder: bool = False) -> None:
        saying = self._unless_heard(self.sentence(), louder=louder)
        task = asyncio.get_running_loop().create_task(saying)
        self._speaking.add(task)
        task.add_done_callback(self._speaking.discard)

    async def _unless_heard(self, sentence: Sentence, *, louder: bool) -> None:
        """Nothing is said that an open microphone would hear."""
        if self._session.voice not in ("open", "listen"):
            await self._speak(sentence, louder=louder)

    async def _speak(self, sentence: Sentence, *, louder: bool) -> None:
        until = self._station.clock.deadline(SAY_WITHIN_S)
        say, zone = self._station.speaker.say, self.options.zone
        try:
            await say(sentence, zone, CLASS_PROMPT, until, about=self.kiosk, louder=louder)
        except StationError as error:
            log.warning("kiosk %s says nothing: %s", self.kiosk, error)

    def _own(self) -> list[Request]:
        return [one for one in reversed(self._room.all()) if one.kiosk == self.kiosk]

    def _scene(self) -> Scene:
        session, station, room = self._session, self._station, self._room
        words = CATALOGUES[session.language]
        clock, date, weekday = self._wall(words.lang)
        return Scene(
            session=session,
            words=words,
            sheet=Sheet(self.shape, session.large),
            kiosk=self.options,
            services=room.services,
            places=room.places,
            requests=tuple(self._own()),
            said=lambda request: room.sentence(request, session.language).caption,
            dial=lambda request: dialled(request, room.phones),
            network_away=room.network_away,
            can_ride=room.can_ride,
            name=station.name,
            phone=room.plan.ride.phone or room.plan.phone,
            clock=clock,
            date=date,
            weekday=weekday,
            now=self.now,
            night=weekday >= 0 and not NIGHT[1] <= clock < NIGHT[0],
        )

    def _wall(self, language: str) -> tuple[str, str, int]:
        """The hour, the day in words, the weekday; nothing of it while nobody knows."""
        status = self._station.clock.status()
        wall_ns = self._station.clock.stamp().wall_ns
        if status.trust is Trust.NONE or wall_ns is None:
            return "--:--", CATALOGUES[language]("kiosk.no-clock"), -1
        zone = zoneinfo.ZoneInfo(self._station.timezone)
        moment = datetime.datetime.fromtimestamp(wall_ns // S, tz=zone)
        weekday = moment.weekday()
        day = CATALOGUES[language](f"kiosk.day-{weekday}")
        date = CATALOGUES[language]("kiosk.date", month=moment.month, day=moment.day, weekday=day)
        return moment.strftime("%H:%M"), date, weekday


def _stood(session: Session) -> tuple[str, str]:
    """Which page it is, of what somebody says how far."""
    return session.page, session.voice


async def beat(terminals: Iterable[Terminal], on_fault: OnFault = log_fault) -> None:
    """Let time pass on every screen, for ever; one that cannot costs no other its second."""
    while True:
        for terminal in terminals:
            contain(on_fault, "kiosk.screen", terminal.tick)
        await next_beat()
