"""Settings as others may see them: a value that looks secret is shown as a veil.

Who sends the text back leaves the veil where it was, and the present value stays. Comments are
shown as they are: a secret does not belong there, and the handbook says so.
"""

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from gateway.toml import KeyPath, Mistake, dotted_key, parse, settings_error

VEIL = "＊＊＊"
_SECRET = re.compile(r"(?:^|_)(?:bind_key|password|secret|token|pin|seed|private)(?:_|$)")


def is_secret(key: str) -> bool:
    """Whether the value of a key of that name is not for everybody's eyes."""
    return _SECRET.search(key) is not None


def redact(text: bytes, file: str) -> str:
    """The text with every secret under a veil; SettingsError if it is no TOML."""
    import tomlkit  # noqa: PLC0415  # 5 MB that a running station seldom needs

    parse(text, file)
    document = tomlkit.parse(text.decode("utf-8-sig"))
    for table, key in _secrets(document):
        table[key] = VEIL
    return tomlkit.dumps(document)


def restore_secrets(text: bytes, present: bytes, file: str) -> bytes:
    """The text with the present secrets under its veils; SettingsError where there is none."""
    if VEIL.encode() not in text:
        return text
    import tomlkit  # noqa: PLC0415  # as above

    lines = parse(text, file).lines
    document = tomlkit.parse(text.decode("utf-8-sig"))
    known = tomlkit.parse(present.decode("utf-8-sig"))
    bare = list(_lift(document, known, ()))
    if bare:
        raise settings_error(
            [
                Mistake(
                    file,
                    lines.line_of(path),
                    dotted_key(path),
                    "appliance.veiled",
                    {"key": dotted_key(path)},
                )
                for path in bare
            ]
        )
    return tomlkit.dumps(document).encode()


def _lift(table: Any, known: Any, path: KeyPath) -> Iterator[KeyPath]:
    """Put the present values in; the paths of the veils that have none."""
    for key, value in _items(table):
        former = _value(known, key)
        if value != VEIL:
            yield from _lift(value, former, (*path, key))
        elif isinstance(former, str):
            table[key] = str(former)
        else:
            yield (*path, key)


def _items(table: Any) -> list[tuple[Any, Any]]:
    if isinstance(table, MutableMapping):
        return list(table.items())
    return list(enumerate(table)) if isinstance(table, list) else []


def _value(table: Any, key: Any) -> Any:
    try:
        return table[key]
    except (KeyError, IndexError, TypeError):  # another shape than the new text has
        return None


def _secrets(table: Any) -> Iterator[tuple[MutableMapping[str, Any], str]]:
    """Every table that holds a secret, and its key; also those inside lists."""
    for key, value in _items(table):
        if isinstance(value, str) and isinstance(key, str) and is_secret(key):
            yield table, key
        else:
            yield from _secrets(value)
