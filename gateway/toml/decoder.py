"""Turns tables into `Options`, field by field, so that every mistake is found in one go.

`msgspec.convert` stops at the first mistake. The decoder therefore walks the type and the table
together, converts the leaves one by one, and converts the whole only where the parts are right;
so a type's own `__post_init__` sees sound fields, and its complaint is a mistake like any other.
"""

import re
import types
import typing
from collections.abc import Collection, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from gateway.toml.document import Mistake, Phrase, TomlDocument
from gateway.toml.expectations import expected_phrase, found_phrase
from gateway.toml.key_lines import KeyPath

Options = TypeVar("Options", bound=msgspec.Struct)

_CODE = re.compile(r"[a-z0-9]+\.[a-z0-9-]+")

_NUMBER = re.compile(r"\s*[-+]?\d+(\.\d+)?\s*")
_NUMBERS = ("expected.integer", "expected.number")

# A file with more mistakes is not the file that was meant.
MISTAKES_MAX = 200

# An unknown key this similar to a missing one is taken for a misspelling of it.
SLIP_CUTOFF = 0.8

# A longer list of known names helps nobody.
KNOWN_MAX = 12


class Decoder:
    """Decodes one document; `mistakes` grows, and `judgements` beside it.

    A judgement is about settings that can be built but should not be: whoever changes settings is
    refused, a station that has them already starts. `blamed` are the keys of the mistakes.
    """

    def __init__(self, document: TomlDocument) -> None:
        self.document = document
        self.mistakes: list[Mistake] = []
        self.judgements: list[Mistake] = []
        self.blamed: list[KeyPath] = []

    def blame(self, path: KeyPath, code: str, /, **data: Any) -> None:
        """Report a mistake at that key."""
        if len(self.mistakes) < MISTAKES_MAX:
            self.mistakes.append(self.document.mistake(path, code, **data))
            self.blamed.append(path)

    def judge(self, path: KeyPath, code: str, /, **data: Any) -> None:
        """Report what refuses a change at that key, but not a start."""
        if len(self.judgements) < MISTAKES_MAX:
            self.judgements.append(self.document.mistake(path, code, **data))

    def blame_error(self, path: KeyPath, error: Exception) -> None:
        """Report an exception: one with `code` and `data`, or a ValueError whose text is a code.

        With `key` among its data, the mistake is at that key of the table.
        """
        code, data = getattr(error, "code", str(error)), dict(getattr(error, "data", {}))
        key = data.get("key")
        if isinstance(code, str) and _CODE.fullmatch(code):
            self.blame((*path, key) if isinstance(key, str) else path, code, **data)
        else:
            self.blame(path, "settings.unfit", reason=str(error))

    def struct(self, shape: type[Options], table: Any, path: KeyPath) -> Options | None:
        """Decode a table into that struct; None after a mistake."""
        parts = self.structs((shape,), table, path)
        return None if parts is None else parts[0]

    def structs(
        self,
        shapes: Sequence[type[Options]],
        table: Any,
        path: KeyPath,
        *,
        others: bool = False,
    ) -> tuple[Options, ...] | None:
        """One table as several structs that share it; a key must belong to at least one.

        `others`: unknown keys are let pass, because what they belong to is itself a mistake; but
        one that is a slip for a key that is missing is blamed, once, in place of the missing one.
        """
        if not isinstance(table, dict):
            self._wrong(dict, table, path)
            return None
        fields = {f.encode_name: f for shape in shapes for f in msgspec.structs.fields(shape)}
        missing = [name for name, f in fields.items() if f.required and name not in table]
        slips = _slips(missing, [name for name in table if name not in fields])
        unknown = self.known_keys(fields, table, path, only=slips.values() if others else None)
        before = len(self.mistakes)
        for name, field in fields.items():
            if name in table:
                self.value(field.type, table[name], (*path, name))
            elif field.required and name not in slips:
                wanted = expected_phrase(field.type)
                self.blame((*path, name), "settings.missing-key", key=name, expected=wanted)
        if len(self.mistakes) > before or slips:
            return None
        made = self._whole(shapes, table, path)
        return None if unknown else made

    def _whole(
        self, shapes: Sequence[type[Options]], table: dict[str, Any], path: KeyPath
    ) -> tuple[Options, ...] | None:
        made = []
        for shape in shapes:
            names = {field.encode_name for field in msgspec.structs.fields(shape)}
            own = {name: value for name, value in table.items() if name in names}
            try:
                made.append(msgspec.convert(own, shape))
            except Exception as error:  # noqa: BLE001 - whatever a room's own check raises
                self.blame_error(path, _cause(error))
        return tuple(made) if len(made) == len(shapes) else None

    def refers(self, word: str, known: Collection[str], path: KeyPath, code: str) -> bool:
        """Whether the word is known; else report it, with what was probably meant."""
        if word in known:
            return True
        self.blame(path, code, word=word, hint=hint(word, known))
        return False

    def known_keys(
        self,
        known: Collection[str],
        table: dict[str, Any],
        path: KeyPath,
        *,
        only: Collection[str] | None = None,
    ) -> bool:
        """Blame every key that is not known (of `only`), with what was probably meant.

        True if there is one.
        """
        among = table if only is None else [name for name in table if name in only]
        unknown = [name for name in among if name not in known]
        for name in unknown:
            meant = hint(name, known)
            self.blame((*path, name), "settings.unknown-key", key=name, hint=meant)
        return bool(unknown)

    def value(self, type_: Any, value: Any, path: KeyPath) -> bool:
        """Whether the value is of that type; False after a mistake."""
        plain = _plain(type_, value)
        origin, arguments = typing.get_origin(plain), typing.get_args(plain)
        before = len(self.mistakes)
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            if isinstance(value, dict):
                self.struct(plain, value, path)
            else:
                self._wrong(type_, value, path)
        elif origin is dict and isinstance(value, dict):
            for key, item in value.items():
                self._leaf(arguments[0], key, (*path, key))
                self.value(arguments[1], item, (*path, key))
        elif _items_alike(origin, arguments) and isinstance(value, list):
            for index, item in enumerate(value):
                self.value(arguments[0], item, (*path, index))
        if len(self.mistakes) == before:
            self._leaf(type_, value, path)
        return len(self.mistakes) == before

    def _leaf(self, type_: Any, value: Any, path: KeyPath) -> None:
        try:
            msgspec.convert(value, type_)
        except Exception as error:  # noqa: BLE001 - whatever a room's own check raises
            if isinstance(error, msgspec.ValidationError) and error.__cause__ is None:
                self._wrong(type_, value, path)
            else:
                self.blame_error(path, _cause(error))

    def _wrong(self, type_: Any, value: Any, path: KeyPath) -> None:
        fault = _explained(type_, value)
        if fault is not None:
            self.blame(path, fault.code, **fault.data)
            return
        wanted = expected_phrase(type_)
        written = isinstance(value, str) and _NUMBER.fullmatch(value)
        quoted = written and wanted.code.startswith(_NUMBERS)
        code = "settings.quoted-number" if quoted else "settings.wrong-value"
        self.blame(path, code, expected=wanted, found=found_phrase(value, path))


def hint(word: str, known: Collection[str]) -> Phrase:
    """What to write instead of an unknown word."""
    from difflib import get_close_matches  # noqa: PLC0415  # only where there is a mistake

    near = get_close_matches(word, list(known), n=1)
    if near:
        return Phrase("settings.did-you-mean", {"near": near[0]})
    listed = sorted(filter(None, known))
    if not listed:
        return Phrase("settings.none-there")
    more = ", …" if len(listed) > KNOWN_MAX else ""
    return Phrase("settings.there-are", {"known": ", ".join(listed[:KNOWN_MAX]) + more})


def _slips(missing: Collection[str], unknown: Sequence[str]) -> dict[str, str]:
    """For each missing key the unknown key that is probably a misspelling of it."""
    if not missing or not unknown:
        return {}
    from difflib import get_close_matches  # noqa: PLC0415  # only where there is a mistake

    near = ((name, get_close_matches(name, unknown, n=1, cutoff=SLIP_CUTOFF)) for name in missing)
    return {name: found[0] for name, found in near if found}


class _Explained(Protocol):
    code: str
    data: dict[str, Any]


def _explained(type_: Any, value: Any) -> _Explained | None:
    """What a type's own `explain` (in the `extra` of its Meta) says is wrong with that value."""
    if typing.get_origin(type_) in (typing.Union, types.UnionType):
        found = (_explained(member, value) for member in typing.get_args(type_))
        return next((fault for fault in found if fault is not None), None)
    for meta in getattr(type_, "__metadata__", ()):
        explain = (getattr(meta, "extra", None) or {}).get("explain")
        if explain is not None:
            fault: _Explained | None = explain(value)
            return fault
    return None


def _cause(error: Exception) -> Exception:
    """What a struct's own check raised: msgspec wraps ValueError and TypeError."""
    inner = error.__cause__
    return inner if isinstance(inner, Exception) else error


def _plain(type_: Any, value: Any) -> Any:
    """The type without annotations, and the member of a union that a table or array can be."""
    if typing.get_origin(type_) is typing.Annotated:
        return _plain(typing.get_args(type_)[0], value)
    if typing.get_origin(type_) not in (typing.Union, types.UnionType):
        return type_
    members = [m for m in typing.get_args(type_) if m is not types.NoneType]
    if len(members) == 1:
        return _plain(members[0], value)
    nested = [m for m in (_plain(m, value) for m in members) if _nests(m, value)]
    return nested[0] if len(nested) == 1 else type_


def _nests(type_: Any, value: Any) -> bool:
    is_struct = isinstance(type_, type) and issubclass(type_, msgspec.Struct)
    origin = typing.get_origin(type_)
    if isinstance(value, dict):
        return is_struct or origin is dict
    return isinstance(value, list) and origin in (list, tuple, set, frozenset)


def _items_alike(origin: Any, arguments: tuple[Any, ...]) -> bool:
    if origin is tuple:
        return len(arguments) == 2 and arguments[1] is Ellipsis  # noqa: PLR2004 - `tuple[X, ...]`
    return origin in (list, set, frozenset)
