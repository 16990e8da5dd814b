"""The line of each key of a TOML document; `tomllib` does not tell.

The scanner walks a document that `tomllib` has accepted (or refused for a repeated key), so it
checks nothing, and stops where it does not understand.
"""

import contextlib
import re
import tomllib
from bisect import bisect_right
from typing import NamedTuple, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\n#]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL
)


class RepeatedKey(NamedTuple):
    """A key given twice."""

    path: KeyPath
    first_line: int
    line: int


class KeyLines:
    """The lines of the keys of one document, from 1."""

    def __init__(self, text: str) -> None:
        self.repeated: list[RepeatedKey] = []
        self._line_of: dict[KeyPath, int] = {(): 1}
        self._given: set[KeyPath] = set()
        self._starts = [found.end() for found in re.finditer("\n", text)]
        with contextlib.suppress(_Lost):  # what was found before is still right
            _Scanner(text, self).document()

    def line_of(self, path: KeyPath) -> int:
        """The line of that key, or of the nearest table around it."""
        while path not in self._line_of:
            path = path[:-1]
        return self._line_of[path]

    def note(self, path: KeyPath, position: int, *, given: bool) -> None:
        """Note a key; `given` if it gets its value or table here, not only a part of it."""
        line = 1 + bisect_right(self._starts, position)
        if given and path in self._given:
            self.repeated.append(RepeatedKey(path, self._line_of[path], line))
            return
        if given:
            self._given.add(path)
            self._line_of[path] = line
        else:
            self._line_of.setdefault(path, line)


class _Lost(Exception):
    """The scanner cannot follow this text."""


class _Scanner:
    def __init__(self, text: str, lines: KeyLines) -> None:
        self._text = text
        self._lines = lines
        self._at = 0
        self._counts: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._next() == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> KeyPath:
        start = self._at
        many = self._text.startswith("[[", start)
        self._at += 2 if many else 1
        keys = self._key()
        self._expect("]]" if many else "]")
        parent = self._resolved(keys[:-1])
        path = (*parent, keys[-1])
        if many:
            number = self._counts[path] = self._counts.get(path, -1) + 1
            self._lines.note(path, start, given=False)
            path = (*path, number)
        elif path in self._counts:
            path = (*path, self._counts[path])
        self._note(path, 0, start)
        return path

    def _resolved(self, keys: KeyPath) -> KeyPath:
        """The path of a table; of an array of tables, its last element."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self._counts:
                path = (*path, self._counts[path])
        return path

    def _note(self, path: KeyPath, parents: int, position: int) -> None:
        for length in range(parents + 1, len(path)):
            self._lines.note(path[:length], position, given=False)
        self._lines.note(path, position, given=True)

    def _pair(self, table: KeyPath) -> None:
        start = self._at
        path = (*table, *self._key())
        self._expect("=")
        self._note(path, len(table), start)
        self._value(path)

    def _key(self) -> KeyPath:
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            keys.append(self._key_part())
            self._skip(_SPACE)
            if self._next() != ".":
                return tuple(keys)
            self._at += 1

    def _key_part(self) -> str:
        if self._next() not in ('"', "'"):
            return self._take(_BARE_KEY)
        try:
            return str(tomllib.loads(f"key = {self._take(_STRING)}")["key"])
        except tomllib.TOMLDecodeError as error:
            raise _Lost from error

    def _value(self, path: KeyPath) -> None:
        self._skip(_SPACE)
        opening = self._next()
        if opening == "{":
            self._inline_table(path)
        elif opening == "[":
            self._array(path)
        elif opening in ('"', "'"):
            self._take(_STRING)
        else:
            self._take(_SCALAR)

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while not self._closed("}"):
            self._pair(path)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while not self._closed("]"):
            self._lines.note((*path, index), self._at, given=True)
            self._value((*path, index))
            index += 1

    def _closed(self, bracket: str) -> bool:
        self._skip(_BLANK)
        if self._next() == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._next() != bracket:
            return False
        self._at += 1
        return True

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _expect(self, mark: str) -> None:
        self._skip(_SPACE)
        if not self._text.startswith(mark, self._at):
            raise _Lost
        self._at += len(mark)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        assert found, "the pattern matches nothing, too"
        self._at = found.end()

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if not found:
            raise _Lost
        self._at = found.end()
        return found[0]
