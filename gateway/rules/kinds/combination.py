"""Several conditions over several devices, joined by `and`, `or`, `not`: burning and full."""

import ast
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from drivers.contract import Value
from gateway.calendar import Calendar
from gateway.errors import UsageError
from gateway.rules.kinds.band import BandLimits, Quantity
from gateway.rules.kinds.kind import (
    PointInfo,
    RuleInstant,
    RuleKind,
    RuleVerdict,
    Sentences,
    as_number,
    values_text,
)
from gateway.rules.kinds.value_state import StateValue

TERMS_MAX = 16
WHEN_CHARS_MAX = 300


class CombinationTerm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One condition on the point of that name in `on`: a limit or a value."""

    unit: str | None = None
    above: Quantity | None = None
    below: Quantity | None = None
    hysteresis: Quantity = 0.0
    value: StateValue | None = None


class CombinationOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`when` joins the terms: `heat and level`, `(a or b) and not (a and b)`."""

    terms: Annotated[dict[str, CombinationTerm], msgspec.Meta(min_length=1, max_length=TERMS_MAX)]
    when: Annotated[str, msgspec.Meta(min_length=1, max_length=WHEN_CHARS_MAX)]


class CombinationTermLimits(msgspec.Struct, frozen=True):
    """One term in its point's unit."""

    band: BandLimits
    value: StateValue | None


class CombinationLimits(msgspec.Struct, frozen=True):
    """The terms, and the expression as nested tuples: `("and", "heat", "level")`."""

    terms: Mapping[str, CombinationTermLimits]
    when: Any


class CombinationState(msgspec.Struct, frozen=True, array_like=True):
    """The last result of each term: no (0), yes (1), below (-1); absent without a reading."""

    terms: dict[str, int] = {}


def parse_expression(when: str, known: Mapping[str, CombinationTerm]) -> Any:
    """The expression; UsageError for anything but names, `and`, `or`, `not` and brackets."""
    try:
        return _node(ast.parse(when, mode="eval").body, known)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError("rules.bad-when", when=when) from error


def _node(node: ast.expr, known: Mapping[str, CombinationTerm]) -> Any:
    if isinstance(node, ast.Name):
        if node.id not in known:
            raise UsageError("rules.unknown-term", term=node.id, known=", ".join(known))
        return node.id
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ("not", _node(node.operand, known))
    if isinstance(node, ast.BoolOp):
        joined = "and" if isinstance(node.op, ast.And) else "or"
        return (joined, *(_node(value, known) for value in node.values))
    raise ValueError(node)


def prepare(options: CombinationOptions, _: PointInfo, __: Calendar) -> CombinationLimits:
    """The expression; `prepare_term` adds the terms when their points are known."""
    return CombinationLimits({}, parse_expression(options.when, options.terms))


def prepare_term(name: str, term: CombinationTerm, point: PointInfo) -> CombinationTermLimits:
    if term.above is None and term.below is None and term.value is None:
        raise UsageError("rules.no-limit", keys=f"{name}: above, below, value")
    band = BandLimits.from_settings(term.above, term.below, term.hysteresis, point.unit)
    flipped = point.inverted and isinstance(term.value, bool)
    return CombinationTermLimits(band, (not term.value) if flipped else term.value)


def update_term(
    limits: CombinationLimits, state: CombinationState, name: str, value: Value
) -> CombinationState:
    """The state after a reading of that term's point."""
    before = state.terms.get(name)
    side = _side(limits.terms[name], value, before or 0)
    if side is None or side == before:
        return state
    return CombinationState({**state.terms, name: side})


def _side(term: CombinationTermLimits, value: Value, before: int) -> int | None:
    if term.value is not None:
        return None if value is None else int(value == term.value)
    measured = as_number(value)
    return None if measured is None else term.band.side(measured, before)


def step(
    limits: CombinationLimits, state: CombinationState, _: Value, __: RuleInstant
) -> tuple[CombinationState, RuleVerdict]:
    """The result of the expression; UNSURE if a term without a reading matters."""
    return state, _verdict(limits.when, state.terms)


def _verdict(when: Any, terms: Mapping[str, int]) -> RuleVerdict:
    if isinstance(when, str):
        return RuleVerdict.from_condition(terms[when]) if when in terms else RuleVerdict.UNSURE
    joined, *parts = when
    verdicts = [_verdict(part, terms) for part in parts]
    if joined == "not":
        return _OPPOSITE[verdicts[0]]
    settles = RuleVerdict.NO if joined == "and" else RuleVerdict.YES
    if settles in verdicts:
        return settles
    return RuleVerdict.UNSURE if RuleVerdict.UNSURE in verdicts else _OPPOSITE[settles]


_OPPOSITE = {
    RuleVerdict.YES: RuleVerdict.NO,
    RuleVerdict.NO: RuleVerdict.YES,
    RuleVerdict.UNSURE: RuleVerdict.UNSURE,
}


def describe(limits: CombinationLimits, _unit: str, say: Sentences) -> Iterator[str]:
    """The expression with its conditions in words."""
    yield _expression_text(limits.when, limits.terms, say)


def _expression_text(when: Any, terms: Mapping[str, CombinationTermLimits], say: Sentences) -> str:
    if isinstance(when, str):
        return _term_text(when, terms[when], say)
    joined, *parts = when
    said = [_expression_text(part, terms, say) for part in parts]
    if joined == "not":
        return say("alarms.not", what=said[0])
    inner = [f"({one})" if not isinstance(part, str) and part[0] != "not" else one
             for one, part in zip(said, parts, strict=True)]  # fmt: skip
    return say(f"alarms.{joined}").join(inner)


def _term_text(name: str, term: CombinationTermLimits, say: Sentences) -> str:
    said = []
    if term.value is not None:
        said.append(say("alarms.mean-state", value=values_text((term.value,), say)))
    if term.band.above is not None:
        said.append(say("alarms.mean-above", limit=f"{term.band.above:g}"))
    if term.band.below is not None:
        said.append(say("alarms.mean-below", limit=f"{term.band.below:g}"))
    return f"{name} {say('alarms.or').join(said)}"


KIND = RuleKind(
    "combination", CombinationOptions, CombinationState, prepare, step, describe=describe
)
KINDS = (KIND,)
