"""The type of a reading rule, and the parts of patterns that several rules share."""

import re
from collections.abc import Callable

from broadcast.voice.readings_zh import LETTERS, UNITS

Found = re.Match[str]
Rule = tuple[re.Pattern[str], Callable[[Found], str]]

N = r"\d+(?:\.\d+)?"
TO = r"\s*(?:-{1,2}|~|—{1,2}|至|到)\s*"
UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
IS = r"[为是:：\s]{0,3}"
HAN = "一-鿿"
HAN_NUMBER = "零一二三四五六七八九十百千万"
LETTER_ENDS = "".join(sorted({name[-1] for name in LETTERS.values()}))
LETTER_BEGINS = "".join(sorted({name[0] for name in LETTERS.values()}))


def rule(pattern: str, say: Callable[[Found], str]) -> Rule:
    """A rule that replaces what matches the pattern."""
    return re.compile(pattern), say


def to(found: Found) -> str:
    """到 stays as it is; a dash or 至 becomes 至."""
    return "到" if "到" in found.group() else "至"


def letters(text: str) -> str:
    """The names of its letters."""
    return "".join(LETTERS.get(each.upper(), "") for each in text)
