"""One watch, one step: (state, reading, now) → state, and whether its condition holds. Pure."""

from functools import cache
from typing import Any

import msgspec

from drivers.contract import Reading, Value
from gateway.calendar import Calendar
from gateway.journal.stored_state import check_bounds
from gateway.rules import confirmation
from gateway.rules.kinds import RuleInstant, RuleKind, RuleVerdict, S, combination
from gateway.rules.rule import PointKey, Watch

# Interval of checks for a point whose last value stands, if hours of the day matter.
LOOK_AGAIN_NS = 60 * S


class WatchState(msgspec.Struct, frozen=True, array_like=True):
    """The state of a watch: its kind's own, its confirmation, its last reading's time.

    `verdict` is the last one, for points whose last value stands.
    """

    inner: Any
    confirmed: confirmation.ConfirmationState = confirmation.IDLE
    heard_ns: int | None = None
    verdict: RuleVerdict = RuleVerdict.UNSURE


def initial_state(watch: Watch) -> WatchState:
    return WatchState(watch.kind.state())


def update_input(watch: Watch, state: WatchState, key: PointKey, value: Value) -> WatchState:
    """A reading of one input of a combination; `update_watch` concludes once all are in."""
    inner = state.inner
    for role in watch.roles[key]:
        inner = combination.update_term(watch.limits, inner, role, value)
    if inner is state.inner:
        return state
    return WatchState(inner, state.confirmed, state.heard_ns, state.verdict)


def update_watch(
    watch: Watch, state: WatchState, reading: Reading, moment: RuleInstant, calendar: Calendar
) -> WatchState:
    """The state after a good reading."""
    inner, confirmed, heard_ns = state.inner, state.confirmed, state.heard_ns
    gap_ns = watch.gap_ns
    if gap_ns is not None and heard_ns is not None and moment.at_ns - heard_ns > gap_ns:
        confirmed = confirmation.interrupt(confirmed)
        inner = watch.kind.state() if watch.kind.forgets_gap else inner
    inner, verdict = watch.kind.step(watch.limits, inner, reading.value, moment)
    heard = WatchState(inner, confirmed, moment.at_ns, verdict)
    return _confirmed(watch, heard, moment, calendar, since_ns=moment.instant_of(reading))


def advance_time(
    watch: Watch, state: WatchState, moment: RuleInstant, calendar: Calendar
) -> WatchState:
    """The state after time alone has passed."""
    inner, verdict = state.inner, state.verdict
    if watch.kind.due is not None:
        inner, verdict = watch.kind.step(watch.limits, inner, None, moment)
    looked = WatchState(inner, state.confirmed, state.heard_ns, verdict)
    return _confirmed(watch, looked, moment, calendar, since_ns=moment.at_ns)


def _confirmed(
    watch: Watch, state: WatchState, moment: RuleInstant, calendar: Calendar, *, since_ns: int
) -> WatchState:
    confirmed, counted = state.confirmed, state.verdict
    if not watch.window.always:
        confirmed, counted = _in_window(watch, confirmed, counted, moment, calendar)
    confirmed = confirmation.advance(watch.delays, confirmed, counted, moment, since_ns=since_ns)
    if confirmed is state.confirmed:
        return state
    return WatchState(state.inner, confirmed, state.heard_ns, state.verdict)


def _in_window(
    watch: Watch,
    confirmed: confirmation.ConfirmationState,
    verdict: RuleVerdict,
    moment: RuleInstant,
    calendar: Calendar,
) -> tuple[confirmation.ConfirmationState, RuleVerdict]:
    """Outside its hours a watch says no, or holds; without the time of day it holds."""
    known = moment.wall_ns is not None
    if moment.wall_ns is not None and watch.window.holds(calendar, moment.wall_ns):
        return confirmed, verdict
    if known and not watch.hold_outside:
        return confirmed, RuleVerdict.NO
    return confirmation.interrupt(confirmed), RuleVerdict.UNSURE


def next_due(watch: Watch, state: WatchState, moment: RuleInstant) -> int | None:
    """When time alone may change it next; None if only a reading can."""
    if not is_timed(watch):
        return None
    instants = [confirmation.next_due(watch.delays, state.confirmed)]
    if watch.kind.due is not None:
        instants.append(watch.kind.due(watch.limits, state.inner))
    if not watch.window.always:
        instants.append(moment.at_ns + LOOK_AGAIN_NS)
    ahead = (at_ns for at_ns in instants if at_ns is not None and at_ns > moment.at_ns)
    return min(ahead, default=None)


def is_timed(watch: Watch) -> bool:
    """Whether time alone can change it: it watches for silence, or its last value stands."""
    return watch.gap_ns is None or watch.kind.due is not None


def after_restart(watch: Watch, state: WatchState, *, cut: bool) -> WatchState:
    """The state after a restart; `cut`: the station was away for an unknown time."""
    kind = watch.kind
    forgets = kind.forgets_restart or (cut and kind.forgets_cut)
    inner = kind.state() if forgets else state.inner
    return WatchState(inner, state.confirmed, state.heard_ns, state.verdict)


def after_replacement(watch: Watch, state: WatchState) -> WatchState:
    """Its point belongs to another meter from here on: former counts mean nothing."""
    return WatchState(watch.kind.state(), confirmation.interrupt(state.confirmed), state.heard_ns)


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """A stored state with its kind: for another kind it means nothing."""

    kind: str
    inner: msgspec.Raw
    confirmed: confirmation.ConfirmationState
    heard_ns: int | None
    verdict: RuleVerdict


@cache
def _decoder(shape: type[msgspec.Struct]) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(shape)


_kept = msgspec.msgpack.Decoder(_Kept)
_encoder = msgspec.msgpack.Encoder()


def encode_state(kind: RuleKind, state: WatchState) -> bytes:
    """The stored form."""
    inner = msgspec.Raw(_encoder.encode(state.inner))
    kept = _Kept(kind.name, inner, state.confirmed, state.heard_ns, state.verdict)
    return _encoder.encode(kept)


def decode_state(kind: RuleKind, body: bytes) -> WatchState | None:
    """The stored state; None if it is of another kind or version."""
    try:
        kept = _kept.decode(body)
        if kept.kind != kind.name:
            return None
        inner = _decoder(kind.state).decode(kept.inner)
    except (ValueError, RecursionError):
        return None
    return WatchState(inner, kept.confirmed, kept.heard_ns, kept.verdict)


def check_state(body: bytes, kind: RuleKind | None) -> None:
    """ValueError unless it is a stored state; one of another kind may contain anything."""
    kept = _kept.decode(body)
    check_bounds((kept.confirmed, kept.heard_ns))
    if kind is not None and kept.kind == kind.name:
        check_bounds(_decoder(kind.state).decode(kept.inner))
