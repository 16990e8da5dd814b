"""The broadcast in the running station, from its settings: house, engine, voice, keys, commands."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from broadcast import guard
from broadcast.air import Air
from broadcast.api import section as api_section
from broadcast.asides import Asides
from broadcast.ask import raise_if_refused
from broadcast.commands import BroadcastCommands
from broadcast.engine.client import Engine
from broadcast.engine.wire import SpeakerSetting, speaker_setting
from broadcast.guard import House, Zone
from broadcast.horns import Horns
from broadcast.life import State
from broadcast.linkage_orders import LinkageOrders
from broadcast.options import MicrophoneOptions
from broadcast.order import Live, Order
from broadcast.pages.deck import Deck
from broadcast.pages.listen import Ears
from broadcast.paging import Paging
from broadcast.prepare.shelf import Shelf
from broadcast.prerender import Prerenderer
from broadcast.presets import Presets
from broadcast.quiet import Quiet
from broadcast.room import Broadcast
from broadcast.schedule import Schedules
from broadcast.schedule_runner import ScheduleRunner
from broadcast.section import section as desk_section
from broadcast.selftests import SelfTests
from broadcast.speaker_test import SpeakerTest
from broadcast.studio import Studio
from broadcast.voice.lexicon import Lexicon
from broadcast.voice.options import engines
from broadcast.voice.phrases import Phrases, load
from broadcast.voice.voice import Voice
from broadcast.volume import Volumes
from broadcast.wall_keys import WallKeyActions
from drivers.contract import Reading
from drivers.data_files import config_path
from gateway.appliance.doctor.facts import Sound, SpeakerFact
from gateway.appliance.schema import Settings
from gateway.clock import Clock
from gateway.errors import StationError
from gateway.event import rfc3339
from gateway.faults import OnFault, log_fault
from gateway.health import Vitals
from gateway.journal import Journal
from gateway.rules.acts import Doer
from gateway.rules.linkage import ANSWER, Task
from gateway.station.alerts import EmergencyAlerts
from gateway.station.listening import Listening
from gateway.station.speaking import Speaking
from gateway.tasks import STOP_WITHIN_S, attempt, start, stop_all
from gateway.upstream.inbox.command import CommandKind
from gateway.web.section import Section
from kiosk.catalogue import services
from kiosk.speech.sentences import LANGUAGES, clips

log = logging.getLogger(__name__)


def house_of(settings: Settings) -> House:
    """The zones with their places and loudspeakers, as the guard sees them."""
    tree, speakers = settings.places, settings.sound.speakers
    zones = {
        zone_id: Zone(
            zone_id,
            zone.name,
            zone.sound,
            frozenset(inner.id for place in zone.places for inner in tree.below(place)),
            frozenset(name for name, speaker in speakers.items() if zone_id in speaker.zones),
        )
        for zone_id, zone in settings.zones.items()
    }
    options = settings.sound.broadcast
    quiet = Quiet(options.quiet, settings.rules.calendar)
    stands = {id_: each.stands for id_, each in speakers.items() if each.stands}
    return House(zones, quiet, frozenset(options.emergency), stands)


def staffs(settings: Settings) -> dict[str, MicrophoneOptions]:
    """The microphones that staff may open: never a kiosk's, for a resident stands before that."""
    residents = {kiosk.microphone for kiosk in settings.requests.kiosks.values()}
    microphones = settings.sound.microphones
    return {id_: each for id_, each in microphones.items() if id_ not in residents}


def _hours(settings: Settings) -> Quiet | None:
    """When loudspeakers are tested."""
    between = settings.sound.broadcast.self_test
    return None if between is None else Quiet(between, settings.rules.calendar)


class Sounding:
    """Everything that sounds; it is built only where there are loudspeakers."""

    def __init__(
        self,
        settings: Settings,
        state: Path,
        runtime: Path,
        clock: Clock,
        journal: Journal,
        *,
        lived_ns: Callable[[], int],
        on_fault: OnFault = log_fault,
    ) -> None:
        """`lived_ns` is the rules' time, in which a task of theirs expires."""
        self._on_fault = on_fault
        self._settings = settings
        self._clock = clock
        self._lived_ns = lived_ns
        self._engine = Engine(runtime / "audio.sock", reconcile=self._reconcile, on_fault=on_fault)
        self.shelf = Shelf(
            state / "media", kept=self._kept, pinned=self._pinned, spare=runtime / "media"
        )
        voices = config_path("voices")
        lexicon = Lexicon.load(voices)
        self.voice = Voice(self.shelf, engines(settings.sound.voices, lexicon))
        self.phrases = {
            language: Phrases(self.voice, self.shelf, load(language, voices), language)
            for language in LANGUAGES
        }
        self.presets = Presets(journal, settings.sound.presets)
        self.volumes = Volumes(journal)
        self.ears = Ears(self._tell_speakers)
        asides, spoken = Asides(), settings.places.spoken
        self.prerenderer = self._prerenderer()
        studio = Studio(self.voice, self.shelf, self.presets, spoken, self.phrases, asides=asides)
        house = house_of(settings)
        timezone = settings.station.timezone
        self.schedules = Schedules(journal, clock, timezone, settings.rules.calendar)
        self.room = Broadcast(
            journal, clock, house, self._engine, studio, page=self._page, on_fault=on_fault
        )
        microphones, air = settings.sound.microphones, Air(self.room, self.shelf)
        paged = staffs(settings)
        self.paging = Paging(paged, self._engine, self.room, air, self._spoken)
        self.speaking = Speaking(
            self.room,
            clock,
            settings.places,
            lambda: self._engine.connected,
            settings.station.language,
        )
        self.alerts = EmergencyAlerts(self.room, self.presets, clock, spoken)
        self.listening = Listening(
            microphones, self.room, self._engine, self.speaking, asides=asides
        )
        self.selftests = SelfTests(
            journal,
            clock,
            self._engine,
            house.quiet,
            settings.sound.speakers,
            hours=_hours(settings),
            busy=lambda: any(kept.state is State.PLAYING for kept in self.room.orders()),
        )
        self._ordering = LinkageOrders(self.presets, settings.places, settings.station.language)
        self._pressing = WallKeyActions(
            settings.sound.keys, self.room, self.presets, clock, self.paging
        )
        self.tone = SpeakerTest(settings.sound.speakers, house, clock, self._engine, self.shelf)
        self._tasks: list[asyncio.Task[None]] = []

    def sections(
        self, vitals: Callable[[], Vitals], names: Callable[[], Mapping[str, str]]
    ) -> list[Section]:
        """The API and the desk's pages; `names` are the people by account."""
        speakers = self._settings.sound.speakers
        deck = Deck(
            room=self.room,
            presets=self.presets,
            schedules=self.schedules,
            volumes=self.volumes,
            shelf=self.shelf,
            voice=self.voice,
            clock=self._clock,
            names=names,
            speakers={id_: options.name or id_ for id_, options in speakers.items()},
            keys=self._settings.sound.keys,
            ready=lambda: self.prerenderer.progress,
            connected=lambda: self._engine.connected,
            microphones={id_: each.name or id_ for id_, each in staffs(self._settings).items()},
            paging=self.paging,
            selftests=self.selftests,
        )
        desk = desk_section(
            deck, vitals, ears=self.ears, turned=self._tell_speakers, changed=self.prerenderer.wake
        )
        orders = api_section(
            self.room,
            self.presets,
            self.schedules,
            self._clock,
            known=self.paging.require_known,
            voice=self.voice,
        )
        horns = Horns(speakers, lambda: self.selftests.found)
        api = msgspec.structs.replace(orders, routes=(*orders.routes, *horns.routes()))
        return [api, desk]

    async def health(self) -> Sound:
        """How the audio process and the loudspeakers are; it waits a little for the process."""
        voices = tuple(self.voice.faults)
        try:
            state = await self._engine.fetch_state()
        except StationError:
            return Sound(connected=False, voices=voices)
        return Sound(
            connected=True,
            realtime=state.realtime,
            late_p99_ms=state.late_p99_ms,
            speakers=tuple(SpeakerFact(s.id, s.rung, s.code, s.data) for s in state.speakers),
            voices=voices,
        )

    async def start(self) -> None:
        """Take back what was open, then look for the audio process."""
        rooms = (self.room, self.presets, self.schedules, self.selftests, self.volumes)
        for room in rooms:
            await attempt("broadcast", room.load, self._on_fault)
        for error in filter(None, (self.shelf.error, self.shelf.titles)):
            self._on_fault("broadcast.media", error)
        scheduled = ScheduleRunner(
            self.schedules, self.presets, self.room, self._clock, self._on_fault
        )
        self._tasks = [
            start("audio", self._engine.run, self._on_fault),
            start("broadcast", self.room.run, self._on_fault),
            start("schedules", scheduled.run, self._on_fault),
            start("self-tests", self._run_self_tests, self._on_fault),
            asyncio.create_task(self._tell_speakers(), name="speakers"),
            start("voices", self.prerenderer.run, self._on_fault),
        ]

    async def stop(self) -> None:
        """Begin nothing more; the audio process plays to its own end."""
        await stop_all([*self._tasks, *self._pressing.acting], STOP_WITHIN_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                await self.room.close()

    @property
    def doers(self) -> Mapping[str, Doer]:
        """What linkages may order of the broadcast."""
        return dict.fromkeys(("announce", "ring", "answer"), self)

    @property
    def rooms(self) -> tuple[Broadcast]:
        """What the journal may refuse records of."""
        return (self.room,)

    def unheard(self) -> bool:
        """Whether an emergency waits that no loudspeaker has sounded."""
        return bool(self.room.unheard_emergencies())

    def heard(self, device: str, readings: Sequence[Reading]) -> None:
        """Intake's listener: keys on the wall."""
        self._pressing.handle_readings(device, readings)

    async def do(self, task: Task) -> None:
        """What a linkage announces, or whom the roster calls: done as soon as it is accepted.

        Its receipts follow.
        """
        expires = self._clock.deadline((task.expires_ns - self._lived_ns()) / 1e9)
        order = self._ordering.order_of(task, expires)
        if task.does == ANSWER:  # what was true before is not said after it
            order = msgspec.structs.replace(order, supersedes=self.speaking.older(order.source))
        raise_if_refused(await self.room.place(order))

    def kinds(self, uplink: str) -> list[CommandKind]:
        """What the platform behind that uplink may order."""
        areas = self._settings.sound.broadcast.areas
        return BroadcastCommands(
            uplink, self.room, self.presets, self._clock, self.voice, areas
        ).kinds()

    async def _run_self_tests(self) -> None:
        await self.selftests.run(self._test_chime)

    async def _test_chime(self) -> Path:
        return (await self.shelf.chime("notice")).path

    def _reconcile(self, state: Any) -> None:
        self.selftests.reconcile(state.speakers)
        self.room.reconcile(state)

    def _page(self, order: Order) -> None:
        self.paging.open(order)

    def _spoken(self, order: Order) -> str:
        """What a recording of a microphone of ours is called."""
        assert isinstance(order.content, Live)
        mic = self._settings.sound.microphones.get(order.content.microphone)
        name = (mic.name if mic else "") or order.content.microphone
        at_ns = self._clock.stamp().wall_ns
        return name if at_ns is None else f"{name} {rfc3339(at_ns)[:16]}"

    async def _tell_speakers(self) -> None:
        """Which loudspeakers there are, how loud each is, and who listens at the desk."""
        speakers = self.volumes.apply_to((*self._speakers(), *self.ears.speakers()))
        with contextlib.suppress(StationError):  # away: it is told as soon as it is there
            await self._engine.set_speakers(speakers)

    def _prerenderer(self) -> Prerenderer:
        """With the sentences of the kiosks, if there are any."""
        settings, sentences = self._settings, None
        if settings.requests.kiosks:
            language = settings.station.language
            types = settings.requests.types_in_use(services())
            sentences = self.phrases[language], clips(language, types)
        return Prerenderer(
            self.voice,
            self.presets,
            self.shelf,
            settings.rules,
            settings.places.spoken,
            sentences=sentences,
        )

    def _pinned(self) -> Collection[str]:
        """The clips that an emergency needs."""
        return self.prerenderer.pinned

    def _kept(self) -> set[str]:
        """The clips that an order, a preset or a sentence refers to."""
        presets = {preset.clip for preset in self.presets.all().values() if preset.clip}
        phrases = (each.shas() for each in self.phrases.values())
        return presets.union(*(kept.clips for kept in self.room.orders()), *phrases)

    def _speakers(self) -> tuple[SpeakerSetting, ...]:
        house = self.room.house
        return tuple(
            speaker_setting(name, options, guard.cap_db(name, house))
            for name, options in self._settings.sound.speakers.items()
        )
