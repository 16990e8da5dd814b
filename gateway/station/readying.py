"""Makes ready what will be said: at the start, and whenever staff have changed a preset."""

import asyncio
import logging
from collections.abc import Iterator, Mapping

from broadcast.order import Class
from broadcast.prepare import Shelf
from broadcast.presets import Presets
from broadcast.studio import CHIMES
from broadcast.voice import Line, Progress, Voice
from broadcast.voice.phrases import Phrases
from gateway.appliance.schema import Settings
from gateway.rules.linkage import Announce
from kiosk.speech import script

log = logging.getLogger(__name__)


class Readying:
    """One list after the other, in the background; `progress` is how far it has come.

    `pinned` are the clips that an emergency needs, as far as they lie on the shelf.
    """

    def __init__(
        self,
        voice: Voice,
        phrases: Mapping[str, Phrases],
        presets: Presets,
        shelf: Shelf,
        settings: Settings,
    ) -> None:
        """By that voice; `phrases` by language."""
        self.progress: Progress | None = None
        self.pinned: frozenset[str] = frozenset()
        self._voice = voice
        self._phrases = phrases
        self._presets = presets
        self._shelf = shelf
        self._settings = settings
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """A preset has changed."""
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        for name in dict.fromkeys(CHIMES.values()):  # the siren takes a while to compute
            await self._shelf.chime(name)
        while True:
            self._wake.clear()
            urgent = list(dict.fromkeys(self._urgent()))
            pinned = {(await self._shelf.chime(CHIMES[each])).sha for each in Class if each.urgent}
            async for progress in self._voice.prerender([*urgent, *self._lines()]):
                self.progress = progress
                if 0 < progress.done <= len(urgent):
                    clip = self._voice.ready(*urgent[progress.done - 1])
                    pinned |= set() if clip is None else {clip.sha}
                    self.pinned |= pinned
            self.pinned = frozenset(pinned)
            await self._sentences()
            await self._wake.wait()

    async def _sentences(self) -> None:
        """What the kiosks say, last: it can be said without, a moment later."""
        if self._settings.requests.kiosks:
            language = self._settings.station.language
            async for progress in self._phrases[language].prepare(script(language).clips):
                log.debug("%d of %d pieces are ready", progress.done, progress.of)

    def _urgent(self) -> Iterator[Line]:
        """What emergencies would say, wherever."""
        yield from (line for line, urgent in self._known() if urgent)

    def _lines(self) -> Iterator[Line]:
        """What linkages would say of each place of theirs, then all other presets."""
        yield from (line for line, _ in self._known())

    def _known(self) -> Iterator[tuple[Line, bool]]:
        """Each line, and whether an emergency would say it."""
        presets, spoken = self._presets.all(), self._settings.places.spoken
        rules = self._settings.rules
        places: dict[str, set[str]] = {}
        for watch in rules.watches:
            places.setdefault(watch.facts.rule, set()).add(watch.facts.place)
        for linkage in rules.linkages.values():
            about = {place for rule in linkage.options.rules for place in places.get(rule, ())}
            for action in linkage.actions:
                if isinstance(action, Announce) and action.announce in presets:
                    preset = presets[action.announce]
                    for place in sorted(about):
                        text = preset.text.replace("{place}", spoken(place))
                        yield Line(text, preset.language), Class.parse(action.cls).urgent
        for preset in presets.values():
            text = preset.text or ("" if preset.clip else preset.name)
            if text and "{" not in text:
                yield Line(text, preset.language), Class.parse(preset.cls).urgent
