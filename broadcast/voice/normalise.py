"""Chinese text as it is read aloud: characters and pauses, no digit, no letter, no sign left.

    normalise("2026年3月1日14:30，3号楼2单元501室停水")
    → 二零二六年三月一日十四点三十分，三号楼二单元五零幺室停水

Pure. Rules are tried in the order of `RULES`, the most particular first; each turns what it knows
into characters, so that no later rule meets it again. The result read anew is the same.
"""

import re
import unicodedata
from collections.abc import Callable

from broadcast.voice.numbers import amount, count, digits, ordinal, phone
from broadcast.voice.tables import (
    CURRENCIES,
    LETTERS,
    MEASURE_WORDS,
    PAUSES,
    PLATE_ENDS,
    PROVINCES,
    ROMAN,
    SIGNS,
    STRENGTH,
    UNITS,
    WORDS,
)

Found = re.Match[str]

_N = r"\d+(?:\.\d+)?"
_TO = r"\s*(?:-{1,2}|~|—{1,2}|–|至|到)\s*"
_NO_LETTER = r"(?![A-Za-z])"
_UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))


def normalise(text: str) -> str:
    """The text as it is read aloud; empty where there is nothing to read."""
    said = _plain(text)
    for pattern, say in RULES:
        said = pattern.sub(say, said)
    return _breath(_only_said(said))


def _plain(text: str) -> str:
    """One way of writing each sign (NFKC), ASCII digits only."""
    for sign, number in ROMAN.items():
        text = text.replace(sign, number)
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(map(_ascii_digit, plain))
    plain = plain.replace("〇", "零").replace("−", "-").replace("⁄", "/").replace("\r", "\n")
    return re.sub(r"[^\S\n]+", " ", plain)


def _ascii_digit(sign: str) -> str:
    if sign.isascii():
        return sign
    value = unicodedata.digit(sign, None)
    return sign if value is None else str(value)


def _date(found: Found) -> str:
    year, month, day = found.group(1, 2, 3)
    return f"{digits(year)}年{amount(month)}月{amount(day)}日"


def _month(found: Found) -> str:
    return f"{digits(found[1])}年{amount(found[2])}月"


def _flat(found: Found) -> str:
    """3-2-501: house, entrance, flat, said as it is written."""
    return f"{ordinal(found[1])}杠{ordinal(found[2])}杠{phone(found[3])}"


def _to(found: Found) -> str:
    """到 stays what it is; a dash or 至 is 至."""
    return "到" if "到" in found.group() else "至"


def _time(found: Found) -> str:
    hour, minute, second = found.group(1, 2, 3)
    said = count(str(int(hour))) + "点"
    if int(minute) or second:
        said += _two(minute) + "分"
    return said + (_two(second) + "秒" if second else "")


def _two(number: str) -> str:
    return ("零" if number.startswith("0") and int(number) else "") + amount(number)


def _phone(found: Found) -> str:
    return _grouped(found.group())


def _grouped(number: str) -> str:
    """A pause at each separator; eleven digits of a mobile in 3, 4, 4."""
    number = re.sub(r"^\+?86[- ]?(?=1\d{2})", "", number)
    if re.fullmatch(r"1\d{10}", number):
        number = f"{number[:3]}-{number[3:7]}-{number[7:]}"
    return "，".join(phone(part) for part in re.split(r"[^\d]+", number) if part)


def _called(found: Found) -> str:
    return found.group(1) + _grouped(found.group(2))


def _code(found: Found) -> str:
    return found.group(1) + "".join(
        phone(sign) if sign.isdigit() else LETTERS.get(sign.upper(), "杠")
        for sign in found.group(2)
    )


def _plate(found: Found) -> str:
    letter, number = LETTERS[found.group(2).upper()], found.group(3)
    said = "".join(phone(each) or LETTERS.get(each.upper(), each) for each in number)
    return f"{found.group(1)}{letter}，{said}"


def _money(found: Found) -> str:
    sign, number, large = found.group(1), found.group(2).replace(",", ""), found.group(3) or ""
    whole, _, cents = number.partition(".")
    name = CURRENCIES[sign]
    if name != "元" or large or len(cents) != 2:  # noqa: PLR2004  # 角分是两位
        return f"{count(number)}{large}{name}"
    said = f"{count(whole)}元" if int(whole) or not int(cents) else ""
    if cents[0] != "0":
        said += count(cents[0]) + "角"
    return said + (amount(cents[1]) + "分" if cents[1] != "0" else "")


def _percent(found: Found) -> str:
    below, first, last, sign = found.groups()
    of = "百分之" if sign == "%" else "千分之"
    return ("负" if below else "") + (f"{of}{amount(first)}至" if first else "") + of + amount(last)


def _degrees(found: Found) -> str:
    below = "零下" if found.group(1) else ""
    return below + amount(found.group(2))


def _with_unit(found: Found) -> str:
    return count(found.group(1)) + UNITS[found.group(2)]


def _word(found: Found) -> str:
    word = found.group()
    return WORDS.get(word.lower()) or "".join(LETTERS.get(each.upper(), "") for each in word)


def _rule(
    pattern: str, say: Callable[[Found], str]
) -> tuple[re.Pattern[str], Callable[[Found], str]]:
    return re.compile(pattern), say


_YEAR = r"(?:1[5-9]|2[01])\d\d"
_MONTH = r"0?[1-9]|1[0-2]"
_DAY = r"0?[1-9]|[12]\d|3[01]"
_NOT_AN_AMOUNT = r"(?![\d.元个次人户米吨度])"
_LINE = "热线|急救|报警|火警|电话|服务台"
_DIALLED = (
    rf"(?:1(?:10|19|20|22)(?={_LINE})|10086|9[56]\d{{3}}"
    r"|12(?:345|306|315|329|366|333|348|351|355|320|369|393|119))"
)
_NUMBERED = "尾号|编号|单号|账号|卡号|工号|房号|证号|户号|表号"
_NAMED = rf"{_NUMBERED}|验证码|取件码|取货码|密码|邮编|代码|口令|车牌号?"
_IS = r"[为是:：\s]{0,3}"
_HAN_NUMBER = "零一二三四五六七八九十百千万"
_LETTER_ENDS = "".join(sorted({name[-1] for name in LETTERS.values()}))
_LETTER_BEGINS = "".join(sorted({name[0] for name in LETTERS.values()}))

RULES = (
    # words that hold digits
    _rule(r"(?i)(?<![a-z])(?:pm2\.5|pm10|covid-19|co2|wi-fi)(?![a-z0-9])", _word),
    # plates: 京A·12345, 粤BD12345
    _rule(
        rf"([{PROVINCES}])\s?([A-Z])\s?[·•. -]?\s?([A-Z0-9]{{4,6}}[{PLATE_ENDS}]?)(?![A-Z0-9])",
        _plate,
    ),
    # dates and years
    _rule(rf"(?<!\d)(\d{{4}})[-/.年]({_MONTH})[-/.月]({_DAY})(?:日|(?!\d))", _date),
    _rule(rf"(?<!\d)({_YEAR})[-/]({_MONTH})(?:月|(?![\d-]))", _month),
    _rule(rf"(?<!\d)({_YEAR}){_TO}(?={_YEAR}年)", lambda m: digits(m[1]) + "至"),
    _rule(rf"(?<!\d)({_YEAR}|0\d|9\d)(?=年)", lambda m: digits(m[1])),
    # times: 14:30, 8:05:30, 2点半, 8点05分
    _rule(r"(?<![\d:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])", _time),
    _rule(r"(?<![\d.])0?2(?=点(?!\d)|点\d+分)", lambda _: "两"),
    _rule(r"(?<=点)(\d\d?)(?=分)", lambda m: _two(m[1])),
    # numbers that one dials
    _rule(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)", _phone),
    _rule(r"(?<!\d)1[3-9]\d\*{2,6}\d{3,4}(?!\d)", _phone),
    _rule(r"(?<!\d)\(?0\d{2,3}\)?[- ]?\d{7,8}(?:[-转]\d{1,5})?(?!\d)", _phone),
    _rule(r"(?<!\d)[48]00[- ]?\d{3,4}[- ]?\d{3,4}(?!\d)", _phone),
    _rule(
        rf"((?:电话|热线|拨打|致电|手机|号码|联系|拨|打)(?:号码?)?{_IS})(\d[\d -]{{1,14}}\d)"
        + _NOT_AN_AMOUNT,
        _called,
    ),
    _rule(rf"(?<!\d){_DIALLED}{_NOT_AN_AMOUNT}", _phone),
    # numbers that only name something
    _rule(rf"((?:{_NAMED}){_IS})([A-Za-z0-9]+(?:-[A-Za-z0-9]+)*)", _code),
    _rule(r"(?<![\d.-])(\d{1,3})-(\d{1,2})-(\d{3,4})(?![\d-])", _flat),
    _rule(r"(\d+)\s?#(?=\s?[楼栋座机门])", lambda m: ordinal(m[1]) + "号"),
    _rule(r"(?<=单元)(\d{3,4})(?!\d)", lambda m: phone(m[1])),
    _rule(r"(?<![\d.])(\d{3,4})(?=室|房|户(?!人|居))", lambda m: phone(m[1])),
    _rule(r"(?<![\d.])(\d+)(?=号|栋|幢|弄|路(?!人))", lambda m: ordinal(m[1])),
    _rule(r"(?:(?<![\d.\w])|(?<=[楼梯地下在到]))-(\d+)(?=[层楼])", lambda m: "负" + amount(m[1])),
    _rule(r"(?<=第)(\d+)", lambda m: amount(m[1])),
    # money, shares, degrees, measures
    _rule(r"(HK\$|[¥$€£])\s?(\d[\d,]*(?:\.\d+)?)(万|亿|千)?", _money),
    _rule(rf"((?<![\d.\w%])-)?(?:(?<![\d.])({_N})%?{_TO})?(?<![\d.])({_N})([%‰])", _percent),
    _rule(rf"(?<![\d.A-Za-z])(-)?({_N})(?={_TO}-?{_N}\s?°)", _degrees),
    _rule(rf"(?<![\d.A-Za-z{_HAN_NUMBER}])(-)({_N})(?=\s?(?:°|摄氏度|度))", _degrees),
    _rule(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])", lambda m: m[0].replace(",", "")),
    _rule(rf"(?<![A-Za-z\d.])({_N})\s?({_UNIT})(?![A-Za-z\d])", _with_unit),
    _rule(r"(?<![\d.])(\d+)/(\d+)(?!\d)", lambda m: f"{amount(m[2])}分之{amount(m[1])}"),
    _rule(r"(?<![\d.:])(\d+):(\d+)(?![\d:])", lambda m: f"{amount(m[1])}比{amount(m[2])}"),
    # whatever number is left
    _rule(rf"(?<=[\d一-鿿]){_TO}(?=\d)", _to),
    _rule(rf"(?<![\d.\w])-(?={_N})", lambda _: "负"),
    _rule(r"(?<!\d)\d+(?:\.\d+){2,}", lambda m: "点".join(map(digits, m[0].split(".")))),
    _rule(rf"(?<![\d.])2(?={MEASURE_WORDS})", lambda _: "两"),
    _rule(r"(?<![\d.])(?:0\d+|\d{8,})(?![\d.])", lambda m: phone(m[0])),
    _rule(_N, lambda m: amount(m[0])),
    # signs and letters
    _rule("|".join(map(re.escape, SIGNS)), lambda m: SIGNS[m[0]]),
    _rule(r"[A-Za-z]+", _word),
    _rule(rf"(?<=[{_LETTER_ENDS}])\.(?=[{_LETTER_BEGINS}])", lambda _: "点"),
    _rule(
        r"(?<=[元米升克吨斤次度瓦])/(?=[度天月年个人户吨升米千小平立次分秒斤公])", lambda _: "每"
    ),
    _rule(
        rf"(?<=[{_HAN_NUMBER}点分日号月年时楼层元度米室周])\s?(?:-{{1,2}}|~|—{{1,2}}|–)\s?"
        rf"(?=[{_HAN_NUMBER}两负周星晚早上下次当])",
        lambda _: "至",
    ),
    _rule(r"\.{2,}", lambda _: "，"),
)


def _only_said(text: str) -> str:
    return "".join(sign if _is_han(sign) else PAUSES.get(sign, "") for sign in text)


def _is_han(sign: str) -> bool:
    return "㐀" <= sign <= "䶿" or "一" <= sign <= "鿿" or "\U00020000" <= sign <= "\U0003ffff"


def _breath(text: str) -> str:
    """Of signs side by side the strongest; none before the first word."""
    marks = f"[{STRENGTH}]"
    kept = re.sub(f"{marks}{{2,}}", lambda found: max(found.group(), key=STRENGTH.index), text)
    return re.sub(f"^{marks}+", "", kept)
