"""Rules for amounts: money, shares, degrees, measures, fractions, negative numbers, ranges."""

from broadcast.voice.numbers import amount, count, digits, phone
from broadcast.voice.readings_zh import CURRENCIES, LETTERS, MEASURE_WORDS, SHARES, UNITS
from broadcast.voice.rule import HAN, HAN_NUMBER, TO, UNIT, Found, N, Rule, rule, to

_SHARE = r"%\s?\[?LEL\]?|%\s?RH|%\s?VOL|\[?pp[mb]\]?|[%‰]"
_DEGREE = r"°|摄氏度|度(?!电)"
# A dash between Chinese and a number is a minus after these, and before what is only measured.
_MEASURED = "温度力从位额压差率值量数分拔平低高为是达约到至降跌减亏损幅电流功比势"
_PHYSICAL = (
    "元|角|分贝|度|摄氏|米|厘米|毫米|公里|千米|立方|平方|吨|公斤|千克|克|升"
    "|兆帕|千帕|帕|伏|安|瓦|千瓦"
)
# … and before none of these: -3号楼 names a house.
_NAMES = (
    rf"(?!{N}\s?(?:号|栋|幢|座|单元|室|户|弄|门|组|区|期|路|年|月|日|点(?!\d)|层|楼|#)"
    r"|\d+[:/]|\d+-\d)"
)
# After a number with one of these a dash means "to": 24日-26日, 3元-5元.
_COUNTED = (
    f"号楼|单元|号线|点半?|时|分钟?|秒|日|月|年|周|号|楼|层|栋|幢|座|岁|期|元|角|度|{MEASURE_WORDS}"
)
_LATIN_MONTH_ENDS = "方米时吨升"
_IMPROPER_FROM = 10


def _money(found: Found) -> str:
    below = "负" if found[1] or found[3] else ""
    number, large = found[4].replace(",", ""), found[5] or ""
    whole, _, cents = number.partition(".")
    name = CURRENCIES[found[2]]
    if name != "元" or large or len(cents) != 2:  # noqa: PLR2004  # 角分是两位
        return f"{below}{count(number)}{large}{name}"
    said = below + (f"{count(whole)}元" if int(whole) or not int(cents) else "")
    if cents[0] != "0":
        said += count(cents[0]) + "角"
    elif cents[1] != "0" and int(whole):
        said += "零"
    return said + (amount(cents[1]) + "分" if cents[1] != "0" else "")


def _share(found: Found) -> str:
    """百分之五; of a range both ends; 百万分之三十 for ppm."""
    below, first, last, sign = found.groups()
    of = SHARES["".join(sign.split()).strip("[]").replace("[", "")]
    second = of[of.find("百") :] if first and "百" in of else of
    return (
        ("负" if below else "")
        + (f"{of}{amount(first)}至" if first else "")
        + (second if first else of)
        + amount(last)
    )


def _with_unit(found: Found) -> str:
    return count(found[1]) + (found[2] or "") + UNITS[found[3]]


def _fraction(found: Found) -> str:
    """1/3 is 三分之一; a larger number before the stroke (120/80) is not a fraction."""
    above, below = int(found[1]), int(found[2])
    if below == 0 or (above > below and above >= _IMPROPER_FROM):
        return f"{amount(found[1])}，{amount(found[2])}"
    return f"{amount(found[2])}分之{amount(found[1])}"


def _eight_digits(found: Found) -> str:
    return f"{digits(found[1])}年{amount(found[2])}月{amount(found[3])}日"


RULES: tuple[Rule, ...] = (
    rule(rf"(?<=[\d{HAN_NUMBER}])(\s?(?:{_COUNTED}))\s?-{{1,2}}\s?(?=\d)", lambda m: m[1] + "至"),
    rule(
        r"((?<![\w.])-)?(HK\$|[¥$€£])\s?(-)?(\d[\d,]*(?:\.\d+)?)(万|亿|千)?",
        _money,
    ),
    # Shares; 湿度60%RH already says what it is a share of.
    rule(rf"(湿度[为是:]?\s?)({N})\s?%\s?RH(?![A-Za-z])", lambda m: f"{m[1]}百分之{amount(m[2])}"),
    rule(
        rf"((?<![\w.%])-|(?<=[{HAN}])(?<![{HAN_NUMBER}])-)?"
        rf"(?:(?<![\d.])({N})\s?(?:%|ppm)?{TO})?(?<![\d.])({N})\s?({_SHARE})(?![A-Za-z])",
        _share,
    ),
    # Negative numbers: degrees, then whatever is measured.
    rule(
        rf"(?<![\d.A-Za-z%°{HAN_NUMBER}])-({N})(?={TO}-?{N}\s?(?:{_DEGREE}))",
        lambda m: "零下" + amount(m[1]),
    ),
    rule(
        rf"(?<![\d.A-Za-z%°{HAN_NUMBER}])-({N})(?=\s?(?:{_DEGREE}))",
        lambda m: "零下" + amount(m[1]),
    ),
    rule(rf"(?<![\w.%°)\]])-(?={N}){_NAMES}", lambda _: "负"),
    rule(rf"(?<=[{_MEASURED}])-(?={N}){_NAMES}", lambda _: "负"),
    rule(
        rf"(?<=[{HAN}])(?<![{HAN_NUMBER}])-(?={N}(?:{TO}-?{N})?\s?(?:{_PHYSICAL}|(?:{UNIT})(?![A-Za-z])))",
        lambda _: "负",
    ),
    # Measures.
    rule(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])", lambda m: m[0].replace(",", "")),
    rule(
        r"(?<![A-Za-z\d.])([1-6])A(?=级|景|旅游|信用|企业|评级|单位|医院|写字楼)",
        lambda m: amount(m[1]) + LETTERS["A"],
    ),
    rule(
        r"((?:信用|等级|评为|评级|升为)[为是:]?)([1-6])A(?![A-Za-z\d])",
        lambda m: m[1] + amount(m[2]) + LETTERS["A"],
    ),
    rule(rf"(?<![A-Za-z\d.])({N})([百千万亿]{{0,2}})\s?({UNIT})(?![A-Za-z\d])", _with_unit),
    rule(
        rf"(?<=[元角分米升克吨斤次度瓦人时个台户件方])\s?/\s?\(?({UNIT})\)?(?![A-Za-z\d])",
        lambda m: "每" + UNITS[m[1]],
    ),
    rule(rf"(?<=[{_LATIN_MONTH_ENDS}])\s?[·•]\s?(?=[月天年日])", lambda _: "每"),
    # Fractions and ratios; 3/4单元 are two entrances.
    rule(
        r"(?<![\d./])(\d+)/(\d+)(?=单元|层|楼|门|组|班|期)",
        lambda m: f"{amount(m[1])}、{amount(m[2])}",
    ),
    rule(r"(?<![\d./])(\d+)/(\d+)(?!\d|\.\d|/\d)", _fraction),
    rule(
        r"(?<![\d.:])\d+(?::\d+)+(?![\d:])",
        lambda m: "比".join(map(amount, m[0].split(":"))),
    ),
    # Ranges, and days that have a name: 9·11.
    rule(r"(?<=\d)\s*-{1,2}\s*(?=\d)", lambda _: "至"),
    rule(rf"(?<=[\d{HAN}])\s*(?:~|至|到)\s*(?=\d)", to),
    rule(r"(?<=\d)\s*—{1,2}\s*(?=\d)", lambda _: "至"),
    rule(
        r"(?<![\d.])(\d{1,2})[·•](\d{1,2})(?![\d.·•]|[元个次人米度])",
        lambda m: digits(m[1]) + digits(m[2]),
    ),
    rule(r"(?<=\d)\s?[*xX]\s?(?=\d)", lambda _: "乘"),
    # Whatever number is left.
    rule(r"(?<!\d)\d+(?:\.\d+){2,}", lambda m: "点".join(map(digits, m[0].split(".")))),
    rule(rf"(?<![\d.])2(?={MEASURE_WORDS})", lambda _: "两"),
    rule(r"(?<![\d.])(20[0-4]\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?![\d.])", _eight_digits),
    rule(r"(?<![A-Za-z])([A-Z]{1,2})(\d{3,})(?![\d.%])", lambda m: m[1] + phone(m[2])),
    rule(r"(?<![\d.])(?:0\d+|\d{8,})(?![\d.])", lambda m: phone(m[0])),
    rule(N, lambda m: amount(m[0])),
)
