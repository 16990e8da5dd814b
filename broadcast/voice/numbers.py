"""How numbers are said in Mandarin: as an amount, by digit, or as a telephone number."""

from itertools import pairwise

DIGITS = "零一二三四五六七八九"
# 一 and 七 sound alike on a bad line: telephones, rooms and plates say 幺.
ON_THE_PHONE = "零幺二三四五六七八九"

_PLACES = ("千", "百", "十", "")
_GROUPS = ("兆", "亿", "万", "")
_AMOUNT_DIGITS_MAX = 16


def digits(number: str, names: str = DIGITS) -> str:
    """One name for each digit; other characters are skipped."""
    return "".join(names[int(each)] for each in number if "0" <= each <= "9")


def phone(number: str) -> str:
    """Digit by digit, 一 as 幺."""
    return digits(number, ON_THE_PHONE)


def amount(number: str) -> str:
    """A whole number or a decimal fraction: 10203.5 → 一万零二百零三点五."""
    whole, _, rest = number.replace(",", "").partition(".")
    said = digits(whole) if len(whole) > _AMOUNT_DIGITS_MAX else _whole(int(whole or "0"))
    return f"{said}点{digits(rest)}" if rest else said


def count(number: str) -> str:
    """An amount before a measure word: 2 is 两."""
    return "两" if number == "2" else amount(number)


def ordinal(number: str) -> str:
    """The number of a building, a line, a house: from three digits on by digit."""
    return phone(number) if len(number) > 2 or number.startswith("0") else amount(number)  # noqa: PLR2004  # 三位数起逐位读


def _whole(number: int) -> str:
    """Groups of four digits; a gap inside is said once as 零."""
    groups = [number // 10**power % 10**4 for power in (12, 8, 4, 0)]
    said, before = "", 0
    for group, name in zip(groups, _GROUPS, strict=True):
        if group:
            skipped = bool(said) and (group < 10**3 or before == 0)
            said += ("零" if skipped else "") + _group(group, name)
        before = group
    said = said or DIGITS[0]
    return said.removeprefix("一") if said.startswith("一十") else said


def _group(group: int, name: str) -> str:
    if group == 2 and name:  # noqa: PLR2004  # 两万、两亿
        return "两" + name
    places = [int(each) for each in f"{group:04}"]
    said = ""
    for (before, place), unit in zip(pairwise([0, *places]), _PLACES, strict=True):
        if place == 0:
            continue
        if said and before == 0:
            said += "零"
        said += "两千" if (place, unit) == (2, "千") else DIGITS[place] + unit
    return said + name
