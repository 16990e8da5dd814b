"""Deviation from what a point has learnt to be usual at this time of such a day."""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import msgspec

from drivers.contract import Value
from gateway.calendar import DAY_S, Calendar
from gateway.rules.kinds import quantities
from gateway.rules.kinds.band import Quantity
from gateway.rules.kinds.kind import (
    PointInfo,
    RuleInstant,
    RuleKind,
    RuleVerdict,
    Sentences,
    as_number,
)

SLOT_S = 1800
# Half hours of a day; working days and rest days learn separately, so there are twice as many.
SLOTS = DAY_S // SLOT_S

# The weight of a new day once ten are known, so that seasons are followed.
_SLOWEST = 0.1


class ProfileOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Beyond `share` of the usual value, `times` the usual scatter and `least`: all three.

    A half hour that was seen on fewer than `days` such days gives no verdict. `only` restricts
    it to one side.
    """

    share: Annotated[float, msgspec.Meta(gt=0)] = 0.5
    times: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    least: Quantity = 0.0
    learn_days: Annotated[int, msgspec.Meta(ge=2, le=60)] = 5
    only: Annotated[str, msgspec.Meta(pattern="^(above|below|both)$")] = "both"


class ProfileLimits(msgspec.Struct, frozen=True):
    """The options, with `least` in the point's unit, and the calendar."""

    options: ProfileOptions
    least: float
    calendar: Calendar


class UsualValue(NamedTuple):
    """One half hour: the number of days seen, their mean, and the mean scatter around it."""

    days: int
    mean: float
    scatter: float


class ProfileState(msgspec.Struct, frozen=True, array_like=True):
    """What was learnt, and the current half hour: its number, its day and its sums."""

    usual: dict[int, UsualValue] = {}
    slot: int = -1
    day: int = 0
    count: int = 0
    total: float = 0.0
    apart: float = 0.0


def prepare(options: ProfileOptions, point: PointInfo, calendar: Calendar) -> ProfileLimits:
    return ProfileLimits(options, quantities.parse_difference(options.least, point.unit), calendar)


def step(
    limits: ProfileLimits, state: ProfileState, value: Value, moment: RuleInstant
) -> tuple[ProfileState, RuleVerdict]:
    """Compare with the usual value, and learn; without the time of day, neither."""
    measured = as_number(value)
    if measured is None or moment.wall_ns is None:
        return state, RuleVerdict.UNSURE
    date, second = limits.calendar.local(moment.wall_ns)
    slot = second // SLOT_S + (0 if limits.calendar.is_workday(date) else SLOTS)
    day = date.toordinal()
    if (slot, day) != (state.slot, state.day):
        state = ProfileState(_learnt(limits, state), slot, day)
    usual = state.usual.get(slot)
    known = usual is not None and usual.days >= limits.options.learn_days
    reach = _reach(limits, usual) if usual is not None else 0.0
    mean = usual.mean if usual is not None else measured
    # an extreme value is learnt only as far as the limit
    counted = min(max(measured, mean - reach), mean + reach) if known else measured
    state = ProfileState(
        state.usual,
        slot,
        day,
        state.count + 1,
        state.total + counted,
        state.apart + abs(counted - mean),
    )
    if not known:
        return state, RuleVerdict.UNSURE
    return state, RuleVerdict.from_condition(_odd(limits, measured - mean, reach))


def _odd(limits: ProfileLimits, apart: float, reach: float) -> bool:
    only = limits.options.only
    return (apart > reach and only != "below") or (-apart > reach and only != "above")


def _reach(limits: ProfileLimits, usual: UsualValue) -> float:
    options = limits.options
    return max(options.share * abs(usual.mean), options.times * usual.scatter, limits.least)


def _learnt(limits: ProfileLimits, state: ProfileState) -> dict[int, UsualValue]:
    """The usual values after the half hour that has ended; too few readings teach nothing."""
    if state.count == 0:
        return state.usual
    mean, scatter = state.total / state.count, state.apart / state.count
    before = state.usual.get(state.slot)
    if before is None:
        learnt = UsualValue(1, mean, 0.0)
    else:
        days = min(before.days + 1, limits.options.learn_days + 365)
        weight = max(1 / days, _SLOWEST)
        learnt = UsualValue(
            days,
            before.mean + weight * (mean - before.mean),
            before.scatter + weight * (scatter - before.scatter),
        )
    return {**state.usual, state.slot: learnt}


def describe(limits: ProfileLimits, _unit: str, say: Sentences) -> Iterator[str]:
    """`30 % above what is usual`."""
    yield say(f"alarms.mean-usual-{limits.options.only}", share=f"{limits.options.share:.0%}")


KIND = RuleKind(
    "profile", ProfileOptions, ProfileState, prepare, step, needs_wall=True, describe=describe
)
KINDS = (KIND,)
