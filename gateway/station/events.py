"""The kinds of event of the station as a whole."""

import msgspec

from gateway.event import Audience, EventKind, Lane


class StationStarted(msgspec.Struct, frozen=True):
    """The station has started; `volatile`: its journal is in memory."""

    version: str
    boot: str
    epoch: str
    volatile: bool


class ClockMoved(msgspec.Struct, frozen=True):
    """Station time moved: at boot time `at_ms` it was `old` and is `new` (RFC 3339, or null).

    A platform can re-date earlier events with it; an event is never rewritten. At most one a
    minute: several steps within it are reported as one.
    """

    boot: str
    at_ms: int
    old: str | None
    new: str
    source: str


class FaultReport(msgspec.Struct, frozen=True):
    """An unforeseen exception was contained at `where`, `count` times since the start.

    `what` is the exception's type and the function that raised it, never its text.
    """

    where: str
    what: str
    count: int


STARTED = EventKind("station", "started", Lane.SERVICE, StationStarted, Audience.ALL)
CLOCK_STEP = EventKind("station", "clock-step", Lane.SERVICE, ClockMoved, Audience.ALL)
FAULT = EventKind("station", "fault", Lane.SERVICE, FaultReport, Audience.ALL)
KINDS = (STARTED, CLOCK_STEP, FAULT)
