"""What is to be heard: one `Order`. Pure.

An order says who asks and by what right, where, how urgently, until when, and what. Whether it may
sound is for the guard to say, and when it does for the arbiter.
"""

import enum
from typing import Annotated

import msgspec

from gateway.audit.events import Actor
from gateway.clock import Deadline

# Two minutes of speech: nobody listens to more from a horn.
TEXT_CHARS_MAX = 500

REPEAT_MAX = 100
ZONES_MAX = 50
ID_CHARS_MAX = 80
PIECES_MAX = 60

# Separates an order's id from the number of its turn, so it is in no id.
TURN = "~"

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
# A clip's id ("" for words of this moment, which are not recorded) and its words.
Piece = tuple[
    Annotated[str, msgspec.Meta(max_length=64)], Annotated[str, msgspec.Meta(max_length=200)]
]


class OrderClass(enum.IntEnum):
    """How urgent an order is: the higher class sounds. The numbers stand on every wire."""

    FIRE = 9
    EMERGENCY = 8
    LIVE = 6
    URGENT = 5
    SERVICE = 4
    NOTICE = 3
    PROMPT = 2
    BACKGROUND = 1

    @property
    def word(self) -> str:
        """Its name in settings, on the command line and in events."""
        return self.name.lower()

    @property
    def urgent(self) -> bool:
        """Whether it is an emergency: heard at any hour, at least once, over everything else."""
        return self >= OrderClass.EMERGENCY

    @classmethod
    def parse(cls, word: str) -> "OrderClass":
        """Parse a class's name; ValueError if there is none."""
        for each in cls:
            if each.word == word:
                return each
        raise ValueError(word)


class Authority(enum.Enum):
    """By what right an order is given."""

    SIGNATURE = "signature"
    PRESS = "press"
    LINKAGE = "linkage"
    FIRE_INPUT = "fire-input"


class PresetContent(msgspec.Struct, frozen=True, tag="preset"):
    """A preset of that name; `text` replaces its words."""

    preset: str
    text: str = ""


class TextContent(msgspec.Struct, frozen=True, tag="say"):
    """These words. Never a resident's name or number: they would stand in the journal."""

    text: Text
    language: str = "zh"


class SentenceContent(msgspec.Struct, frozen=True, tag="sentence"):
    """These pieces in order, as one sentence; a recording may replace each."""

    pieces: Annotated[tuple[Piece, ...], msgspec.Meta(min_length=1, max_length=PIECES_MAX)]
    language: str = "zh"

    @property
    def text(self) -> str:
        return (" " if self.language == "en" else "").join(words for _, words in self.pieces)


class ClipContent(msgspec.Struct, frozen=True, tag="clip"):
    """A recording in the clip store, by its content's hash."""

    sha: str


class LiveContent(msgspec.Struct, frozen=True, tag="live", omit_defaults=True):
    """A microphone: one of the station's by name, else a browser's."""

    microphone: str = ""


class MemoryContent(msgspec.Struct, frozen=True, tag="aside"):
    """A sound in the station's memory, by its name there; after a restart there is none."""

    name: str


Content = PresetContent | TextContent | SentenceContent | ClipContent | LiveContent | MemoryContent


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order; `id` is its idempotency key for ever.

    `source` is where it came from (`desk`, `key.notice`, `linkage.smoke-b3`, `schedule.morning`,
    `upstream.district`, `kiosk.hall`), `place` what it is about. Orders with the same `joins` are
    one while it is open. An order `supersedes` older ones as soon as it is accepted. `at_once`: a
    person stands there and waits, at a key on the wall or after a call for staff.
    """

    id: Annotated[str, msgspec.Meta(pattern=rf"^[^{TURN}\s]+$", max_length=ID_CHARS_MAX)]
    source: str
    zones: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=ZONES_MAX)]
    class_: OrderClass = msgspec.field(name="class")
    authority: Authority
    actor: Actor
    content: Content
    expires: Deadline
    not_before: Deadline | None = None
    repeat: Annotated[int, msgspec.Meta(ge=1, le=REPEAT_MAX)] = 1
    chime: str | None = None
    level_db: Annotated[float, msgspec.Meta(ge=-60, le=6)] = 0.0
    place: str = ""
    joins: str = ""
    supersedes: tuple[str, ...] = ()
    at_once: bool = False

    @property
    def beside(self) -> bool:
        """Whether it plays without waiting for its record: a full journal does not silence it."""
        return self.class_.urgent or self.at_once
