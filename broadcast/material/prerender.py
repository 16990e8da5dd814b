"""Renders in the background what will be said: at the start, and after a preset was changed."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator

from broadcast.clips.store import ClipStore
from broadcast.material.presets import Presets
from broadcast.material.renderer import CHIMES
from broadcast.order import OrderClass
from broadcast.voice.phrases import Phrases, Piece
from broadcast.voice.voice import RenderProgress, SpokenLine, Voice
from gateway.rules.core import RulesPlan
from gateway.rules.linkage import AnnounceAction

log = logging.getLogger(__name__)


class Prerenderer:
    """Renders one list after the other; `progress` says how far it has come.

    `pinned` are the clips of emergencies that are in the store by now.
    """

    def __init__(
        self,
        voice: Voice,
        presets: Presets,
        shelf: ClipStore,
        rules: RulesPlan,
        spoken: Callable[[str], str],
        *,
        sentences: tuple[Phrases, Iterable[Piece]] | None = None,
    ) -> None:
        """`spoken(place)` is how a place is called aloud; `sentences` are what the kiosks say."""
        self.progress: RenderProgress | None = None
        self.pinned: frozenset[str] = frozenset()
        self._voice = voice
        self._presets = presets
        self._shelf = shelf
        self._rules = rules
        self._spoken = spoken
        self._sentences = sentences
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Render anew: a preset has changed."""
        self._wake.set()

    async def run(self) -> None:
        """Render, wait for `wake`, and so on until cancelled."""
        for name in dict.fromkeys(CHIMES.values()):  # the siren takes a while to compute
            await self._shelf.chime(name)
        while True:
            self._wake.clear()
            urgent = list(dict.fromkeys(line for line, urgent in self._lines() if urgent))
            pinned = {
                (await self._shelf.chime(CHIMES[each])).sha for each in OrderClass if each.urgent
            }
            lines = [*urgent, *(line for line, _ in self._lines())]
            async for progress in self._voice.prerender(lines):
                self.progress = progress
                if 0 < progress.done <= len(urgent):
                    clip = self._voice.ready(*urgent[progress.done - 1])
                    pinned |= set() if clip is None else {clip.sha}
                    self.pinned |= pinned
            self.pinned = frozenset(pinned)
            await self._render_sentences()
            await self._wake.wait()

    async def _render_sentences(self) -> None:
        """The kiosks' sentences come last: without them a sentence is only a moment later."""
        if self._sentences is not None:
            phrases, pieces = self._sentences
            async for progress in phrases.prepare(pieces):
                log.debug("%d of %d pieces are ready", progress.done, progress.of)

    def _lines(self) -> Iterator[tuple[SpokenLine, bool]]:
        """Each line and whether an emergency says it: linkages' for each place, then presets'."""
        presets = self._presets.all()
        places: dict[str, set[str]] = {}
        for watch in self._rules.watches:
            places.setdefault(watch.facts.rule, set()).add(watch.facts.place)
        for linkage in self._rules.linkages.values():
            about = {place for rule in linkage.options.rules for place in places.get(rule, ())}
            for action in linkage.actions:
                if isinstance(action, AnnounceAction) and action.announce in presets:
                    preset = presets[action.announce]
                    for place in sorted(about):
                        text = preset.text.replace("{place}", self._spoken(place))
                        yield SpokenLine(text, preset.language), OrderClass.parse(action.cls).urgent
        for preset in presets.values():
            text = preset.text or ("" if preset.clip else preset.name)
            if text and "{" not in text:
                yield SpokenLine(text, preset.language), OrderClass.parse(preset.cls).urgent
