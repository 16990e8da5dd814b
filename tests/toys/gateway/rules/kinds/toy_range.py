"""A value within a range that is nobody's limit: it is there to be seen in a test."""

from collections.abc import Iterator

import msgspec

from drivers.contract import Value
from gateway.calendar import Calendar
from gateway.rules.kinds.kind import (
    PointInfo,
    RuleInstant,
    RuleKind,
    RuleVerdict,
    Sentences,
    as_number,
)


class ToyOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The range, in the unit of the point."""

    first: float
    last: float


class ToyState(msgspec.Struct, frozen=True, array_like=True):
    """How many values there were."""

    seen: int = 0


def prepare(options: ToyOptions, _: PointInfo, __: Calendar) -> ToyOptions:
    """The options are the limits."""
    return options


def step(
    limits: ToyOptions, state: ToyState, value: Value, _: RuleInstant
) -> tuple[ToyState, RuleVerdict]:
    """Whether this value is within the range."""
    shown = as_number(value)
    if shown is None:
        return state, RuleVerdict.UNSURE
    return ToyState(state.seen + 1), RuleVerdict.from_condition(
        limits.first <= shown <= limits.last
    )


def describe(limits: ToyOptions, unit: str, say: Sentences) -> Iterator[str]:
    """Its texts stand in the toys' own catalogues."""
    yield say("toy.in-range", first=f"{limits.first:g}", last=f"{limits.last:g}", unit=unit)


KINDS = (RuleKind("toy-range", ToyOptions, ToyState, prepare, step, describe=describe),)
