"""What a type expects and what was found, as phrases of the catalogues."""

import datetime
import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

from gateway.event import ID_PATTERN
from gateway.toml.document import Phrase
from gateway.toml.key_lines import KeyPath

FOUND_MAX = 40
_SECRET = re.compile(r"pass|secret|token|credential|key$|pin$")


def expected_phrase(type_: Any) -> Phrase:
    """What a value of that type looks like."""
    return _phrase(inspect.type_info(type_))


def _phrase(node: Any) -> Phrase:
    spoken = _SPOKEN.get(type(node))
    return spoken(node) if spoken else Phrase(_PLAIN.get(type(node), "expected.other"))


def _annotated(node: inspect.Metadata) -> Phrase:
    examples = (node.extra_json_schema or {}).get("examples")
    return (
        Phrase("expected.like", {"example": str(examples[0])}) if examples else _phrase(node.type)
    )


def _number(node: inspect.IntType | inspect.FloatType) -> Phrase:
    kind = "integer" if isinstance(node, inspect.IntType) else "number"
    low = node.ge if node.ge is not None else node.gt
    high = node.le if node.le is not None else node.lt
    limits = {"min": low, "max": high}
    data = {name: f"{limit:g}" for name, limit in limits.items() if limit is not None}
    which = "-".join(["", *sorted(data, reverse=True)])
    if node.gt is not None and node.ge is None and "max" not in data:
        which = "-above"
    return Phrase(f"expected.{kind}{which}", data)


def _text(node: inspect.StrType) -> Phrase:
    if node.pattern is not None:
        return Phrase("expected.id" if ID_PATTERN.pattern in node.pattern else "expected.other")
    if node.max_length is not None:
        return Phrase("expected.text-max", {"max": node.max_length})
    return Phrase("expected.text")


def _one_of(values: Any) -> Phrase:
    return Phrase("expected.one-of", {"choices": ", ".join(map(str, values))})


def _list(node: inspect.ListType | inspect.VarTupleType | inspect.SetType) -> Phrase:
    return Phrase("expected.list", {"item": _phrase(node.item_type)})


def _union(node: inspect.UnionType) -> Phrase:
    """None is left out: TOML has no null."""
    phrases = [_phrase(member) for member in node.types if type(member) is not inspect.NoneType]
    whole = phrases.pop()
    while phrases:
        whole = Phrase("expected.either", {"first": phrases.pop(), "second": whole})
    return whole


_SPOKEN: dict[type[inspect.Type], Callable[[Any], Phrase]] = {
    inspect.Metadata: _annotated,
    inspect.IntType: _number,
    inspect.FloatType: _number,
    inspect.StrType: _text,
    inspect.EnumType: lambda node: _one_of([member.value for member in node.cls]),
    inspect.LiteralType: lambda node: _one_of(node.values),
    inspect.UnionType: _union,
    inspect.ListType: _list,
    inspect.VarTupleType: _list,
    inspect.SetType: _list,
    inspect.FrozenSetType: _list,
}

_PLAIN: dict[type[inspect.Type], str] = {
    inspect.BoolType: "expected.yes-no",
    inspect.StructType: "expected.table",
    inspect.DictType: "expected.table",
    inspect.TupleType: "expected.any-list",
    inspect.DateTimeType: "expected.date-time",
    inspect.DateType: "expected.date",
    inspect.TimeType: "expected.time",
}


def found_phrase(value: Any, path: KeyPath) -> Phrase | str:
    """The value found, shortened; what looks secret is not shown."""
    if path and isinstance(path[-1], str) and _SECRET.search(path[-1]):
        return Phrase("found.secret")
    if isinstance(value, dict | list):
        return Phrase("found.table" if isinstance(value, dict) else "found.list")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    written = msgspec.json.encode(value).decode() if isinstance(value, str | bool) else str(value)
    return written if len(written) <= FOUND_MAX else written[: FOUND_MAX - 1] + "…"
