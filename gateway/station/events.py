"""The kinds of event that the station as a whole makes."""

import msgspec

from gateway.event import Audience, EventKind, Lane


class StationStarted(msgspec.Struct, frozen=True):
    """The station runs; `volatile` says that its journal is in memory."""

    version: str
    boot: str
    epoch: str
    volatile: bool


class ClockMoved(msgspec.Struct, frozen=True):
    """Station time moved: at boot time `at_ms` it was `old`, and is `new` (RFC 3339, or null).

    With it a platform can re-date what came before; a sent event is never rewritten. There is one
    a minute at most: what moves several times within it is told from before the first to after the
    last.
    """

    boot: str
    at_ms: int
    old: str | None
    new: str
    source: str


class FaultReport(msgspec.Struct, frozen=True):
    """An unforeseen exception was contained at the edge `where`, `count` times since the start.

    `what` is the exception's type and the function that raised it, never its text.
    """

    where: str
    what: str
    count: int


STARTED = EventKind("station", "started", Lane.SERVICE, StationStarted, Audience.ALL)
CLOCK_STEP = EventKind("station", "clock-step", Lane.SERVICE, ClockMoved, Audience.ALL)
FAULT = EventKind("station", "fault", Lane.SERVICE, FaultReport, Audience.ALL)
KINDS = (STARTED, CLOCK_STEP, FAULT)
