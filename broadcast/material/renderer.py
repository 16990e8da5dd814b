"""Makes the sound of an order: chime and words; in an emergency siren and words in turn."""

import itertools
import logging
import re
from collections.abc import Callable, Mapping

from broadcast.clips.clip import StoredClip as Recorded
from broadcast.clips.store import ClipStore
from broadcast.material import sequence
from broadcast.material.memory_clips import MemoryClip, MemoryClips
from broadcast.material.presets import Presets
from broadcast.material.sequence import RenderedOrder, SequencePart
from broadcast.order import (
    ClipContent,
    LiveContent,
    MemoryContent,
    Order,
    OrderClass,
    PresetContent,
    SentenceContent,
    TextContent,
)
from broadcast.voice.phrases import Phrases
from broadcast.voice.voice import Voice
from gateway.errors import StationError, Unavailable

_log = logging.getLogger(__name__)

# The default chime before the words.
CHIMES = {
    OrderClass.FIRE: "emergency",
    OrderClass.EMERGENCY: "emergency",
    OrderClass.URGENT: "urgent",
    OrderClass.SERVICE: "arrival",
    OrderClass.NOTICE: "notice",
}

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")

# Silence between two rounds.
GAP_S = 2.0


# Sound that is ready to be played.
PlayableSound = Recorded | MemoryClip


class OrderRenderer:
    """Renders orders with the station's voices and clips."""

    def __init__(
        self,
        voice: Voice,
        shelf: ClipStore,
        presets: Presets,
        spoken: Callable[[str], str],
        phrases: Mapping[str, Phrases],
        *,
        asides: MemoryClips | None = None,
    ) -> None:
        """`spoken(place)` is how a place is called aloud; `phrases` are given by language."""
        self._asides = asides or MemoryClips()
        self._voice = voice
        self._shelf = shelf
        self._presets = presets
        self._spoken = spoken
        self._phrases = phrases

    async def make(self, order: Order) -> RenderedOrder:
        """Make one round; an emergency sounds with whatever can be made of siren and words."""
        if isinstance(order.content, LiveContent):
            return RenderedOrder()
        if not order.class_.urgent:
            words = await self._words(order)
            chime = await self._chime(order)
            before = None if chime is None else _part(chime)
            return _made(chime, sequence.ordinary_sequence(before, list(map(_part, words))), words)
        siren = await self._siren(order)
        try:
            words = await self._words(order)
        except Exception as error:  # an edge: the siren sounds, whatever is wrong with the words
            foreseen = isinstance(error, StationError)
            _log.error("an emergency without its words: %s", error, exc_info=not foreseen)
            if siren is None:
                raise Unavailable("broadcast.failed") from error
            words = ()
        before = None if siren is None else _part(siren)
        return _made(siren, sequence.emergency_sequence(before, list(map(_part, words))), words)

    async def siren(self, order: Order) -> RenderedOrder:
        """What an emergency sounds until its words are ready; Unavailable if there is no siren."""
        siren = await self._siren(order)
        if siren is None:
            raise Unavailable("broadcast.failed")
        return _made(siren, sequence.emergency_sequence(_part(siren), ()))._replace(siren=True)

    async def _siren(self, order: Order) -> PlayableSound | None:
        """The order's siren, else the usual one; None: its words sound without."""
        usual = CHIMES[order.class_]
        for name in dict.fromkeys((order.chime or usual, usual)):
            try:
                return await self._shelf.chime(name)
            except (StationError, OSError) as error:
                _log.error("the chime of an emergency: %s", error)  # said whole
        return None

    async def _chime(self, order: Order) -> PlayableSound | None:
        name = order.chime or CHIMES.get(order.class_)
        return None if name in (None, "none") else await self._shelf.chime(str(name))

    async def _words(self, order: Order) -> tuple[PlayableSound, ...]:
        content = order.content
        if isinstance(content, SentenceContent):
            return await self._sentence(content)
        return (await self._one(order),)

    async def _sentence(self, content: SentenceContent) -> tuple[PlayableSound, ...]:
        """Each piece by a voice that can say it: a plate's 京 in an English sentence is Chinese."""
        made: list[PlayableSound] = []
        for language, pieces in itertools.groupby(
            content.pieces, lambda piece: "zh" if _HAN.search(piece[1]) else content.language
        ):
            phrases = self._phrases.get(language)
            if phrases is None:
                raise Unavailable("voice.none", language=language)
            made += await phrases.sentence(list(pieces))
        return tuple(made)

    async def _one(self, order: Order) -> PlayableSound:
        content = order.content
        if isinstance(content, ClipContent):
            return self._shelf.clip(content.sha)
        if isinstance(content, MemoryContent):
            return self._asides.get(content.name)
        if isinstance(content, TextContent):
            return await self._voice.render(content.text, content.language)
        assert isinstance(content, PresetContent)
        preset = self._presets.get(content.preset)
        if preset.clip is not None and not content.text:
            return self._shelf.clip(preset.clip)
        place = self._spoken(order.place)
        text = (content.text or preset.text or preset.name).replace("{place}", place)
        return await self._voice.render(text, preset.language)


def _part(sound: PlayableSound) -> SequencePart:
    return SequencePart(str(sound.path), sound.seconds)


def _made(
    chime: PlayableSound | None,
    parts: tuple[SequencePart, ...],
    words: tuple[PlayableSound, ...] = (),
) -> RenderedOrder:
    shas = tuple(sound.sha for sound in (chime, *words) if sound is not None and sound.sha)
    return RenderedOrder(parts, shas, GAP_S)
