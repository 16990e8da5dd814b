"""Changes a settings file completely or not at all; comments and order survive."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway import entropy
from gateway.errors import UsageError


def edit_file(path: Path, changes: Mapping[tuple[str, ...], Any]) -> None:
    """Set keys of a file, as `edit_text` does.

    The new file replaces the old one atomically, with the same mode.
    """
    text = edit_text(path.read_bytes().decode("utf-8-sig"), changes)
    replace_file(path, text.encode(), mode=path.stat().st_mode & 0o777)


def edit_text(text: str, changes: Mapping[tuple[str, ...], Any]) -> str:
    """The text with new values (None removes a key); missing tables are created.

    A table given as a value is written in one line: `b3 = { name = "3号楼" }`.
    """
    import tomlkit  # noqa: PLC0415 - 20 ms and 5 MB that a station needs only when it is changed

    document = tomlkit.parse(text)
    for keys, value in changes.items():
        table: Any = document
        for depth, key in enumerate(keys[:-1], 1):
            if key not in table:
                if value is None:
                    break
                table[key] = tomlkit.table(is_super_table=depth < len(keys) - 1)
            table = table[key]
            if not isinstance(table, dict):
                raise UsageError("settings.no-table", key=".".join(keys[:depth]))
        else:
            if value is None:
                table.pop(keys[-1], None)
            else:
                table[keys[-1]] = _in_line(value) if isinstance(value, Mapping) else value
    return tomlkit.dumps(document)


def _in_line(value: Mapping[str, Any]) -> Any:
    import tomlkit  # noqa: PLC0415 - as above

    table = tomlkit.inline_table()
    table.update(value)
    return table


def replace_file(path: Path, content: bytes, *, mode: int = 0o640) -> None:
    """Replace a file atomically: a power cut leaves the old or the new one."""
    fresh = path.with_name(f".{path.name}.{entropy.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:  # whatever it was, the half-written file goes
        fresh.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
