"""The broadcast in the running station, from its settings: house, engine, voice, keys, commands."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from broadcast.audio_client.client import AudioClient
from broadcast.audio_protocol.messages import SpeakerSetting, speaker_setting
from broadcast.clips.store import ClipStore
from broadcast.material.memory_clips import MemoryClips
from broadcast.material.prerender import Prerenderer
from broadcast.material.presets import Presets
from broadcast.material.renderer import OrderRenderer
from broadcast.microphone.live_feed import LiveFeed
from broadcast.microphone.paging import Paging
from broadcast.options import MicrophoneOptions
from broadcast.order import LiveContent, Order
from broadcast.orders.order_request import raise_if_refused
from broadcast.orders.schedules import Schedules
from broadcast.orders.transitions import OrderState
from broadcast.pages.api import orders_api as api_section
from broadcast.pages.context import BroadcastPageContext
from broadcast.pages.listen import ZoneListeners
from broadcast.pages.section import broadcast_section as desk_section
from broadcast.playback.service import BroadcastService
from broadcast.policy import guard
from broadcast.policy.guard import SoundZone, ZoneMap
from broadcast.policy.quiet_hours import QuietHours
from broadcast.speaker_status.api import SpeakersApi
from broadcast.speaker_status.self_tests import DailySelfTests
from broadcast.speaker_status.trial_tone import TrialTone
from broadcast.speaker_status.zone_volume import ZoneVolumes
from broadcast.triggers.commands import BroadcastCommands
from broadcast.triggers.linkage_orders import LinkageOrders
from broadcast.triggers.schedule_runner import ScheduleRunner
from broadcast.triggers.wall_keys import WallKeyActions
from broadcast.voice.lexicon import Lexicon
from broadcast.voice.options import build_engines
from broadcast.voice.phrases import Phrases, load_phrases
from broadcast.voice.voice import Voice
from drivers.contract import Reading
from drivers.data_files import config_path
from gateway.clock import Clock
from gateway.config.schema import Settings
from gateway.doctor.model.facts import SoundFacts, SpeakerFacts
from gateway.errors import StationError
from gateway.event import rfc3339
from gateway.faults import OnFault, log_fault
from gateway.health import Vitals
from gateway.journal import Journal
from gateway.rules.actions import ActionHandler
from gateway.rules.linkage import ANSWER, LinkageTask
from gateway.station.emergency_alerts import EmergencyAlerts
from gateway.station.kiosk_microphones import KioskMicrophones
from gateway.station.kiosk_speech import KioskSpeech
from gateway.tasks import STOP_WITHIN_S, attempt, stop_tasks, supervise
from gateway.upstream.inbox.command import CommandKind
from gateway.web.section import Section
from kiosk.requests.catalogue import load_services
from kiosk.speech.sentences import LANGUAGES, fixed_clips

log = logging.getLogger(__name__)


def house_of(settings: Settings) -> ZoneMap:
    """The zones with their places and loudspeakers, as the guard sees them."""
    tree, speakers = settings.places, settings.sound.speakers
    zones = {
        zone_id: SoundZone(
            zone_id,
            zone.name,
            zone.sound,
            frozenset(inner.id for place in zone.places for inner in tree.below(place)),
            frozenset(name for name, speaker in speakers.items() if zone_id in speaker.zones),
        )
        for zone_id, zone in settings.zones.items()
    }
    options = settings.sound.broadcast
    quiet = QuietHours(options.quiet, settings.rules.calendar)
    stands = {id_: each.stands for id_, each in speakers.items() if each.stands}
    return ZoneMap(zones, quiet, frozenset(options.emergency), stands)


def staffs(settings: Settings) -> dict[str, MicrophoneOptions]:
    """The microphones that staff may open: never a kiosk's, for a resident stands before that."""
    residents = {kiosk.microphone for kiosk in settings.requests.kiosks.values()}
    microphones = settings.sound.microphones
    return {id_: each for id_, each in microphones.items() if id_ not in residents}


def _hours(settings: Settings) -> QuietHours | None:
    """When loudspeakers are tested."""
    between = settings.sound.broadcast.self_test
    return None if between is None else QuietHours(between, settings.rules.calendar)


class BroadcastAssembly:
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
        self._engine = AudioClient(
            runtime / "audio.sock", reconcile=self._reconcile, on_fault=on_fault
        )
        self.shelf = ClipStore(
            state / "media", kept=self._kept, pinned=self._pinned, spare=runtime / "media"
        )
        voices = config_path("voices")
        lexicon = Lexicon.load(voices)
        self.voice = Voice(self.shelf, build_engines(settings.sound.voices, lexicon))
        self.phrases = {
            language: Phrases(self.voice, self.shelf, load_phrases(language, voices), language)
            for language in LANGUAGES
        }
        self.presets = Presets(journal, settings.sound.presets)
        self.volumes = ZoneVolumes(journal)
        self.ears = ZoneListeners(self._tell_speakers)
        asides, spoken = MemoryClips(), settings.places.spoken
        self.prerenderer = self._prerenderer()
        studio = OrderRenderer(
            self.voice, self.shelf, self.presets, spoken, self.phrases, asides=asides
        )
        house = house_of(settings)
        timezone = settings.station.timezone
        self.schedules = Schedules(journal, clock, timezone, settings.rules.calendar)
        self.room = BroadcastService(
            journal, clock, house, self._engine, studio, page=self._page, on_fault=on_fault
        )
        microphones, air = settings.sound.microphones, LiveFeed(self.room, self.shelf)
        paged = staffs(settings)
        self.paging = Paging(paged, self._engine, self.room, air, self._spoken)
        self.speaking = KioskSpeech(
            self.room,
            clock,
            settings.places,
            lambda: self._engine.connected,
            settings.station.language,
        )
        self.alerts = EmergencyAlerts(self.room, self.presets, clock, spoken)
        self.listening = KioskMicrophones(
            microphones, self.room, self._engine, self.speaking, asides=asides
        )
        self.selftests = self._daily_self_tests(journal, house)
        self._ordering = LinkageOrders(self.presets, settings.places, settings.station.language)
        self._pressing = WallKeyActions(
            settings.sound.keys, self.room, self.presets, clock, self.paging
        )
        self.tone = TrialTone(settings.sound.speakers, house, clock, self._engine, self.shelf)
        self._tasks: list[asyncio.Task[None]] = []

    def _daily_self_tests(self, journal: Journal, house: ZoneMap) -> DailySelfTests:
        return DailySelfTests(
            journal,
            self._clock,
            self._engine,
            house.quiet,
            self._settings.sound.speakers,
            hours=_hours(self._settings),
            busy=lambda: any(kept.state is OrderState.PLAYING for kept in self.room.orders()),
        )

    def sections(
        self, vitals: Callable[[], Vitals], names: Callable[[], Mapping[str, str]]
    ) -> list[Section]:
        """The API and the desk's pages; `names` are the people by account."""
        speakers = self._settings.sound.speakers
        context = BroadcastPageContext(
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
            context,
            vitals,
            ears=self.ears,
            turned=self._tell_speakers,
            changed=self.prerenderer.wake,
        )
        orders = api_section(
            self.room,
            self.presets,
            self.schedules,
            self._clock,
            known=self.paging.require_known,
            voice=self.voice,
        )
        horns = SpeakersApi(speakers, lambda: self.selftests.found)
        api = msgspec.structs.replace(orders, routes=(*orders.routes, *horns.routes()))
        return [api, desk]

    async def health(self) -> SoundFacts:
        """How the audio process and the loudspeakers are; it waits a little for the process."""
        voices = tuple(self.voice.faults)
        try:
            state = await self._engine.fetch_state()
        except StationError:
            return SoundFacts(connected=False, voices=voices)
        return SoundFacts(
            connected=True,
            realtime=state.realtime,
            late_p99_ms=state.late_p99_ms,
            speakers=tuple(SpeakerFacts(s.id, s.rung, s.code, s.data) for s in state.speakers),
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
            supervise("audio", self._engine.run, self._on_fault),
            supervise("broadcast", self.room.run, self._on_fault),
            supervise("schedules", scheduled.run, self._on_fault),
            supervise("self-tests", self._run_self_tests, self._on_fault),
            asyncio.create_task(self._tell_speakers(), name="speakers"),
            supervise("voices", self.prerenderer.run, self._on_fault),
        ]

    async def stop(self) -> None:
        """Begin nothing more; the audio process plays to its own end."""
        await stop_tasks([*self._tasks, *self._pressing.acting], STOP_WITHIN_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                await self.room.close()

    @property
    def doers(self) -> Mapping[str, ActionHandler]:
        """What linkages may order of the broadcast."""
        return dict.fromkeys(("announce", "ring", "answer"), self)

    @property
    def rooms(self) -> tuple[BroadcastService]:
        """What the journal may refuse records of."""
        return (self.room,)

    def unheard(self) -> bool:
        """Whether an emergency waits that no loudspeaker has sounded."""
        return bool(self.room.unheard_emergencies())

    def handle_readings(self, device: str, readings: Sequence[Reading]) -> None:
        """Intake's listener: keys on the wall."""
        self._pressing.handle_readings(device, readings)

    async def handle(self, task: LinkageTask) -> None:
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
        assert isinstance(order.content, LiveContent)
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
            types = settings.requests.types_in_use(load_services())
            sentences = self.phrases[language], fixed_clips(language, types)
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
            speaker_setting(name, options, guard.speaker_cap_db(name, house))
            for name, options in self._settings.sound.speakers.items()
        )
