"""Sentences composed of short clips: each piece has an id and its words.

A piece is rendered once and found again by its words; a recording of the same id replaces it:
`media/phrases/<id>.wav` (in other languages than Chinese `media/phrases/<language>/<id>.wav`).
`config/voices/phrases.<language>.toml` says how the signs of plates and numbers are spoken if the
sign alone does not say it (1 is 幺 in the number of a plate).
"""

import logging
import re
import tomllib
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

from broadcast.clips.clip import StoredClip
from broadcast.clips.decode import decode_to_wav
from broadcast.clips.store import ClipStore
from broadcast.voice.engine import engine_stamp
from broadcast.voice.voice import RenderProgress, SpokenLine, Voice, spoken_text
from gateway.errors import NotFound, SettingsError, StationError

log = logging.getLogger(__name__)

# An id and its words; an empty id: words of this moment, which are not recorded.
Piece = tuple[str, str]

_ID = re.compile(r"[\w-]{1,64}")


class Phrases:
    """The pieces of one language."""

    def __init__(
        self, voice: Voice, shelf: ClipStore, said: Mapping[str, str], language: str = "zh"
    ) -> None:
        """`said`: how a piece is spoken, by id, if it is not as its words say."""
        self._voice = voice
        self._shelf = shelf
        self._said = dict(said)
        self._language = language
        phrases = shelf.media / "phrases"
        self._recordings = phrases if language == "zh" else phrases / language
        self._ready: dict[Piece, StoredClip] = {}
        self._behind = False
        # Recordings that cannot be used, by id; the voice speaks instead.
        self.faults: dict[str, StationError] = {}

    def pieces(self) -> tuple[Piece, ...]:
        """The pieces of the settings: signs and numbers."""
        return tuple(self._said.items())

    def shas(self) -> frozenset[str]:
        """The clips that sentences are made of, which the store keeps."""
        return frozenset(clip.sha for clip in self._ready.values())

    async def sentence(self, pieces: Iterable[str | Piece]) -> tuple[StoredClip, ...]:
        """The clips of a sentence, in order; what is not ready is rendered now.

        A piece without anything to say (a full stop) is a pause: no clip. An id alone must be one
        of the settings'.
        """
        clips = [await self._clip(self._piece(each)) for each in pieces]
        return tuple(clip for clip in clips if clip is not None)

    async def prepare(self, pieces: Iterable[Piece] = ()) -> AsyncIterator[RenderProgress]:
        """Render these, then all pieces of the settings; new recordings are taken in."""
        wanted = list(dict.fromkeys([*pieces, *self.pieces()]))
        self._ready.clear()
        failed: list[SpokenLine] = []
        yield RenderProgress(0, len(wanted))
        for done, piece in enumerate(wanted, 1):
            try:
                await self._clip(piece)
            except StationError as error:
                self._fell_behind(error)
                failed.append(SpokenLine(piece[1], self._language))
            yield RenderProgress(done, len(wanted), tuple(failed))
        if self._behind and not failed:
            self._behind = False
            log.info("every phrase is ready again")

    def _fell_behind(self, error: StationError) -> None:
        if not self._behind:  # logged once, not with every phrase
            log.warning("a phrase could not be made ready: %s", error)
        self._behind = True

    def _piece(self, asked: str | Piece) -> Piece:
        if not isinstance(asked, str):
            return asked
        if asked not in self._said:
            raise NotFound("voice.no-phrase", id=asked)
        return asked, self._said[asked]

    async def _clip(self, piece: Piece) -> StoredClip | None:
        if (clip := self._ready.get(piece)) is not None:
            return clip
        name, words = piece[0], self._said.get(piece[0], piece[1])
        clip = await self._recorded(name)
        if clip is None:
            if not spoken_text(words, self._language):
                return None
            clip = await self._voice.render(words, self._language)
        if name:  # words of this moment are not kept for ever
            self._ready[piece] = clip
        return clip

    async def _recorded(self, name: str) -> StoredClip | None:
        path = self._recordings / f"{name}.wav"
        if not _ID.fullmatch(name) or not path.is_file():
            return None
        key = f"phrase {self._language} {engine_stamp(path)}"
        if (clip := self._shelf.find(key)) is not None:
            return clip
        try:
            with self._shelf.workshop() as folder:
                made = await decode_to_wav(path, folder, trim=True)
                clip = await self._shelf.put(made, title=name, key=key)
        except StationError as error:
            log.warning("the recording %s cannot be used: %s", path.name, error)
            self.faults[name] = error
            return None
        self.faults.pop(name, None)
        return clip


def load_phrases(language: str, *folders: Path) -> dict[str, str]:
    """How pieces are spoken, from `phrases.<language>.toml`; a later folder has precedence."""
    said: dict[str, str] = {}
    for folder in folders:
        path = folder / f"phrases.{language}.toml"
        if path.is_file():
            said.update(_read(path))
    return said


def _read(path: Path) -> dict[str, str]:
    try:
        table = tomllib.loads(path.read_text("utf-8")).get("say", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError("voice.bad-file", path=str(path), why=str(error)) from error
    for name, words in table.items():
        if not _ID.fullmatch(name) or not isinstance(words, str):
            raise SettingsError("voice.bad-file", path=str(path), why=name)
    return dict(table)
