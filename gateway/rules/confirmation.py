"""From verdicts to a condition worth an alarm: delays, N of M, windows of time. Pure.

    IDLE ──YES──► PENDING ──(`for_s`, or N of M)──► ACTIVE ──NO──► FADING ──(`clear_s`)──► IDLE
      ▲              │NO                               ▲              │YES
      └──────────────┘                                 └──────────────┘

A delay passes on readings: a polled point that falls silent has not confirmed anything, and the
alarm carries the reading that shows the condition. For a point that reports only changes, its last
value stands and time alone confirms it.
"""

import enum
from typing import Annotated, Literal

import msgspec

from gateway.calendar import Days, TimeWindow
from gateway.rules.kinds import RuleInstant, RuleVerdict, S

SAMPLES_MAX = 64


class ConfirmationOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the `set` of every rule may contain.

    `for_s`: how long the condition must hold; `of = [3, 5]`: in how many of how many readings
    instead. `clear_s`: how long it must be gone. `between`, `days`, `season`: when it is
    watched; `outside`: whether the end of that time ends the alarm or holds it. A return within
    `flap_s` is the same alarm.
    """

    for_s: Annotated[float, msgspec.Meta(ge=0, le=31 * 86_400)] = 0.0
    of: tuple[int, int] | None = None
    clear_s: Annotated[float, msgspec.Meta(ge=0, le=31 * 86_400)] = 0.0
    between: Annotated[str, msgspec.Meta(examples=["02:00-04:00"])] | None = None
    days: Days = "all"
    season: Annotated[str, msgspec.Meta(examples=["11-15..03-15"])] | None = None
    outside: Literal["return", "hold"] = "return"
    flap_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 300.0

    def __post_init__(self) -> None:
        """Refuse combinations that mean nothing."""
        if self.of is not None and not 1 <= self.of[0] <= self.of[1] <= SAMPLES_MAX:
            raise ValueError("rules.bad-of")
        _ = self.window

    @property
    def window(self) -> TimeWindow:
        return TimeWindow.parse(self.between, self.days, self.season)


class ConfirmationPhase(enum.Enum):
    IDLE = "idle"
    PENDING = "pending"
    ACTIVE = "active"
    FADING = "fading"

    @property
    def on(self) -> bool:
        """Whether the condition counts as present."""
        return self in {ConfirmationPhase.ACTIVE, ConfirmationPhase.FADING}


class ConfirmationState(msgspec.Struct, frozen=True, array_like=True):
    """The phase, its start, and the last verdicts as bits (newest lowest) for N of M."""

    phase: ConfirmationPhase = ConfirmationPhase.IDLE
    since_ns: int = 0
    bits: int = 0


IDLE = ConfirmationState()


class ConfirmationDelays(msgspec.Struct, frozen=True):
    """The options in ns."""

    for_ns: int
    of: tuple[int, int] | None
    clear_ns: int

    @classmethod
    def of_options(cls, options: ConfirmationOptions) -> "ConfirmationDelays":
        return cls(round(options.for_s * S), options.of, round(options.clear_s * S))


def advance(
    delays: ConfirmationDelays,
    state: ConfirmationState,
    verdict: RuleVerdict,
    moment: RuleInstant,
    *,
    since_ns: int | None = None,
) -> ConfirmationState:
    """The state after one verdict; UNSURE changes nothing.

    `since_ns`: when the evidence was first seen, if before now.
    """
    if verdict is RuleVerdict.UNSURE:
        return state
    holds = verdict is RuleVerdict.YES
    if delays.of is not None and not state.phase.on:
        return _counted(delays.of, state, holds=holds, now_ns=moment.at_ns)
    if holds:
        began_ns = moment.at_ns if since_ns is None else since_ns
        return _held(delays, state, moment.at_ns, began_ns)
    return _gone(delays, state, moment.at_ns)


def _counted(
    of: tuple[int, int], state: ConfirmationState, *, holds: bool, now_ns: int
) -> ConfirmationState:
    needed, among = of
    bits = (state.bits << 1 | holds) & ((1 << among) - 1)
    if bits.bit_count() >= needed:
        return ConfirmationState(ConfirmationPhase.ACTIVE, now_ns)
    return ConfirmationState(
        ConfirmationPhase.PENDING if bits else ConfirmationPhase.IDLE, now_ns, bits
    )


def _held(
    delays: ConfirmationDelays, state: ConfirmationState, now_ns: int, began_ns: int
) -> ConfirmationState:
    if state.phase is ConfirmationPhase.ACTIVE:
        return state
    if state.phase is ConfirmationPhase.FADING:
        return ConfirmationState(ConfirmationPhase.ACTIVE, now_ns)
    since_ns = began_ns if state.phase is ConfirmationPhase.IDLE else state.since_ns
    if now_ns - since_ns >= delays.for_ns:
        return ConfirmationState(ConfirmationPhase.ACTIVE, now_ns)
    return (
        state
        if state.phase is ConfirmationPhase.PENDING
        else ConfirmationState(ConfirmationPhase.PENDING, since_ns)
    )


def _gone(delays: ConfirmationDelays, state: ConfirmationState, now_ns: int) -> ConfirmationState:
    if not state.phase.on:
        return state if state.phase is ConfirmationPhase.IDLE else IDLE
    since_ns = now_ns if state.phase is ConfirmationPhase.ACTIVE else state.since_ns
    if now_ns - since_ns >= delays.clear_ns:
        return IDLE
    return (
        state
        if state.phase is ConfirmationPhase.FADING
        else ConfirmationState(ConfirmationPhase.FADING, since_ns)
    )


def interrupt(state: ConfirmationState) -> ConfirmationState:
    """After a gap in the readings, or outside its hours: a pending condition starts again."""
    return state if state.phase.on else IDLE


def next_due(delays: ConfirmationDelays, state: ConfirmationState) -> int | None:
    """When time alone would change the phase, given the last verdict."""
    if state.phase is ConfirmationPhase.PENDING and delays.of is None:
        return state.since_ns + delays.for_ns
    if state.phase is ConfirmationPhase.FADING:
        return state.since_ns + delays.clear_ns
    return None
