"""What a kind of rule is: a pure step from one state to the next, and a verdict.

A verdict speaks of this instant alone: whether it is confirmed, and what becomes of it, is the
same for all kinds (`confirm.py`, `alarm.py`).
"""

import enum
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec

from drivers.contract import Reading, Value
from gateway.calendar import Calendar

S = 1_000_000_000


class Verdict(enum.Enum):
    """What a rule makes of what it knows: the condition holds, does not, or cannot be told."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"

    @classmethod
    def of(cls, condition: object) -> "Verdict":
        """YES or NO."""
        return cls.YES if condition else cls.NO


class Moment(NamedTuple):
    """An instant: the station's own time, and the wall's (UTC) where somebody vouches for it.

    `at_ns` counts only what the station lived through: it never steps, and goes on after a
    restart where it stopped. `shift_ns` turns the instants of readings into it, where they have
    any.
    """

    at_ns: int
    wall_ns: int | None = None
    shift_ns: int | None = None

    def of(self, reading: Reading) -> int:
        """When that reading showed what it says: an input's edge is older than its poll."""
        if self.shift_ns is None:
            return self.at_ns
        return min(self.at_ns, reading.at_ns + self.shift_ns)


class Point(NamedTuple):
    """What a rule needs to know of a point. `every_s` None: it speaks only when something happens.

    `inverted`: its contact is closed when all is well. `brief`: it is pressed and let go, and each
    time counts however short it was.
    """

    unit: str
    every_s: float | None = None
    counter: bool = False
    inverted: bool = False
    brief: bool = False


Step = Callable[[Any, Any, Value, Moment], tuple[Any, Verdict]]


class Sentences(Protocol):
    """The reader's catalogue: call it with a code and what fills the text in."""

    lang: str

    def __call__(self, code: str, /, **data: object) -> str:
        """The text of that code."""

    def span(self, seconds: float, /) -> str:
        """A time as people say it."""


# Limits, the unit that they are in, the reader's catalogue: alternatives of what a rule waits for.
Describe = Callable[[Any, str, Sentences], Iterator[str]]


class Kind(NamedTuple):
    """One kind of rule.

    `options` is what `set` may hold; `prepare` brings it into the point's unit (UsageError where
    that cannot be), giving the limits that `step(limits, state, value, moment)` works with. A
    `value` of None means that only time has passed. `due` is when time alone may change the
    verdict. `forgets_gap`, `forgets_cut`: a gap in the readings, or an unknown time without the
    station, makes what it remembers worthless. `describe` says for people what limits mean; without
    it, the text `alarms.kind-<name>` stands for all of them.
    """

    name: str
    options: type[msgspec.Struct]
    state: type[msgspec.Struct]
    prepare: Callable[[Any, Point, Calendar], Any]
    step: Step
    due: Callable[[Any, Any], int | None] | None = None
    forgets_gap: bool = False
    forgets_cut: bool = False
    forgets_restart: bool = False
    needs_wall: bool = False
    describe: Describe | None = None


def number(value: Value) -> float | None:
    """The value as a number; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def amount_text(value: float, unit: str) -> str:
    """`3 m³/h`; a number alone where there is no unit."""
    return f"{value:g} {unit}".strip()


def values_text(values: Iterable[Value], say: Sentences) -> str:
    """A contact's two words; texts and numbers as they are; joined by "or"."""
    words = {True: "alarms.value-on", False: "alarms.value-off"}
    said = [
        say(words[value]) if isinstance(value, bool) else str(value)
        for value in sorted(values, key=str)
    ]
    return say("alarms.or").join(said)
