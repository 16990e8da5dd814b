"""The kiosks' microphones: recorded by the audio process, played by the broadcast, kept by none."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from broadcast.audio_client.client import AudioClient
from broadcast.material.memory_clips import MemoryClips
from broadcast.microphone.capture import MicrophoneCapture
from broadcast.microphone.speech_endpoints import SpeechEndpointer, cut_speech
from broadcast.microphone.stream import MicrophoneStream, OverflowPolicy
from broadcast.options import MicrophoneOptions
from broadcast.order import Authority, MemoryContent, Order, OrderClass
from broadcast.playback.service import BroadcastService
from gateway.clock import Deadline
from gateway.errors import Unavailable
from gateway.station.kiosk_speech import RESIDENT, KioskSpeech
from gateway.tasks import TaskSet
from kiosk.requests.request import VoiceNote
from kiosk.screen.voice_note import RecordingControl

# Whatever sounds for longer than that while somebody is to speak is heard with them.
HUSHED_WITHIN_S = 6.0

# What waits for longer than that behind other sounds has expired.
PLAYS_WITHIN_S = 30.0

LOOK_EVERY_S = 0.05
# A microphone that tells nothing for so long has gone with the audio process.
SILENT_S = 2.0

# PortAudio looks at every card of the machine before it opens one.
OPENS_WITHIN_S = 10.0

# Ten seconds of sound; more has nobody to take it.
PIECES_MAX = 500


class KioskMicrophones:
    """The kiosks' `Ears`."""

    def __init__(
        self,
        microphones: Mapping[str, MicrophoneOptions],
        room: BroadcastService,
        engine: AudioClient,
        speaking: KioskSpeech,
        *,
        asides: MemoryClips,
    ) -> None:
        """`asides` are what the room's studio can play from memory."""
        self._microphones = microphones
        self._room = room
        self._engine = engine
        self._speaking = speaking
        self._asides = asides
        self._capture = MicrophoneCapture(engine, PIECES_MAX, OverflowPolicy.OLDEST)
        self._playing = TaskSet()

    async def record(self, microphone: str, zone: str, talk: RecordingControl) -> VoiceNote | None:
        """As the kiosk's Protocol has it."""
        if not self._engine.connected:
            raise Unavailable("audio.away")
        name = self._room.new_id()
        device = self._microphones[microphone].device
        async with self._capture.open(name, device, starts_within_s=OPENS_WITHIN_S) as line:
            attention = await self._attended(line, zone, talk)
        made = await asyncio.to_thread(cut_speech, attention)
        return None if made is None else VoiceNote(made.wav, made.small, made.seconds)

    async def _attended(
        self, line: MicrophoneStream, zone: str, talk: RecordingControl
    ) -> SpeechEndpointer:
        """What was heard from the moment at which the station had asked."""
        attention = SpeechEndpointer()
        asking = asyncio.create_task(self._asked(zone, talk.ready))
        ending = asyncio.create_task(talk.enough.wait())
        try:
            async for piece in _until(line, ending):
                take = attention.feed if asking.done() else attention.feed_background
                take(piece)
                if attention.over:
                    break
        finally:
            asking.cancel()
            ending.cancel()
            await asyncio.gather(asking, ending, return_exceptions=True)
        return attention

    async def _asked(self, zone: str, ready: Callable[[], Awaitable[None]]) -> None:
        """The person is asked to speak, and it is quiet again."""
        await ready()
        for _ in range(round(HUSHED_WITHIN_S / LOOK_EVERY_S)):
            if not self._sounds(zone):
                break
            await asyncio.sleep(LOOK_EVERY_S)

    def _sounds(self, zone: str) -> bool:
        """Something is heard there, or a sentence of a kiosk's is about to be."""
        about = (kept for kept in self._room.orders() if kept.open and zone in kept.order.zones)
        coming = any(kept.order.source.startswith("kiosk.") for kept in about)
        return coming or bool(self._room.playing_in(zone))

    async def play(self, note: VoiceNote, zone: str, about: str, expires: Deadline) -> bool:
        """As the kiosk's Protocol has it."""
        name = self._room.new_id()
        self._asides.put(name, note.wav)
        self._playing.start(self._dropped(name, note.seconds))
        source = f"kiosk.{about}"
        order = Order(
            id=name,
            source=source,
            zones=(zone,),
            class_=OrderClass.PROMPT,
            authority=Authority.PRESS,
            actor=RESIDENT,
            content=MemoryContent(name),
            expires=expires,
            level_db=self._speaking.level_db(zone, loud=True),
            supersedes=self._speaking.older(source),
        )
        return await self._speaking.ordered(order)

    async def _dropped(self, name: str, seconds: float) -> None:
        """It is forgotten as soon as it has been heard, or cannot be heard any more."""
        for _ in range(round((seconds + PLAYS_WITHIN_S) / LOOK_EVERY_S)):
            await asyncio.sleep(LOOK_EVERY_S)
            kept = self._room.get(name)
            if kept is not None and not kept.open:
                break
        self._asides.drop(name)


async def _until(line: MicrophoneStream, ending: asyncio.Task[bool]) -> AsyncIterator[bytes]:
    """What comes, until it ends, the audio process does, or somebody has said enough."""
    while not ending.done():
        coming = asyncio.ensure_future(line.get())
        ways = {coming, ending}
        await asyncio.wait(ways, timeout=SILENT_S, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            return
        if (piece := coming.result()) is None:
            return
        yield piece
