"""Removes personal data from texts. Pure.

Patterns find what looks personal; `words` are known names and numbers. A mark says what was
removed, so that nobody is misled.
"""

import re
from collections.abc import Iterable
from typing import Any

# A single letter is nobody's name, and would be found everywhere.
WORD_MIN = 2

_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领"
_PLATE = "[A-HJ-NP-Z0-9]"

# Not part of a longer number. \b does not work: it takes Chinese characters for letters.
_ALONE, _END = r"(?<![0-9A-Za-z.])", r"(?!\.?[0-9A-Za-z])"

_PATTERNS = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        ("mail", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
        # GB 11643; before telephones, which it would hold
        ("id-number", rf"{_ALONE}\d{{6}}(?:19|20)\d\d[01]\d[0-3]\d{{4}}[\dXx]{_END}"),
        ("phone", rf"{_ALONE}(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{{4}}[- ]?\d{{4}}{_END}"),
        ("phone", rf"{_ALONE}0\d{{2,3}}[- ]\d{{7,8}}{_END}"),
        # GA 36: province, letter, five or six
        ("plate", rf"[{_PROVINCES}][A-HJ-NP-Z][· ]?{_PLATE}{{4,5}}[A-HJ-NP-Z0-9学警港澳]"),
    )
)


def removal_mark(what: str) -> str:
    """The mark left in place of what was removed."""
    return f"＊{what}＊"


class Scrubber:
    """Removes the personal data of one station."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        """`words`: known names and numbers of people."""
        known = sorted({word for word in words if len(word) >= WORD_MIN}, key=len, reverse=True)
        found = "|".join(map(_whole, known))
        self._known = re.compile(found) if known else None

    def text(self, text: str) -> str:
        """Scrub a text."""
        for what, pattern in _PATTERNS:
            text = pattern.sub(removal_mark(what), text)
        return text if self._known is None else self._known.sub(removal_mark("person"), text)

    def tree(self, value: Any) -> Any:
        """Scrub the texts of a JSON value; numbers and keys stay."""
        if isinstance(value, dict):
            return {key: self.tree(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(each) for each in value]
        return self.text(value) if isinstance(value, str) else value


def _whole(word: str) -> str:
    """An ASCII word matches only as a whole; Chinese has no gaps between words."""
    escaped = re.escape(word)
    return rf"(?<![\w-]){escaped}(?![\w-])" if word.isascii() else escaped


_COMMENT_OR_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
    r"|(?P<comment>[ \t]*#[^\n]*)",
    re.DOTALL,
)


def without_comments(toml: str) -> str:
    """Settings without comments; line numbers do not change."""
    return _COMMENT_OR_STRING.sub(
        lambda found: "" if found["comment"] is not None else found.group(), toml
    )
