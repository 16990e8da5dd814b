"""Turns a text into a clip, by the best engine that can, and only once.

Engines are tried in the order of the settings. What one has spoken is stored under (normalised
text, engine, its identity) and found there the next time. If an engine fails, the next one speaks,
and `faults` says so until the first speaks again.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import NamedTuple

from broadcast.clips.clip import StoredClip
from broadcast.clips.decode import decode_to_wav
from broadcast.clips.store import ClipStore
from broadcast.voice.engine import VoiceEngine
from broadcast.voice.english import read_english
from broadcast.voice.normalise import normalise
from gateway.errors import StationError, Unavailable, UsageError

log = logging.getLogger(__name__)

# About four minutes of speech; nobody listens longer.
CHARS_MAX = 1000

# Parallel renderings: a background list delays an urgent text by one at most.
AT_ONCE = 2


class SpokenLine(NamedTuple):
    """A text that will be wanted."""

    text: str
    language: str = "zh"


class RenderProgress(NamedTuple):
    """Progress of prerendering; `failed` is what no engine could say."""

    done: int
    of: int
    failed: tuple[SpokenLine, ...] = ()


class Voice:
    """Renders texts, and knows which are ready."""

    def __init__(self, shelf: ClipStore, engines: Sequence[VoiceEngine]) -> None:
        """`engines` are the best first."""
        self._shelf = shelf
        self._engines = tuple(engines)
        self._making: dict[str, asyncio.Task[StoredClip]] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._behind = False
        # Why an engine of the settings does not speak, by its name.
        self.faults: dict[str, StationError] = {}

    def ready(self, text: str, language: str = "zh") -> StoredClip | None:
        """The clip if it can be played at once; None if it would have to be rendered first."""
        said = spoken_text(text, language)
        keys = (recording_key(said, language), *self._keys(said, language))
        return next((clip for key in keys if (clip := self._shelf.find(key))), None)

    async def render(self, text: str, language: str = "zh") -> StoredClip:
        """The clip that says this text; `Unavailable` if no engine can."""
        said = spoken_text(text, language)
        if not said:
            raise UsageError("voice.nothing")
        if len(said) > CHARS_MAX:
            raise UsageError("voice.long", limit=CHARS_MAX)
        if (given := self._shelf.find(recording_key(said, language))) is not None:
            return given
        key = f"{language} {said}"
        if (task := self._making.get(key)) is None:
            task = self._making[key] = asyncio.create_task(self._by_chain(said, text, language))
            task.add_done_callback(lambda ended: self._made(key, ended))
        # A caller that stops waiting stops neither the others nor the work.
        return await asyncio.shield(task)

    async def clips(self, texts: Iterable[str], language: str = "zh") -> tuple[StoredClip, ...]:
        """The clips of several texts, to be played in order."""
        return tuple([await self.render(text, language) for text in texts])

    async def prerender(self, lines: Iterable[SpokenLine]) -> AsyncIterator[RenderProgress]:
        """Render what is not ready, one by one; failures are reported, and the rest goes on."""
        wanted = list(dict.fromkeys(lines))
        failed: list[SpokenLine] = []
        yield RenderProgress(0, len(wanted))
        for done, line in enumerate(wanted, 1):
            try:
                self.ready(*line) or await self.render(*line)
            except StationError as error:
                self._fell_behind(error)
                failed.append(line)
            yield RenderProgress(done, len(wanted), tuple(failed))
        if self._behind and not failed:
            self._behind = False
            log.info("every text is ready again")

    async def give(
        self, text: str, upload: AsyncIterable[bytes], name: str, language: str = "zh"
    ) -> StoredClip:
        """Store a recording of this text (the platform's, or a person's).

        It has precedence over voices.
        """
        said = spoken_text(text, language)
        if not said:
            raise UsageError("voice.nothing")
        clip = await self._shelf.store_upload(upload, name)
        await self._shelf.lead(recording_key(said, language), clip.sha)
        return clip

    def _fell_behind(self, error: StationError) -> None:
        if not self._behind:  # logged once, not with every text
            log.warning("a text could not be made ready: %s", error)
        self._behind = True

    def _made(self, key: str, task: asyncio.Task[StoredClip]) -> None:
        del self._making[key]
        if not task.cancelled():
            task.exception()  # retrieved, because perhaps nobody awaits it any more

    def _keys(self, said: str, language: str) -> list[str]:
        return [key for engine in self._engines if (key := _key(said, engine, language))]

    async def _by_chain(self, said: str, title: str, language: str) -> StoredClip:
        for engine in self._engines:
            key = _key(said, engine, language)
            if key is None:
                if language in engine.languages:
                    self._failed(engine.name, Unavailable("voice.absent", engine=engine.name))
                continue
            if (clip := self._shelf.find(key)) is not None:
                return clip
            try:
                clip = await self._speak(engine, said, title, language, key)
            except (StationError, OSError) as error:
                self._failed(engine.name, error)
                continue
            self._spoke(engine.name)
            return clip
        raise Unavailable("voice.none", language=language)

    async def _speak(
        self, engine: VoiceEngine, said: str, title: str, language: str, key: str
    ) -> StoredClip:
        async with self._turn:
            with self._shelf.workshop() as folder:
                raw = await engine.speak(said, language, folder)
                made = await decode_to_wav(raw, folder, trim=True)
                return await self._shelf.put(made, title=title, key=key)

    def _failed(self, name: str, error: Exception) -> None:
        if name not in self.faults:  # logged once, not with every text
            log.warning("the voice %s does not speak, the next one does: %s", name, error)
        told = error if isinstance(error, StationError) else Unavailable("voice.io", why=str(error))
        self.faults[name] = told

    def _spoke(self, name: str) -> None:
        if self.faults.pop(name, None):
            log.info("the voice %s speaks again", name)


def spoken_text(text: str, language: str) -> str:
    """The text as it is read aloud."""
    return normalise(text) if language == "zh" else read_english(text)


def recording_key(said: str, language: str) -> str:
    """The key under which a recording of this text is stored."""
    return f"given {_digest(language, said)}"


def _key(said: str, engine: VoiceEngine, language: str) -> str | None:
    identity = engine.identity(language)
    return identity and f"{engine.name} {_digest(language, said, engine.name, identity)}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
