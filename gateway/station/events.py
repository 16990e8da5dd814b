"""The kinds of event that the station as a whole makes."""

import msgspec

from gateway.event import Kind, Lane


class Started(msgspec.Struct, frozen=True):
    """The station runs; `volatile` says that its journal is in memory."""

    version: str
    boot: str
    epoch: str
    volatile: bool


class ClockMoved(msgspec.Struct, frozen=True):
    """Station time moved: at boot time `at_ms` it was `old`, and is `new` (RFC 3339, or null).

    With it a platform can re-date what came before; a sent event is never rewritten.
    """

    boot: str
    at_ms: int
    old: str | None
    new: str
    source: str


STARTED = Kind("station", "started", Lane.SERVICE, Started)
CLOCK_STEP = Kind("station", "clock-step", Lane.SERVICE, ClockMoved)
KINDS = (STARTED, CLOCK_STEP)
