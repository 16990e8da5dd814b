"""Rules for numbers that name something: telephones, codes, houses, floors, flats."""

import re

from broadcast.voice.numbers import amount, ordinal, phone
from broadcast.voice.readings_zh import LETTERS
from broadcast.voice.rule import HAN, HAN_NUMBER, IS, Found, Rule, letters, rule

# A number before one of these is an amount, whatever else it looks like.
_OF_AN_AMOUNT = (
    "[元个次人户米吨度台辆件万亿千岁折块多余名位%‰°]|分(?!机)|公里|小时|天|平方|平米|立方|mm"
)
NOT_AN_AMOUNT = rf"(?!\d|\.\d|\s?(?:{_OF_AN_AMOUNT}))"
_EXTENSION = r"(?:\s?[,，-]?\s?(?:转|分机号?|[Ee]xt\.?)[:\s]{0,2}\d{1,6}|-\d{1,5}(?!\d))?"
_LOCAL = r"(?:\d{7,8}|\d{3,4}[- ]\d{4})"
_CALL = r"(?:电话|热线|拨打|致电|手机|号码|联系|呼叫|拨|打)(?:号码?)?"
_DIGITS = r"(?=(?:[ -]?\d){3})\d[\d -]{1,14}\d"
_OR = r"\s?(?:[、,/;]|或者?|和|及|与)\s?(?:拨打|打|拨)?"

# Numbers of three digits may be amounts: these need a word beside them, or one another.
EMERGENCY = r"(?:1(?:10|12|14|19|20|22)|999)"
_SAID_EMERGENCIES = "幺幺零|幺幺二|幺幺四|幺幺九|幺二零|幺二二|九九九"
_CUE = "火警|匪警|报警|急救|救护|消防|警方|警察|公安|交警|民警|医疗|求助|求救|救援|应急|紧急|查号"
_LINE = (
    "热线|急救|报警|火警|匪警|电话|服务台|指挥|接警|出警|民警|警察|交警|公安|消防|救护|抢救|救援"
    "|求助|平台|调度|查号|来电"
)
_LINES = r"(?:10086|9[56]\d{3}|96\d{4}|11185|11183|12(?:3(?!00)\d\d|110|117|119|121))"
_NUMBERED = (
    "尾号|编号|单号|账号|卡号|工号|房号|证号|户号|表号|学号|床号|批号|机号|流水号|序列号|会员号"
)
_NAMED = (
    rf"{_NUMBERED}|验证码|校验码|取件码|取货码|取餐码|取餐号|核销码|识别码|编码|密码|邮编|代码|口令"
    r"|车牌号?"
)


def _grouped(number: str) -> str:
    """A pause at each separator; a mobile's eleven digits as 3, 4, 4; an extension is named."""
    number, *extension = re.split(r"[,，\s-]*(转|分机号?|[Ee]xt\.?)[:\s]*", number)
    number = re.sub(r"^\(?\+?86\)?[- ]?(?=1\d{2})", "", number)
    if (found := re.match(r"^\(?\+86\)?[- ]?\(?(?=[1-9])", number)) is not None:
        number = "0" + number[found.end() :]
    if re.fullmatch(r"1\d{10}", number):
        number = f"{number[:3]}-{number[3:7]}-{number[7:]}"
    said = "，".join(phone(part) for part in re.split(r"[^\d]+", number) if part)
    if extension:
        said += "，" + ("转" if extension[0] == "转" else "分机") + phone(extension[1])
    return said


def _phone(found: Found) -> str:
    return _grouped(found.group())


def _called(found: Found) -> str:
    return found[1] + _each(found[2])


def _each(numbers: str) -> str:
    """Several numbers: what stands between them is kept, and read later."""
    said = re.sub(rf"{_DIGITS}{_EXTENSION}", lambda number: _grouped(number.group()), numbers)
    return said.replace("/", "，")


def _range_or_phone(found: Found) -> str:
    """6470-0000 is a telephone, 3000-5000 is a range."""
    first, last = found.group().split("-")
    rises = int(first) < int(last) and not last.startswith("0")
    years = first[:2] in {"19", "20"}
    return found.group() if rises and (years or last.endswith("0")) else _grouped(found.group())


def _flat(found: Found) -> str:
    """3-2-501: house, entrance, flat, read as written."""
    return f"{ordinal(found[1])}杠{ordinal(found[2])}杠{phone(found[3])}"


def _code(found: Found) -> str:
    between = {" ": "，"}
    return found[1] + "".join(
        phone(sign) if sign.isdigit() else LETTERS.get(sign.upper(), between.get(sign, "杠"))
        for sign in found[2]
    )


RULES: tuple[Rule, ...] = (
    # Cards, mobiles, land lines, service numbers.
    rule(r"(?<![\d.,-])\d{4}(?: \d{4}){2,4}(?! ?\d)", _phone),
    rule(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)", _phone),
    rule(r"(?<!\d)1[3-9]\d\*{2,6}\d{3,4}(?!\d)", _phone),
    rule(
        rf"(?<!\d)\(?\+86\)?[- ]?\(?(?:10|2\d|[3-9]\d\d)\)?[- ]?{_LOCAL}{_EXTENSION}(?!\d)", _phone
    ),
    rule(rf"(?<!\d)\(?0\d{{2,3}}\)?[- ]?{_LOCAL}{_EXTENSION}(?!\d)", _phone),
    rule(r"(?<!\d)\(?0\d{2,3}\)?[- ](?:1[12]\d|12\d{3}|9[56]\d{3,4})(?!\d)", _phone),
    rule(rf"(?<!\d)[48]00[- ]?\d{{3,4}}[- ]?\d{{3,4}}{_EXTENSION}(?!\d)", _phone),
    rule(
        rf"({_CALL}{IS})({_DIGITS}{_EXTENSION}(?:{_OR}{_DIGITS}{_EXTENSION}){{0,5}})"
        + NOT_AN_AMOUNT,
        _called,
    ),
    rule(rf"(?<!\d)[2-8]\d{{6,7}}(?=\s?(?:转|分机)){_EXTENSION}", _phone),
    rule(
        rf"(?<![\d.-])(?!19|20)[2-8]\d{{3}} \d{{4}}{_EXTENSION}" + NOT_AN_AMOUNT,
        _phone,
    ),
    rule(rf"(?<![\d.-])[2-8]\d{{3}}-\d{{4}}(?![\d-]){NOT_AN_AMOUNT}", _range_or_phone),
    rule(
        r"(转|分机号?|内线|[Ee]xt\.?)[:\s]{0,2}(\d{2,6})(?!路|号)" + NOT_AN_AMOUNT,
        lambda m: ("分机" if m[1].lower().startswith("ext") else m[1]) + phone(m[2]),
    ),
    # Emergency numbers: beside a word for them, or beside one another.
    rule(
        rf"((?:{_CUE})(?:电话|热线|号码|中心|部门)?[为是:,(\s]{{0,3}})"
        rf"({EMERGENCY}(?:{_OR}{EMERGENCY}){{0,5}}){NOT_AN_AMOUNT}",
        _called,
    ),
    rule(
        rf"(?<![\d.压糖值在约第]){EMERGENCY}(?:(?:{_OR}|\s){EMERGENCY}){{1,5}}{NOT_AN_AMOUNT}(?!\s?之间)",
        lambda m: _each(re.sub(r"(?<=\d) (?=\d)", "、", m[0])),
    ),
    rule(rf"(?<![\d.]){EMERGENCY}(?=\s?(?:{_LINE}))", _phone),
    rule(
        rf"(?<={_SAID_EMERGENCIES})((?:{_OR}{EMERGENCY}){{1,5}}){NOT_AN_AMOUNT}",
        lambda m: _each(m[1]),
    ),
    rule(rf"(?<![\d.,¥$€£第]){_LINES}{NOT_AN_AMOUNT}", _phone),
    # Codes.
    rule(
        rf"((?:{_NAMED}){IS})"
        r"([A-Za-z0-9]+(?:-[A-Za-z0-9]+)*(?: \d{2,5}(?![\d号栋楼年月日点:.元个%]))*)",
        _code,
    ),
    rule(r"(?<=[零幺二三四五六七八九])#|(?<=按)#|#(?=号?键)", lambda _: "井"),
    rule(r"(?i)(?<![a-z])no\.?\s?(\d+)(?![\d.])号?", lambda m: ordinal(m[1]) + "号"),
    rule(rf"(?<![\d.,-])\d{{3,4}}(?: \d{{3,4}}){{1,5}}(?! ?\d|\s?-){NOT_AN_AMOUNT}", _phone),
    # Houses, entrances, floors, flats.
    rule(
        rf"(?<![A-Za-z])([A-Za-z])(\d{{1,2}})\s?[-~—至到]\s?(?=\1\d{{1,2}}[{HAN}])",
        lambda m: letters(m[1]) + amount(m[2]) + "至",
    ),
    rule(r"(?<![\d.-])(\d{1,3})-(\d{1,2})-(\d{3,4})(?![\d-])", _flat),
    rule(r"(?<=[号楼栋幢座])-(?=\d{1,2}(?:单元|门)|\d{3,4}(?!\d|号|栋|幢))", lambda _: "，"),
    rule(r"(?<=单元)-(?=\d{3,4}(?!\d))", lambda _: "，"),
    rule(r"(\d+)\s?#(?=\s?[楼栋座机门])", lambda m: ordinal(m[1]) + "号"),
    rule(r"(?<=单元[，,])(\d{3,4})(?!\d)", lambda m: phone(m[1])),
    rule(r"(?<=单元)(\d{3,4})(?!\d)", lambda m: phone(m[1])),
    rule(rf"(?<=号[楼院])(\d{{3,4}}){NOT_AN_AMOUNT}", lambda m: phone(m[1])),
    rule(
        r"(?<![\d.])(\d{3,4})(?=(?:[、,/和或至到~-]\d{3,4}){1,9}(?:室|房(?!子)|号[楼院]|栋|幢))",
        lambda m: phone(m[1]),
    ),
    rule(r"(?<![\d.])(\d{3,4})(?=室|房|户(?:主|内|门|漏|停))", lambda m: phone(m[1])),
    rule(r"(?<![\d.])(\d+)(?=号|栋|幢|弄|路(?!人))", lambda m: ordinal(m[1])),
    rule(
        rf"(?:(?<![\d.\w])|(?<=[楼梯地下在到场库至])(?<![\d{HAN_NUMBER}]楼))-([1-9])(?=[层楼])",
        lambda m: "负" + amount(m[1]),
    ),
    rule(r"(?<![A-Za-z])([A-Z])-(?=[A-Z][座栋区口])", lambda m: letters(m[1]) + "至"),
    rule(r"(?<=第)(\d+)", lambda m: amount(m[1])),
)
