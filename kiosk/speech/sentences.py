"""What is said of every state of every type: one sentence, an ordered list of clips.

A clip is an id and its words; a recording of the same id may take its place. Where a sentence
names a slot (`{plate}`), the clips of its letters and digits stand there; a list within the list
is left out where its slot is empty. What the page shows under it is exactly these words.
"""

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from gateway.clock import Deadline
from kiosk.requests.request import Request
from kiosk.requests.request_type import TYPES

LANGUAGES = ("zh", "en")
# Sounding classes: a prompt to whoever stands there, and a call into the room.
CLASS_PROMPT, CLASS_SERVICE = 2, 4

# A sentence that could not be said by then is not said any more: something else is true.
SAY_WITHIN_S = 120.0

# Spoken letter by letter, digit by digit.
DIGIT_SLOTS = ("plate", "number", "phone")


class SpeechClip(NamedTuple):
    """A piece of a sentence; "" as id: these words are of this moment, and have no recording."""

    id: str
    words: str


class SpokenSentence(msgspec.Struct, frozen=True):
    """What is said, in order."""

    language: str
    clips: tuple[SpeechClip, ...]

    @property
    def caption(self) -> str:
        """The same in writing."""
        if self.language != "en":
            return "".join(clip.words for clip in self.clips)
        return " ".join(clip.words for clip in self.clips).replace(" .", ".").replace(" ,", ",")


class KioskSpeaker(Protocol):
    """Says a sentence in a zone; the sounding room is behind it."""

    async def say(
        self,
        sentence: SpokenSentence,
        zone: str,
        class_: int,
        expires: Deadline,
        *,
        about: str = "",
        louder: bool = False,
    ) -> bool:
        """Take it, to be heard before it expires; StationError if it can be said later.

        False: it will not be heard (quiet hours, no loudspeaker), and is read instead. What is
        newer `about` the same request cuts what is older. `louder` is for this once.
        """

    def drain_cut_off(self) -> Collection[str]:
        """What the sentences were about that were taken, and lost or cut off before their end.

        Each is told once, as soon as nothing more urgent sounds there; what staff have stopped, or
        something newer has replaced, is not.
        """


class SilentSpeaker:
    """Where there is no loudspeaker: the page shows what would be said."""

    async def say(self, *_what: Any, **_how: Any) -> bool:
        """It stands under the request as its caption."""
        return False

    def drain_cut_off(self) -> Collection[str]:
        """Nothing sounds."""
        return ()


class CommonScript(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words that every type may use, by clip id, and what staff are called with."""

    clip: dict[str, str]
    bell: dict[str, list[str]]


class SpeechScript(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One type in one language: words by clip id, the clips of each state, ready replies."""

    clip: dict[str, str]
    say: dict[str, list[Any]]
    ready: tuple[str, ...] = ()


class TypeSpeech:
    """What a type's sentences depend on beside its state: the `SPEECH` of its `speech.py`."""

    def entry(self, request: Request) -> str:
        """The key of `[say]` for the request as it is: its state, as a rule."""
        return request.state

    def slots(self, request: Request) -> Mapping[str, str]:
        """Words of this request by slot, beside its number, the phone to dial and the reply."""
        del request
        return {}


@cache
def load_common_script(language: str) -> CommonScript:
    """What all types share in that language."""
    path = Path(__file__).with_name(f"{language}.toml")
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), CommonScript)


@cache
def load_script(type_: str, language: str) -> SpeechScript:
    """What is said of that type in that language; its clips are the common ones and its own."""
    folder = TYPES.find_folder(type_)
    assert folder is not None, type_
    text = (folder / f"speech.{language}.toml").read_text("utf-8")
    own = msgspec.convert(tomllib.loads(text), SpeechScript)
    return msgspec.structs.replace(own, clip={**load_common_script(language).clip, **own.clip})


def fixed_clips(language: str, types: Iterable[str]) -> tuple[SpeechClip, ...]:
    """Every piece that is always the same, of those types."""
    found = dict(load_common_script(language).clip)
    for type_ in types:
        found |= load_script(type_, language).clip
    return tuple(SpeechClip(id_, words) for id_, words in found.items())


def build_sentence(request: Request, language: str, phones: Mapping[str, str]) -> SpokenSentence:
    """What there is to say of a request now; `phones` by service or picture, "" the station's."""
    spoken, speech = load_script(request.family, language), _speech(request.family)
    slots = {
        "number": request.number,
        "phone": phone_for(request, phones),
        "reply": request.reply,
        **speech.slots(request),
    }
    ready_clips = _ready_clips(request.family, language)
    parts = spoken.say[speech.entry(request)]
    return SpokenSentence(language, tuple(_filled(parts, spoken.clip, slots, ready_clips)))


@cache
def _speech(type_: str) -> TypeSpeech:
    part = TYPES.load_part(type_, "speech")
    found: TypeSpeech = TypeSpeech() if part is None else part.SPEECH
    return found


def reply_phrases(type_: str, language: str) -> tuple[str, ...]:
    """What staff often reply to a request of that type."""
    spoken = load_script(type_, language)
    return tuple(spoken.clip[id_] for id_ in spoken.ready)


@cache
def _ready_clips(type_: str, language: str) -> Mapping[str, SpeechClip]:
    """The ready replies by their words in any language, each in the one that is spoken."""
    spoken = load_script(type_, language)
    return {
        known.clip[id_]: SpeechClip(id_, spoken.clip[id_])
        for known in (load_script(type_, each) for each in LANGUAGES)
        for id_ in known.ready
    }


def staff_call_sentence(request: Request, place: str, language: str) -> SpokenSentence:
    """What staff are called with where a chime sounds: somebody at that place wants them."""
    spoken = load_common_script(language)
    parts = spoken.bell["urgent" if request.urgent else "wanted"]
    return SpokenSentence(language, tuple(_filled(parts, spoken.clip, {"place": place}, {})))


def phone_for(request: Request, phones: Mapping[str, str]) -> str:
    """The number to dial about that request: its picture's, its service's, or the station's."""
    known = (request.what, request.service)
    return next((phones[name] for name in known if name and name in phones), phones.get("", ""))


def _filled(
    parts: list[Any],
    words: Mapping[str, str],
    slots: Mapping[str, str],
    ready_: Mapping[str, SpeechClip],
) -> Iterator[SpeechClip]:
    for part in parts:
        if isinstance(part, list):
            if all(slots[name] for name in map(_slot, part) if name):
                yield from _filled(part, words, slots, ready_)
        elif name := _slot(part):
            yield from _spelt(name, slots[name], ready_)
        else:
            yield SpeechClip(part, words[part])


def _slot(part: object) -> str:
    """The slot that a part is, if it is one."""
    text = str(part)
    return text[1:-1] if text.startswith("{") and text.endswith("}") else ""


def _spelt(name: str, value: str, ready_: Mapping[str, SpeechClip]) -> Iterator[SpeechClip]:
    """A slot's clips: signs one by one where they must be understood, a number as one."""
    if name in DIGIT_SLOTS:
        for sign in value:
            if sign.isalnum():
                yield SpeechClip(f"sign-{sign.lower()}", sign)
    elif name == "minutes":
        yield SpeechClip(f"number-{value}", value)
    elif value:
        yield ready_.get(value) or SpeechClip("", value)
