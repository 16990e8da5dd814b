"""What a kind of rule is: a pure step from one state to the next, and a verdict.

A verdict is about this instant only: its confirmation and consequences are the same for all kinds
(`confirmation.py`, `alarm.py`).
"""

import enum
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec

from drivers.contract import Reading, Value
from gateway.calendar import Calendar

S = 1_000_000_000


class RuleVerdict(enum.Enum):
    """Whether the condition holds, does not hold, or cannot be determined."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"

    @classmethod
    def from_condition(cls, condition: object) -> "RuleVerdict":
        return cls.YES if condition else cls.NO


class RuleInstant(NamedTuple):
    """An instant: the station's uptime, and wall time (UTC) if a source vouches for it.

    `at_ns` counts only the time that the station ran: it never steps, and continues after a
    restart. `shift_ns` converts the instants of readings into it, if they have any.
    """

    at_ns: int
    wall_ns: int | None = None
    shift_ns: int | None = None

    def instant_of(self, reading: Reading) -> int:
        """The instant of the reading: an input's edge is older than its poll."""
        if self.shift_ns is None:
            return self.at_ns
        return min(self.at_ns, reading.at_ns + self.shift_ns)


class PointInfo(NamedTuple):
    """What a rule needs to know of a point. `every_s` None: it reports only changes.

    `inverted`: its contact is closed when all is well. `brief`: it is a push button, and every
    press counts, however short.
    """

    unit: str
    every_s: float | None = None
    counter: bool = False
    inverted: bool = False
    brief: bool = False


StepFunction = Callable[[Any, Any, Value, RuleInstant], tuple[Any, RuleVerdict]]


class Sentences(Protocol):
    """The reader's catalogue: call it with a code and the data for the text."""

    lang: str

    def __call__(self, code: str, /, **data: object) -> str: ...

    def span(self, seconds: float, /) -> str:
        """A duration in words."""


# Arguments: limits, their unit, the reader's catalogue. Yields the alternatives that a rule waits
# for.
Describe = Callable[[Any, str, Sentences], Iterator[str]]


class RuleKind(NamedTuple):
    """One kind of rule.

    `options`: what `set` may contain; `prepare` converts it into the point's unit (UsageError
    if impossible) and returns the limits for `step(limits, state, value, moment)`. A `value` of
    None means that only time has passed. `due`: when time alone may change the verdict.
    `forgets_gap`, `forgets_cut`: a gap in the readings, or an unknown time without the station,
    invalidates its state. `describe` explains limits to people; without it the text
    `alarms.kind-<name>` is used.
    """

    name: str
    options: type[msgspec.Struct]
    state: type[msgspec.Struct]
    prepare: Callable[[Any, PointInfo, Calendar], Any]
    step: StepFunction
    due: Callable[[Any, Any], int | None] | None = None
    forgets_gap: bool = False
    forgets_cut: bool = False
    forgets_restart: bool = False
    needs_wall: bool = False
    describe: Describe | None = None


def as_number(value: Value) -> float | None:
    """The value as a number; None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def amount_text(value: float, unit: str) -> str:
    """`3 m³/h`, or the number alone if there is no unit."""
    return f"{value:g} {unit}".strip()


def values_text(values: Iterable[Value], say: Sentences) -> str:
    """A contact's two words; texts and numbers as they are; joined by "or"."""
    words = {True: "alarms.value-on", False: "alarms.value-off"}
    said = [
        say(words[value]) if isinstance(value, bool) else str(value)
        for value in sorted(values, key=str)
    ]
    return say("alarms.or").join(said)
