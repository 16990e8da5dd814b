"""The controller of one kiosk: presses in, the screen out, prompts aloud.

The browser sends which key was pressed on which screen and shows what it gets. A press on a screen
that is no longer there is none, so ten taps are one request. The key for a person waits for
nothing: neither for another press that the disk holds up, nor for the screen that it was on.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from gateway.clock import Clock, next_tick
from gateway.errors import StationError
from gateway.faults import OnFault, contain, log_fault
from gateway.web.i18n import CATALOGUES
from kiosk.requests.catalogue import CALL_SERVICE, KioskService
from kiosk.requests.options import KioskOptions
from kiosk.requests.request import Press, Request, S
from kiosk.requests.request_type import TypeFlag
from kiosk.runtime.service import RESIDENT, RequestService
from kiosk.screen.alerts import AlertSource, NullAlerts
from kiosk.screen.attention import find_awaited, is_awaited, is_over, takes_screen
from kiosk.screen.context import RenderContext
from kiosk.screen.model import PanelLayout, ScreenModel, panel_scale
from kiosk.screen.page_voice import SAY_WITHIN_S, PageVoice
from kiosk.screen.render import render_screen
from kiosk.screen.session import (
    IDLE_S,
    PRIVATE_S,
    STILL_S,
    ActOnRequest,
    FindRequest,
    KioskSession,
    PlayRecording,
    RepeatPrompt,
    SessionEffect,
    SetContact,
    StartRecording,
    StopRecording,
    SubmitRequest,
    VoiceState,
    go_home,
    go_to,
    handle_card,
    handle_press,
    reset_session,
    show_request,
)
from kiosk.screen.voice_note import VoiceNoteFlow, VoiceRecorder
from kiosk.screen.wall_time import describe_wall_time
from kiosk.speech.sentences import KioskSpeaker, SpeechClip, SpokenSentence, phone_for

log = logging.getLogger(__name__)

NIGHT = ("20:00", "06:30")
# What a reader of cards presses, and what the key for a person sends, from whatever screen.
CARD, PERSON = "card:", f"open:{CALL_SERVICE}"

# Pages on which something is being asked for.
CHOOSING = frozenset({"what", "where", "voice", "phone", "check"})

# As many requests as a kiosk remembers the state of; the book never has so many of one kiosk.
SEEN_MAX = 1000


class StationContext(NamedTuple):
    """What the screens use of the station."""

    name: str
    timezone: str
    clock: Clock
    speaker: KioskSpeaker
    ears: VoiceRecorder | None = None
    alerts: AlertSource = NullAlerts()


class KioskController:
    """The session and the screen of one kiosk."""

    def __init__(
        self, kiosk: str, options: KioskOptions, room: RequestService, station: StationContext
    ) -> None:
        """Start with the first screen."""
        self.kiosk, self.options = kiosk, options
        self.shape = panel_scale(options.panel)[0]
        self._room, self._station = room, station
        self._dictation = VoiceNoteFlow(station.ears, options.microphone, options.zone)
        self._session = KioskSession(
            language=room.plan.language,
            touched_ns=station.clock.now_ns(),
            hears=self._dictation.possible,
        )
        self._voice = PageVoice(
            kiosk,
            options.zone,
            station.speaker,
            station.clock,
            lambda: self._session.voice in ("open", "listen"),
        )
        self._lock = asyncio.Lock()
        self._seen: dict[str, str] = {}
        self._shown: ScreenModel | None = None
        self.serial = 0

    async def handle_press(self, on: str, press: str) -> ScreenModel:
        """Handle a key pressed on the screen of that name; returns the screen after it."""
        if press == PERSON:
            return await self._call_staff(on)
        async with self._lock:
            shown = self.current_screen()
            key = shown.find_key(press)
            if shown.name == on and press.startswith(CARD):
                self._touch()
                await self._enter(*handle_card(self._session, press.removeprefix(CARD)))
            elif shown.name == on and key is not None:
                self._touch()
                await self._enter(*handle_press(self._session, "again" if key.off else press))
        return self.current_screen()

    async def _call_staff(self, on: str) -> ScreenModel:
        """Handle the key for staff, whatever screen it was pressed on."""
        shown = self.current_screen()
        stands = self._scene().shown
        calls = (
            stands is not None and stands.type.has_flag(TypeFlag.CALLS_STAFF) and not stands.ended
        )
        if shown.find_key(PERSON) is not None and (shown.name == on or not calls):
            self._touch()
            await self._enter(*handle_press(self._session, PERSON))
        return self.current_screen()

    async def handle_wall_key(self, number: int) -> ScreenModel:
        """Handle a wall key: start its service whatever screen is shown.

        A repeated press repeats the prompt; an unknown key calls staff.
        """
        wanted = next((one for one in self._offered() if one.key == number), None)
        if wanted is None or wanted.type.has_flag(TypeFlag.CALLS_STAFF):
            self._touch()
            await self._enter(*handle_press(self._session, PERSON))
            return self.current_screen()
        async with self._lock:
            self._touch()
            if wanted.id == self._session.service and self._session.page in (*CHOOSING, "whose"):
                await self._enter(*handle_press(self._session, "again"))
            elif wanted.type.has_flag(TypeFlag.WALL_KEY):
                shared = wanted.type.kiosk_max > 0
                waits = shared and self._scene().newest_open(wanted.family) is not None
                await self._enter(
                    *handle_press(self._session, f"{'whose' if waits else 'open'}:{wanted.id}")
                )
            else:
                await self._enter(*handle_press(go_home(self._session), f"begin:{wanted.id}"))
        return self.current_screen()

    def announce_failure(self) -> None:
        """Announce that a wall key could not be carried out; the screen stays."""
        words = CATALOGUES[self._session.language]
        clip = SpeechClip("page-sorry", words("kiosk.say-sorry"))
        self._voice.say(SpokenSentence(self._session.language, (clip,)))

    def _offered(self) -> list[KioskService]:
        """The services of this kiosk."""
        services = self._room.services
        return [services[name] for name in self.options.services if name in services]

    def current_screen(self) -> ScreenModel:
        """The screen as it is now; `serial` changes with it."""
        self._dictation.follow_session(self._session)
        screen = render_screen(self._scene())
        if screen != self._shown:
            self._shown = screen
            self.serial += 1
        return screen

    @property
    def now(self) -> int:
        """Accumulated uptime in seconds, from which the page counts up."""
        return self._room.now().lived_ns // S

    def sentence(self) -> SpokenSentence:
        """The sentence of the screen, which equals its caption."""
        scene = self._scene()
        told = scene.alert is None and not self._session.asked and self._session.page == "request"
        if scene.shown is not None and told:
            return self._room.sentence(scene.shown, self._session.language)
        screen = self.current_screen()
        return SpokenSentence(screen.language, (SpeechClip(f"page-{screen.name}", screen.caption),))

    def on_request_change(self, request: Request) -> None:
        """Show a request that has changed, if it may take the screen."""
        if request.kiosk != self.kiosk:
            return
        new = request.id not in self._seen
        if self._seen.get(request.id) == request.cue:
            return
        self._remember(request)
        session = self._session
        if session.request in (request.id, request.linked) and session.request:
            self._touch()  # what is read here has changed: the patience begins anew
        shown = self._scene().shown
        if not request.quiet and takes_screen(session, shown, request, new=new):
            self._touch()
            self._session = show_request(self._session, request.id)

    def _remember(self, request: Request) -> None:
        self._seen[request.id] = request.cue
        if len(self._seen) > SEEN_MAX:
            kept = {one.id for one in self._own_requests()}
            self._seen = {id_: cue for id_, cue in self._seen.items() if id_ in kept}

    def resume(self) -> None:
        """After a restart, show the request that a person still waits for."""
        own = self._own_requests()
        self._seen = {one.id: one.cue for one in own}
        waits = find_awaited(own)
        if waits is not None and self._session.page == "home":
            self._session = show_request(self._session, waits.id)

    def tick(self) -> None:
        """Ask whether anybody is there, and reset a screen that was left."""
        scene, session = self._scene(), self._session
        if scene.alert is not None:  # whoever was before it comes back to their page
            self._session = msgspec.structs.replace(
                session, touched_ns=self._station.clock.now_ns(), asked=False
            )
            return
        idle_s = (self._station.clock.now_ns() - session.touched_ns) / S
        if is_awaited(session, scene) or session.voice in ("open", "listen"):
            return
        if session.asked:
            if idle_s >= self._patience_s() + STILL_S:
                self._leave()
        elif idle_s >= self._patience_s():
            if session.page == "home" or is_over(session, scene):
                self._leave()
            else:
                self._session = msgspec.structs.replace(session, asked=True)
                self._say()

    def _patience_s(self) -> float:
        session = self._session
        return PRIVATE_S if session.digits or session.voice or session.card else IDLE_S

    def _leave(self) -> None:
        """Reset the session, then show what is still waited for."""
        self._session = reset_session(self._session, self._room.plan.language)
        self._room.languages.pop(self.kiosk, None)
        self.resume()

    def _touch(self) -> None:
        now_ns = self._station.clock.now_ns()
        self._session = msgspec.structs.replace(self._session, touched_ns=now_ns, asked=False)

    async def _enter(self, after: KioskSession, do: SessionEffect | None) -> None:
        before, self._session = self._session, after
        if after.language != before.language:
            self._room.languages[self.kiosk] = after.language
        if do is not None:
            await self._carry_out(do)
        elif after.page not in ("home", "request") and _stood(after) != _stood(before):
            self._say()

    async def _carry_out(self, do: SessionEffect) -> None:
        before = self._session
        try:
            if isinstance(do, RepeatPrompt):
                self._voice.repeat(self.sentence())
            elif isinstance(do, FindRequest):
                self._find(do.number)
            elif isinstance(do, StartRecording | StopRecording | PlayRecording):
                await self._dictate(do)
            elif isinstance(do, SetContact):
                await self._set_contact(do)
            elif isinstance(do, ActOnRequest):
                request = self._session.request
                self._session = show_request(self._session, request)
                await self._room.apply_action(request, do.deed, RESIDENT)
            else:
                before = msgspec.structs.replace(self._session, digits="")
                self._session = before
                await self._open(do, before)
        except StationError as error:
            log.warning("kiosk %s: %s", self.kiosk, error)
            # Of what was done to a request its screen shows what has become of it.
            if not isinstance(do, ActOnRequest | SetContact) and self._is_still_here(before):
                self._session = go_to(self._session, "sorry", trouble=error.code, digits="")
            self._say()

    def _is_still_here(self, before: KioskSession) -> bool:
        """Whether nobody has gone on meanwhile to another page; to one of nothing nobody has."""
        here = self._session
        if here.page == "request" and self._scene().shown is None:
            return True
        return (here.page, here.request) == (before.page, before.request)

    async def _set_contact(self, do: SetContact) -> None:
        """Store the contact and return to the request."""
        request = self._session.request
        self._session = show_request(self._session, request)
        if do.contact is not None:
            await self._room.attach_contact(request, do.contact)
        self._say()

    async def _dictate(self, do: StartRecording | StopRecording | PlayRecording) -> None:
        if isinstance(do, StopRecording):
            self._dictation.stop_recording()
        elif isinstance(do, PlayRecording):
            until = self._station.clock.deadline(SAY_WITHIN_S)
            await self._dictation.play_note(self.kiosk, until)
        else:
            self._session = go_to(self._session, "voice", voice="open", trouble="")
            await self._dictation.start_recording(self._ask, self._on_recording)

    async def _ask(self) -> None:
        """Ask the person to speak; nothing else is said while the microphone is open."""
        await self._voice.speak(self.sentence())

    def _on_recording(self, voice: VoiceState, seconds: float, trouble: str) -> None:
        """Show the state of the recording."""
        if self._session.page != "voice":  # they have gone on without it
            return
        self._touch()
        self._session = go_to(
            self._session, "voice",
            voice=voice, voice_s=seconds, voice_from=self.now, trouble=trouble,
        )  # fmt: skip
        self.current_screen()
        if voice != "listen":
            self._say()

    async def _open(self, do: SubmitRequest, before: KioskSession) -> None:
        """Submit the request and show it, unless the person has called staff meanwhile."""
        press = f"{self._station.clock.boot[:8]}-{self._station.clock.now_ns()}"
        contact, note = do.contact, self._dictation.note
        made = await self._room.submit_press(
            Press(press=press, kiosk=self.kiosk, service=do.service, what=do.what,
                  where=do.where, contact=contact, another=do.another),
            note=note,
        )  # fmt: skip
        if self._is_still_here(before):
            self._session = show_request(self._session, made.id)
        joined = made.presses[:1] != (press,)
        if joined and made.said == made.cue and self._session.request == made.id:
            self._say()  # what has changed by it says itself

    def _find(self, number: str) -> None:
        found = next((one for one in self._own_requests() if one.number == number), None)
        if found is not None:
            self._session = show_request(self._session, found.id)
        else:
            self._session = go_to(self._session, "check", digits="", trouble="requests.unknown")
        self._say()

    def _say(self) -> None:
        self._voice.say(self.sentence())

    def _own_requests(self) -> list[Request]:
        return [one for one in reversed(self._room.all_requests()) if one.kiosk == self.kiosk]

    def _scene(self) -> RenderContext:
        session, station, room = self._session, self._station, self._room
        words = CATALOGUES[session.language]
        clock, date, weekday = describe_wall_time(station.clock, station.timezone, words.lang)
        return RenderContext(
            session=session,
            words=words,
            sheet=PanelLayout(self.shape, session.large),
            kiosk=self.options,
            services=room.services,
            places=room.places,
            requests=tuple(self._own_requests()),
            said=lambda request: room.sentence(request, session.language).caption,
            dial=lambda request: phone_for(request, room.phones),
            away=tuple(
                one.id
                for one in self._offered()
                if room.service_rules(one.id).is_network_away(one.id)
            ),
            possible=lambda service: room.service_rules(service).is_possible(service),
            phones=room.phones,
            name=station.name,
            clock=clock,
            date=date,
            weekday=weekday,
            now=self.now,
            night=weekday >= 0 and not NIGHT[1] <= clock < NIGHT[0],
            alert=station.alerts.find_alert(self.options.zone, self.options.place or ""),
        )


def _stood(session: KioskSession) -> tuple[str, str]:
    """Which page it is, of what somebody says how far."""
    return session.page, session.voice


async def run_ticks(terminals: Iterable[KioskController], on_fault: OnFault = log_fault) -> None:
    """Tick every controller once a second; a failing one does not hold up the others."""
    while True:
        for terminal in terminals:
            contain(on_fault, "kiosk.screen", terminal.tick)
        await next_tick()
