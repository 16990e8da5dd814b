"""What is said of every state of every family: one sentence, an ordered list of clips.

A clip is an id and its words; a recording of the same id may take its place. Where a sentence
names a slot (`{plate}`), the clips of its letters and digits stand there; a list within the list
is left out where its slot is empty. What the page shows under it is exactly these words.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from gateway.clock import Deadline
from kiosk.dispatch import NO_ROAD
from kiosk.flows.ride import State
from kiosk.request import Request

LANGUAGES = ("zh", "en")
CLASS_PROMPT, CLASS_SERVICE = 2, 4
"""Sounding classes: a prompt to whoever stands there, and a call into the room."""

SAY_WITHIN_S = 120.0
"""A sentence that could not be said by then is not said any more: something else is true."""

HANDED_OVER, AT_DESK = "handed-over", "at-desk"
"""Said in place of `asking`: the ride's platform has left the settings; staff look for a car."""

COME = "come"
"""Said of a call in place of `answered`: the person is asked whether somebody has come."""

DIGIT_SLOTS = ("plate", "number", "phone")
"""Spoken letter by letter, digit by digit."""


class Clip(NamedTuple):
    """A piece of a sentence; "" as id: these words are of this moment, and have no recording."""

    id: str
    words: str


class Sentence(msgspec.Struct, frozen=True):
    """What is said, in order."""

    language: str
    clips: tuple[Clip, ...]

    @property
    def caption(self) -> str:
        """The same in writing."""
        if self.language != "en":
            return "".join(clip.words for clip in self.clips)
        return " ".join(clip.words for clip in self.clips).replace(" .", ".").replace(" ,", ",")


class Speaker(Protocol):
    """Says a sentence in a zone; the sounding room is behind it."""

    async def say(
        self,
        sentence: Sentence,
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

    def cut_off(self) -> Collection[str]:
        """What the sentences were about that were taken, and lost or cut off before their end.

        Each is told once, as soon as nothing more urgent sounds there; what staff have stopped, or
        something newer has replaced, is not.
        """


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language: words by clip id, and the clips of each state of each family."""

    clip: dict[str, str]
    say: dict[str, dict[str, list[Any]]]
    bell: dict[str, list[str]]
    ready: dict[str, list[str]]

    @property
    def clips(self) -> tuple[Clip, ...]:
        """Every piece that is always the same."""
        return tuple(Clip(id_, words) for id_, words in self.clip.items())


@cache
def script(language: str) -> Script:
    """What is said in that language."""
    path = Path(__file__).with_name(f"{language}.toml")
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Script)


def sentence(request: Request, language: str, phones: Mapping[str, str]) -> Sentence:
    """What there is to say of a request now; `phones` by service or picture, "" the station's."""
    spoken = script(language)
    parts = spoken.say[request.family][_stand(request)]
    return Sentence(language, tuple(_filled(parts, spoken, _slots(request, phones))))


def ready(family: str, language: str) -> tuple[str, ...]:
    """What staff often reply to a request of that family."""
    spoken = script(language)
    return tuple(spoken.clip[id_] for id_ in spoken.ready[family])


def wanted(request: Request, place: str, language: str) -> Sentence:
    """What staff are called with where a chime sounds: somebody at that place wants them."""
    spoken = script(language)
    parts = spoken.bell["urgent" if request.urgent else "wanted"]
    return Sentence(language, tuple(_filled(parts, spoken, {"place": place})))


def dialled(request: Request, phones: Mapping[str, str]) -> str:
    """The number to dial about that request: its picture's, its service's, or the station's."""
    known = (request.what, request.service)
    return next((phones[name] for name in known if name and name in phones), phones.get("", ""))


def _stand(request: Request) -> str:
    """Its state, or what is said in its place."""
    if request.asked:
        return COME
    if request.state == State.ASKING and request.code == NO_ROAD:
        return HANDED_OVER
    return AT_DESK if request.at_desk else request.state


def _slots(request: Request, phones: Mapping[str, str]) -> dict[str, str]:
    car = None if request.ride is None else request.ride.car
    minutes = None if car is None else car.minutes
    return {
        "plate": "" if car is None else car.plate,
        "colour": "" if car is None else car.colour,
        "brand": "" if car is None else car.brand,
        "minutes": "" if minutes is None else str(minutes),
        "number": request.number,
        "phone": dialled(request, phones),
        "reply": request.reply,
    }


def _filled(parts: list[Any], spoken: Script, slots: Mapping[str, str]) -> Iterator[Clip]:
    for part in parts:
        if isinstance(part, list):
            if all(slots[name] for name in map(_slot, part) if name):
                yield from _filled(part, spoken, slots)
        elif name := _slot(part):
            yield from _spelt(name, slots[name], spoken)
        else:
            yield Clip(part, spoken.clip[part])


def _slot(part: object) -> str:
    """The slot that a part is, if it is one."""
    text = str(part)
    return text[1:-1] if text.startswith("{") and text.endswith("}") else ""


def _spelt(name: str, value: str, spoken: Script) -> Iterator[Clip]:
    """A slot's clips: signs one by one where they must be understood, a number as one."""
    if name in DIGIT_SLOTS:
        for sign in value:
            if sign.isalnum():
                yield Clip(f"sign-{sign.lower()}", sign)
    elif name == "minutes":
        yield Clip(f"number-{value}", value)
    elif value:
        yield _ready_clip(value, spoken) or Clip("", value)


def _ready_clip(value: str, spoken: Script) -> Clip | None:
    """A reply that is ready in every language, in the one that is spoken."""
    for known in map(script, LANGUAGES):
        for id_ in (id_ for ids in known.ready.values() for id_ in ids):
            if known.clip[id_] == value:
                return Clip(id_, spoken.clip[id_])
    return None
