"""What changes between two texts of the settings, key by key. Pure.

People decide by keys, not by lines: a moved table or a rewrapped comment changes nothing. Secrets
are shown as changed, never with their values.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gateway.reconfigure.redaction import VEIL, is_secret
from gateway.toml import dotted_key

SHOWN_MAX = 200
VALUE_CHARACTERS_MAX = 120
FOLDED_DEPTH = 2


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key: its value before and after as TOML, None if absent."""

    key: str
    before: str | None = None
    after: str | None = None


class Differences(msgspec.Struct, frozen=True):
    """The first differing keys, and the number of others; `text` says whether the texts differ.

    Texts that differ only in comments or order have no keys to show.
    """

    keys: tuple[Difference, ...]
    more: int
    text: bool


def differences(before: bytes, after: bytes) -> Differences:
    """Compare two texts; one that is not TOML counts as empty."""
    tables = _table(before), _table(after)
    old, new = (dict(_leaves(_folded(one, tables), ())) for one in tables)
    keys = [key for key in {**new, **old} if _written(old.get(key)) != _written(new.get(key))]
    shown = tuple(
        Difference(dotted_key(key), _shown(key, old.get(key)), _shown(key, new.get(key)))
        for key in keys[:SHOWN_MAX]
    )
    return Differences(shown, max(0, len(keys) - SHOWN_MAX), before != after)


def _table(text: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        return {}


def _folded(table: dict[str, Any], both: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """Treat an added or removed table, such as a device, as one value."""
    return {
        section: {
            name: value if all(name in _section(each, section) for each in both) else [value]
            for name, value in inner.items()
        }
        if isinstance(inner, Mapping) and all(isinstance(v, Mapping) for v in inner.values())
        else inner
        for section, inner in table.items()
    }


def _section(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name)
    return found if isinstance(found, Mapping) else {}


def _leaves(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[Any, Any]]:
    """Every value by its path; a list or an empty table is one value."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _shown(path: tuple[str, ...], value: Any) -> str | None:
    if value is None:
        return None
    if is_secret(path[-1]):
        return VEIL
    veiled = _veiled(value)
    folded = isinstance(value, list) and len(path) == FOLDED_DEPTH and _is_table(value)
    text = _pairs(veiled[0]) if folded else _written(veiled)
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[: VALUE_CHARACTERS_MAX - 1] + "…"


def _is_table(value: list[Any]) -> bool:
    return len(value) == 1 and isinstance(value[0], Mapping)


def _pairs(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {_written(value)}" for key, value in table.items())


def _written(value: Any) -> str:
    """Roughly as TOML writes it: `1` and `true` are equal in Python but not here."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _veiled(value: Any) -> Any:
    if isinstance(value, list):
        return [_veiled(each) for each in value]
    if isinstance(value, Mapping):
        return {key: VEIL if is_secret(key) else _veiled(each) for key, each in value.items()}
    return value
