"""Rules for dates, years, times of day, and ratios that look like times."""

from broadcast.voice.numbers import amount, count, digits
from broadcast.voice.rule import IS, TO, Found, Rule, rule

_YEAR = r"(?:1[5-9]|2[01])\d\d"
_MONTH = r"0?[1-9]|1[0-2]"
_DAY = r"0?[1-9]|[12]\d|3[01]"
_HOUR = r"[01]?\d|2[0-4]"
_OF_THE_DAY = "上午|下午|早上|早晨|晚上|中午|凌晨|傍晚"
# What follows a day: 1/3 of something is a share, 1/3 上午 is a date.
_AFTER_A_DAY = (
    r"\d{1,2}[:点]|停|起(?!居)|当天|全天|晚|凌晨|中午|上午|下午|早上|早晨"
    r"|\(?(?:周[一二三四五六日]|星期)"
)
_OF_A_RATIO = "比例|配比|比分|之比|比值|比率"
MONTHS, NOON, EVENING, MORNING = 12, 12, 18, 6


def _date(found: Found) -> str:
    return _spoken(found[2], found[3], found[1])


def _spoken(month: str, day: str, year: str = "") -> str:
    return (f"{digits(year)}年" if year else "") + f"{amount(month)}月{amount(day)}日"


def _year_last(found: Found) -> str:
    """Read 30/11/2026; if both may be the month, the month comes first, as in Chinese."""
    first, second, year = found[1], found[3], found[4]
    if int(first) > MONTHS:
        first, second = second, first
    return _spoken(first, second, year) if int(first) <= MONTHS else found.group()


def _time(found: Found) -> str:
    return clock(*found.group(1, 2, 3))


def clock(hour: str, minute: str | None, second: str | None = None) -> str:
    """A time of day; whole hours have no minutes."""
    said = count(str(int(hour))) + "点"
    if int(minute or 0) or int(second or 0):
        said += two(minute or "0") + "分"
    return said + (two(second) + "秒" if int(second or 0) and second else "")


def two(number: str) -> str:
    """Minutes and seconds: 05 is 零五."""
    return ("零" if number.startswith("0") and int(number) else "") + amount(number)


def _half_day(found: Found) -> str:
    """Read 10:30 pm; a half of the day that precedes it (下午) is not said twice."""
    said, hour, minute, half = found[1], int(found[2]), found[3], found[4] or found[5]
    if said or hour > NOON:
        return (said or "") + clock(str(hour), minute)
    since_midnight = hour % NOON + (NOON if half in "pP" else 0)
    return _part_of_day(since_midnight) + clock(str(hour if since_midnight else 0), minute)


def _part_of_day(hour: int) -> str:
    if hour == NOON:
        return "中午"
    if hour > NOON:
        return "下午" if hour < EVENING else "晚上"
    return "凌晨" if hour < MORNING else "上午"


def _ratio(text: str) -> str:
    return "比".join(map(amount, text.split(":")))


RULES: tuple[Rule, ...] = (
    rule(rf"(?<!\d)(\d{{4}})[-/.年]({_MONTH})[-/.月]({_DAY})(?:日|(?!\d))", _date),
    rule(rf"(?<![\d./-])({_DAY})([-/.])({_DAY})\2((?:19|20)\d\d)(?!\d)年?", _year_last),
    rule(
        rf"(?<!\d)({_YEAR})[-/]({_MONTH})(?:月|(?![\d-]))",
        lambda m: f"{digits(m[1])}年{amount(m[2])}月",
    ),
    rule(rf"(?<!\d)({_YEAR}){TO}(?={_YEAR}年)", lambda m: digits(m[1]) + "至"),
    rule(rf"(?<!\d)({_YEAR}|0\d|9\d)(?=年)", lambda m: digits(m[1])),
    rule(
        rf"(?<![\d.-])((?:19|20)\d\d){TO}((?:19|20)\d\d)(?![\d.-]|\s?[元个次人户米吨度])",
        lambda m: f"{digits(m[1])}至{digits(m[2])}",
    ),
    # 24/7 is not a date.
    rule(r"(?<![\d./])(?:24/7|7/24)(?![\d./])(?:\s?小时)?", lambda _: "七乘二十四小时"),
    rule(
        rf"((?:日期|时间|截止|截至|有效期){IS})({_MONTH})/({_DAY})(?![\d/])(?:[日号](?!楼))?",
        lambda m: m[1] + _spoken(m[2], m[3]),
    ),
    rule(
        rf"(?<![\d./])({_MONTH})/({_DAY})(?:[日号](?!楼|线|院|门)|(?=\s*(?:{_AFTER_A_DAY})))",
        lambda m: _spoken(m[1], m[2]),
    ),
    rule(
        r"(?<![\d./])(0?[2-9]|1[0-2])/(1[3-9]|2\d|3[01])(?![\d./]|\s?[的以处人户家%])",
        lambda m: _spoken(m[1], m[2]),
    ),
    rule(
        rf"(?<![\d.-])({_MONTH})-({_DAY})(?=\s+(?:{_HOUR}):[0-5]\d)",
        lambda m: _spoken(m[1], m[2]),
    ),
    # Ratios, then times: 14:30, 8:05:30, 10:30 pm, 2点半, 8点05分.
    rule(
        rf"((?:{_OF_A_RATIO})[为是约:]?\s?)(\d+(?::\d+)+)(?![\d:])",
        lambda m: m[1] + _ratio(m[2]),
    ),
    rule(
        rf"(?<![\d:.])\d+(?::\d+)+(?=\s?的?(?:{_OF_A_RATIO}|稀释|兑水|大胜|战胜|获胜|领先|落后))",
        lambda m: _ratio(m[0]),
    ),
    rule(
        rf"({_OF_THE_DAY})?\s?(?<![\d:.])(1\d|2[0-3]|0?\d)(?::([0-5]\d))?\s?"
        r"(?:([AaPp])[Mm]|([AaPp])\.[Mm]\.)(?![A-Za-z])",
        _half_day,
    ),
    rule(rf"(?<![\d:.])({_HOUR}):([0-5]\d)(?::([0-5]\d))?(?![\d:])(?:分(?!钟))?", _time),
    rule(r"(?<![\d.])0?2(?=点(?!\d)|点\d+分)", lambda _: "两"),
    rule(r"(?<=[点时])(\d\d?)(?=分)", lambda m: two(m[1])),
)
