"""Reads a TOML file, whatever its contents; what is wrong becomes a `Mistake`."""

import errno
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import SettingsError
from gateway.toml.key_lines import KeyLines, KeyPath, RepeatedKey

# A station with 500 devices needs 100 KiB.
BYTES_MAX = 512 * 1024

# Deeper than any section; a file of brackets must not exhaust the stack.
DEPTH_MAX = 32

_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_REPEATED = ("Cannot overwrite", "Cannot declare", "Cannot mutate", "Duplicate inline table key")

# `tomllib`'s messages for the mistakes that people make.
_REASONS = {
    "Illegal character '\\n'": "settings.toml-quote",
    "Unterminated string": "settings.toml-quote",
    'Expected "\'"': "settings.toml-quote",
    'Expected \'"""\'': "settings.toml-quote",
    "Expected \"'''\"": "settings.toml-quote",
    "Invalid value": "settings.toml-value",
    "Unclosed inline table": "settings.toml-brace",
    "Unclosed array": "settings.toml-bracket",
    "Expected ']'": "settings.toml-bracket",
    "Expected '='": "settings.toml-equals",
    "Expected newline": "settings.toml-rest",
    "Invalid statement": "settings.toml-key",
    "Invalid initial character": "settings.toml-key",
    "Unescaped": "settings.toml-backslash",
}

_FULL_WIDTH = "“”‘’＝，。［］｛｝＃＂＇："
_CODE = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|[^#"'])*""")
_STRING = re.compile(r""""(?:\\.|[^"\\])*"|'[^']*'""")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Phrase(msgspec.Struct, frozen=True):
    """Part of a message that is itself a text of the catalogue."""

    code: str
    data: dict[str, Any] = {}


class Mistake(msgspec.Struct, frozen=True):
    """One mistake in a settings file; the text of `code` describes it, filled with `data`.

    `path` is the key as an installer writes it; "" for the whole file (`line` 0: no line is to
    blame).
    """

    file: str
    line: int
    path: str
    code: str
    data: dict[str, Any] = {}


class TomlDocument(msgspec.Struct, frozen=True):
    """A file that is TOML and not interpreted yet."""

    file: str
    table: dict[str, Any]
    lines: KeyLines

    def mistake(self, path: KeyPath, code: str, /, **data: Any) -> Mistake:
        """A mistake at that key."""
        return Mistake(self.file, self.lines.line_of(path), dotted_key(path), code, data)


def dotted_key(path: KeyPath) -> str:
    """A key path as TOML writes it: `device.em-b3.inputs[1]."a b"`."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            written += "." * bool(written) + (part if bare else f'"{part}"')
    return written


def read(path: Path) -> TomlDocument:
    """Read that file; SettingsError lists its mistakes."""
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise _refused(str(path), _reason(error), reason=error.strerror) from error
    return parse(raw, str(path))


def _reason(error: OSError) -> str:
    reasons = {
        errno.ENOENT: "settings.missing-file",
        errno.ENOTDIR: "settings.missing-file",
        errno.EISDIR: "settings.directory",
        errno.EACCES: "settings.forbidden",
    }
    return reasons.get(error.errno or 0, "settings.unreadable")


def parse(raw: bytes, file: str) -> TomlDocument:
    """Parse those bytes; `file` is the name in mistakes."""
    if len(raw) > BYTES_MAX:
        raise _refused(file, "settings.too-large", max_kib=BYTES_MAX // 1024)
    text = _text(raw, file)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise settings_error(_syntax(text, file, str(error))) from error
    except RecursionError as error:
        raise _refused(file, "settings.too-deep", max=DEPTH_MAX) from error
    if _depth(table) > DEPTH_MAX:
        raise _refused(file, "settings.too-deep", max=DEPTH_MAX)
    return TomlDocument(file, table, KeyLines(text))


def settings_error(mistakes: Sequence[Mistake]) -> SettingsError:
    """An exception with all of them."""
    return SettingsError("settings.wrong", mistakes=tuple(mistakes), count=len(mistakes))


def _refused(file: str, code: str, line: int = 0, /, **data: Any) -> SettingsError:
    return settings_error([Mistake(file, line, "", code, data)])


def _text(raw: bytes, file: str) -> str:
    """Decode the bytes; a byte order mark of Windows editors is ignored."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refused(file, "settings.encoding", 1, found="UTF-16")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _refused(file, "settings.encoding", line, found=_other_encoding(raw)) from error
    control = _CONTROL.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        raise _refused(file, "settings.binary", line, found=f"\\x{ord(control[0]):02x}")
    return text.replace("\r\n", "\n")


def _other_encoding(raw: bytes) -> Phrase | str:
    """The probable encoding: old Chinese editors write GBK."""
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return Phrase("settings.no-text")
    return Phrase("settings.no-text") if b"\x00" in raw else "GBK"


def _syntax(text: str, file: str, message: str) -> list[Mistake]:
    found = _PLACE.fullmatch(message)
    reason = found[1] if found else message
    last = text.rstrip("\n").count("\n") + 1
    line = int(found[2]) if found and found[2] else last
    if reason.startswith(_REPEATED):
        again = _outermost(KeyLines(text).repeated)
        if again:
            return [
                Mistake(
                    file, r.line, dotted_key(r.path), "settings.repeated", {"first": r.first_line}
                )
                for r in again
            ]
    written = text.split("\n")[line - 1]
    code = _CODE.match(written)
    wide = [c for c in _STRING.sub("", code[0] if code else "") if c in _FULL_WIDTH]
    if wide:
        return [Mistake(file, line, "", "settings.full-width", {"found": wide[0]})]
    data = {"found": written.strip()[:60], "hint": _hint(reason)}
    return [Mistake(file, line, "", "settings.syntax", data)]


def _hint(reason: str) -> Phrase:
    """What is probably missing, from the parser's message."""
    for beginning, code in _REASONS.items():
        if reason.startswith(beginning):
            return Phrase(code)
    return Phrase("settings.toml-other", {"reason": reason})


def _outermost(repeated: Sequence[RepeatedKey]) -> list[RepeatedKey]:
    """Without keys inside a table that is itself repeated."""
    tables = {again.path: again.line for again in repeated}
    return [
        again
        for again in repeated
        if not any(
            tables.get(again.path[:length], again.line) < again.line
            for length in range(1, len(again.path))
        )
    ]


def _depth(table: dict[str, Any]) -> int:
    """How deep tables and arrays nest, without recursion."""
    depth = 0
    level: list[Any] = [table]
    while level:
        depth += 1
        below: list[Any] = []
        for node in level:
            below += node.values() if isinstance(node, dict) else node
        level = [node for node in below if isinstance(node, dict | list)]
    return depth
