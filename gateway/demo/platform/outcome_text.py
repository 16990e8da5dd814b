"""Why a command ended so, in words: the receipt by the station's own catalogue."""

from typing import Any

from gateway.texts import Texts, catalogue, placeholders

WORDS = Texts("zh")
# What a change of the settings may have against it, one by one.
LISTS = ("mistakes", "troubles")


def explain_outcome(code: str, detail: Any) -> list[str]:
    """The reason, then each thing that stands in a list of the detail; empty without a text."""
    told = detail if isinstance(detail, dict) else {}
    lines = [_one(code, told)]
    for name in LISTS:
        lines += [_listed(each) for each in told.get(name, ())]
    return [line for line in lines if line]


def _listed(each: dict[str, Any]) -> str:
    line = f"第 {each['line']} 行 " if each.get("line") else ""
    path = f"{each['path']}：" if each.get("path") else ""
    data = each["data"] if isinstance(each.get("data"), dict) else each
    return line + path + (_one(each["code"], data) or each["code"])


def _one(code: str, data: dict[str, Any]) -> str:
    """The text; empty where there is none, or where it wants to be told more."""
    text = catalogue(WORDS.lang).get(code)
    return "" if text is None or placeholders(text) - data.keys() else WORDS.say(code, **data)
