"""The state of the clock: what it rests on, and how it moved."""

from typing import Literal, TypeAlias

import msgspec

from gateway.event import Trust

Doubt: TypeAlias = Literal["", "floor", "sources", "order"]


class ClockStep(msgspec.Struct, frozen=True):
    """Station time moved at boot time `at` from `old` to `new` (`old` is None at first)."""

    old: int | None
    new: int
    at: int
    source: Trust


class ClockStatus(msgspec.Struct, frozen=True):
    """What station time rests on.

    With `trust` NONE there is no station time: `wall_ns` is None and `error_s` infinite.
    `plausible_ns` is the system clock's time, if it can be true: good enough to ask a person
    about, never to act on. `vouched`: NTP or two sources confirm it. `doubt` is what a person
    can settle: `floor`, the expiry clock is ahead of station time; `sources`, they disagree;
    `order`, something that a power cut interrupted waits for a trusted time.
    """

    trust: Trust
    wall_ns: int | None
    age_s: float
    error_s: float
    plausible_ns: int | None = None
    vouched: bool = False
    doubt: Doubt = ""
