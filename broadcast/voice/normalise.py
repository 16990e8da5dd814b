"""Turns Chinese text into what is read aloud: characters and pauses, no digit, letter or sign.

    normalise("2026年3月1日14:30，3号楼2单元501室停水")
    → 二零二六年三月一日十四点三十分，三号楼二单元五零幺室停水

Pure. Rules are tried in the order of `RULES`, the most specific first; each turns what it knows
into characters, so that no later rule meets it again. Normalising the result changes nothing.
"""

import re
import unicodedata

from broadcast.voice import dates, identifiers, quantities
from broadcast.voice.numbers import phone
from broadcast.voice.readings_zh import (
    FORMULAS,
    LETTERS,
    PAUSES,
    PLATE_ENDS,
    PROVINCES,
    ROMAN,
    ROMAN_NUMERALS,
    SIGNS,
    STRENGTH,
    UNITS,
    UNITS_ALONE,
    WORDS,
)
from broadcast.voice.rule import (
    HAN_NUMBER,
    LETTER_BEGINS,
    LETTER_ENDS,
    Found,
    Rule,
    letters,
    rule,
)


def normalise(text: str) -> str:
    """The text as it is read aloud; empty if there is nothing to read."""
    said = _plain(text)
    for pattern, say in RULES:
        said = pattern.sub(say, said)
    return _breath(_only_said(said))


def _plain(text: str) -> str:
    """One form of each sign (NFKC), and ASCII digits only."""
    for sign, number in ROMAN.items():
        text = text.replace(sign, number)
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(map(_ascii_digit, plain)).translate(_ONE_WAY)
    return re.sub(r"[^\S\n]+", " ", plain)


_ONE_WAY = str.maketrans({"〇": "零", "−": "-", "–": "-", "⁄": "/", "\r": "\n", "⋅": "·", "‧": "·"})


def _ascii_digit(sign: str) -> str:
    if sign.isascii():
        return sign
    value = unicodedata.digit(sign, None)
    return sign if value is None else str(value)


def _plate(found: Found) -> str:
    letter, number = LETTERS[found.group(2).upper()], found.group(3)
    said = "".join(phone(each) or LETTERS.get(each.upper(), each) for each in number)
    return f"{found.group(1)}{letter}，{said}"


def _word(found: Found) -> str:
    return WORDS.get(found.group().lower()) or letters(found.group())


_ROMAN = "|".join(sorted(ROMAN_NUMERALS, key=len, reverse=True))
_OF_A_LEVEL = "级|类|期|度|号|区|段|标|档|阶段"
_FORMULA = "|".join(sorted(FORMULAS, key=len, reverse=True))
_ALONE = "|".join(re.escape(unit) for unit in sorted(UNITS_ALONE, key=len, reverse=True))

RULES: tuple[Rule, ...] = (
    # Words with digits, and numbers that are written in letters.
    rule(r"(?i)(?<![a-z])(?:pm2\.5|pm10|covid-19|co2|wi-fi)(?![a-z0-9])", _word),
    rule(rf"(?<![A-Za-z])(?:{_FORMULA})(?![A-Za-z0-9])", lambda m: FORMULAS[m[0]]),
    rule(r"(?<=[\d.])\s?Cel(?![A-Za-z])", lambda _: "°C"),
    rule(
        rf"(?<![A-Za-z0-9])({_ROMAN})"
        rf"(?=(?:\s?[、,~至到和或-]\s?(?:{_ROMAN}))*\s?(?:{_OF_A_LEVEL}))",
        lambda m: str(ROMAN_NUMERALS[m[1]]),
    ),
    rule(r"(?<![A-Za-z0-9])(I{1,3}|IV)(?=型)", lambda m: str(ROMAN_NUMERALS[m[1]])),
    # Plates: 京A·12345, 粤BD12345.
    rule(
        rf"([{PROVINCES}])\s?([A-Z])\s?[·•. -]?\s?([A-Z0-9]{{4,6}}[{PLATE_ENDS}]?)(?![A-Z0-9])",
        _plate,
    ),
    *dates.RULES,
    *identifiers.RULES,
    *quantities.RULES,
    # Signs and letters.
    rule(rf"(?<![A-Za-z])(?:{_ALONE})(?![A-Za-z])", lambda m: UNITS[m[0]]),
    rule("|".join(map(re.escape, SIGNS)), lambda m: SIGNS[m[0]]),
    rule(r"[A-Za-z]+", _word),
    rule(rf"(?<=[{LETTER_ENDS}])\.(?=[{LETTER_BEGINS}])", lambda _: "点"),
    rule(
        r"(?<=[元角分米升克吨斤次度瓦时方])/\(?(?=[度天月年个人户吨升米千小平立次分秒斤公车辆台])",
        lambda _: "每",
    ),
    rule(
        rf"(?<=[{HAN_NUMBER}点分日号月年时楼层元度米室周])\s?(?:-{{1,2}}|~|—{{1,2}})\s?"
        rf"(?=[{HAN_NUMBER}两负周星晚早中凌上下次当])",
        lambda _: "至",
    ),
    rule(r"\.{2,}", lambda _: "，"),
)


def _only_said(text: str) -> str:
    return "".join(sign if _is_han(sign) else PAUSES.get(sign, "") for sign in text)


def _is_han(sign: str) -> bool:
    return "㐀" <= sign <= "䶿" or "一" <= sign <= "鿿" or "\U00020000" <= sign <= "\U0003ffff"


def _breath(text: str) -> str:
    """Of adjacent signs keep the strongest; none before the first word."""
    marks = f"[{STRENGTH}]"
    kept = re.sub(f"{marks}{{2,}}", lambda found: max(found.group(), key=STRENGTH.index), text)
    return re.sub(f"^{marks}+", "", kept)
