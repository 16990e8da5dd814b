"""Settings without secrets: values that look secret are redacted.

If such a text is sent back unchanged there, the present value stays. Comments are shown: the
handbook says that secrets do not belong there.
"""

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from gateway.toml import KeyPath, Mistake, dotted_key, parse, settings_error

VEIL = "＊＊＊"
_SECRET = re.compile(r"(?:^|_)(?:bind_key|password|secret|token|pin|seed|private)(?:_|$)")


def is_secret(key: str) -> bool:
    """Whether a key of that name holds a secret."""
    return _SECRET.search(key) is not None


def redact(text: bytes, file: str) -> str:
    """Redact all secrets of a text; SettingsError if it is not TOML."""
    import tomlkit  # noqa: PLC0415  # 5 MB that a running station seldom needs

    parse(text, file)
    document = tomlkit.parse(text.decode("utf-8-sig"))
    for table, key in _secrets(document):
        table[key] = VEIL
    return tomlkit.dumps(document)


def restore_secrets(text: bytes, present: bytes, file: str) -> bytes:
    """Put the present secrets back; SettingsError where there is none."""
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
    """Insert the present values; the paths that have none."""
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
    """Every table with a secret, and its key; also inside lists."""
    for key, value in _items(table):
        if isinstance(value, str) and isinstance(key, str) and is_secret(key):
            yield table, key
        else:
            yield from _secrets(value)
