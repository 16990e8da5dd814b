"""CAP 1.2: turns a public warning into something to say, or into nothing. Pure.

A test, an exercise, a draft, a system message or one that is not public never plays by itself. Of
several `info`s one is said: in Chinese if there is one, and among those the gravest.
"""

import contextlib
import datetime
import hashlib
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from broadcast.order import ID_CHARS_MAX, TEXT_CHARS_MAX, ZONES_MAX, OrderClass
from broadcast.policy.cap_document import CapFields, CapInfo, parse_document, single_field
from broadcast.policy.guard import ZoneMap
from gateway.errors import UsageError

# A headline gets at least this much of the text, however long the instruction is.
TITLE_CHARS_MIN = 60

# A shorter description says nothing.
DESCRIPTION_CHARS_MIN = 30

_SEVERITIES = ("Minor", "Moderate", "Severe", "Extreme")
# From the least to the gravest; `Unknown` and anything else come before them.
_URGENCIES = ("Past", "Future", "Expected", "Immediate")

_CHINESE = re.compile("[\u4e00-\u9fff]")
_SENTENCE = re.compile(r"[。！？；!?;]|\.(?=\s)")
_CLAUSE = re.compile(r"[，、：,:]\s?|\s")
_CODE = re.compile(r"[0-9]{2,}")


class CapWarning(NamedTuple):  # `Warning` is Python's own
    """One warning: `text` to say; `ends` the ids that it updates or cancels.

    `sounds` is False if it is no actual alarm or not meant for everybody; a cancel only ends
    others. Instants are UTC: before `begins_ns` it is not to be said yet, from `expires_ns` on it
    is no longer true. `areas` are the names and codes of where it holds.
    """

    id: str
    sounds: bool
    cls: OrderClass
    text: str
    ends: tuple[str, ...]
    language: str
    begins_ns: int | None
    expires_ns: int | None
    areas: tuple[str, ...]


def parse_warning(raw: bytes | str, now_ns: int | None = None) -> CapWarning:
    """Parse a document; UsageError says what is wrong with it.

    An `info` that has expired at `now_ns` is left out while another one in its language holds.
    """
    alert, infos = parse_document(raw)
    kind, status = single_field(alert, "msgType"), single_field(alert, "status")
    if kind not in {"Alert", "Update", "Cancel"}:
        raise UsageError("broadcast.cap-kind", kind=kind[:40])
    info = _chosen(infos, now_ns)
    said = status == "Actual" and single_field(alert, "scope", "Public") == "Public" and bool(infos)
    sounds = said and kind != "Cancel"
    text = _said(info.fields)
    if sounds and not text:
        raise UsageError("broadcast.cap-lacks", name="headline, event, description, instruction")
    name = warning_order_id(single_field(alert, "sender"), single_field(alert, "identifier"))
    # A warning goes on if its update is not to be heard.
    ends = status == "Actual" and (kind == "Cancel" or (kind == "Update" and said))
    return CapWarning(
        id=name,
        sounds=sounds,
        cls=_class(info.fields),
        text=text,
        ends=tuple(each for each in _referred(alert) if each != name) if ends else (),
        language="zh" if _CHINESE.search(text) else "en",
        begins_ns=_begins(info.fields),
        expires_ns=_instant(info.fields, "expires"),
        areas=info.areas,
    )


def warning_order_id(sender: str, identifier: str) -> str:
    """The warning's id as an order; two warnings never share one."""
    whole = f"cap-{sender}-{identifier}"
    plain = "".join(c if c.isalnum() or c in "-._@" else "-" for c in whole)
    if plain == whole and len(whole) <= ID_CHARS_MAX:
        return plain
    mark = hashlib.sha256(whole.encode()).hexdigest()[:12]
    return f"{plain[: ID_CHARS_MAX - len(mark) - 1]}-{mark}"


def warning_zones(
    warning: CapWarning, areas: Mapping[str, Collection[str]], house: ZoneMap
) -> list[str]:
    """The zones that the settings assign to its areas; otherwise all."""
    named = {
        zone
        for key, zones in areas.items()
        if any(_concerns(key, area) for area in warning.areas)
        for zone in zones
    }
    found = [zone for zone in house.zones if zone in named and house.zones[zone].speakers]
    return found[:ZONES_MAX] or _everywhere(house, urgent=warning.cls.urgent)


def _everywhere(house: ZoneMap, *, urgent: bool) -> list[str]:
    """As few zones as cover all loudspeakers; `near` zones only for an emergency."""
    zones = [each for each in house.zones.values() if urgent or each.sound != "near"]
    left, found = house.speakers([each.id for each in zones]), list[str]()
    for zone in sorted(zones, key=lambda each: -len(each.speakers)):
        if zone.speakers & left and len(found) < ZONES_MAX:
            found.append(zone.id)
            left -= zone.speakers
    return found


def _concerns(key: str, area: str) -> bool:
    """Whether an area is, holds or lies in the area that the settings call `key`.

    Codes of administrative divisions grow from the left: 110105 contains 110105031.
    """
    mine, theirs = _code(key), _code(area)
    if mine and theirs:
        return mine.startswith(theirs) or theirs.startswith(mine)
    return key == area


def _code(word: str) -> str:
    """A code without its padding; empty for a name."""
    digits = word.replace("-", "").replace(" ", "")
    return re.sub(r"(00)+$", "", digits) if _CODE.fullmatch(digits) else ""


def _class(info: CapFields) -> OrderClass:
    urgency, severity = single_field(info, "urgency", ""), single_field(info, "severity", "")
    if urgency == "Immediate" and severity in {"Extreme", "Severe"}:
        return OrderClass.EMERGENCY
    if urgency in {"Immediate", "Expected"} and severity in {"Extreme", "Severe", "Moderate"}:
        return OrderClass.URGENT
    return OrderClass.NOTICE


def _chosen(infos: Collection[CapInfo], now_ns: int | None) -> CapInfo:
    """Choose one in Chinese if any is, then one that holds, the gravest, and the first."""
    alike = [info for info in infos if _CHINESE.search(_said(info.fields))] or list(infos)
    holding = [info for info in alike if not _over(info.fields, now_ns)]
    return max(holding or alike, key=_gravity, default=CapInfo({}, ()))


def _gravity(info: CapInfo) -> tuple[int, int, int]:
    severity, urgency = (
        single_field(info.fields, "severity", ""),
        single_field(info.fields, "urgency", ""),
    )
    return _class(info.fields), _rank(severity, _SEVERITIES), _rank(urgency, _URGENCIES)


def _rank(word: str, words: tuple[str, ...]) -> int:
    return words.index(word) if word in words else -1


def _over(info: CapFields, now_ns: int | None) -> bool:
    try:
        expires_ns = _instant(info, "expires")
    except UsageError:
        return False  # if it is the one that is said, this will be reported
    return now_ns is not None and expires_ns is not None and expires_ns <= now_ns


def _begins(info: CapFields) -> int | None:
    """When it comes into force; a notice waits for its subject, a warning must come before it.

    An unreadable instant does not delay a warning.
    """
    names = ("effective", "onset") if _class(info) is OrderClass.NOTICE else ("effective",)
    found = []
    for name in names:
        with contextlib.suppress(UsageError):
            found.append(_instant(info, name))
    return max((each for each in found if each is not None), default=None)


def _instant(info: CapFields, name: str) -> int | None:
    """An instant of the `info`, if it is given; an unreadable one may have passed already."""
    text = single_field(info, name, "")
    if not text:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError("broadcast.cap-bad", reason=f"{name} {text[:40]}") from error
    if moment.tzinfo is None:
        raise UsageError("broadcast.cap-bad", reason=f"{name} {text[:40]}")
    return int(moment.timestamp()) * 1_000_000_000


def _said(info: CapFields) -> str:
    """What is the matter and what to do; the description is shortened to make room."""
    do = single_field(info, "instruction", "")
    title = single_field(info, "headline", "") or single_field(info, "event", "")
    do = _shortened(do, TEXT_CHARS_MAX - min(len(title), TITLE_CHARS_MIN) - 1)
    title = _shortened(title, TEXT_CHARS_MAX - len(do) - 1)
    what, room = single_field(info, "description", ""), TEXT_CHARS_MAX - len(title) - len(do) - 2
    if len(what) > room:
        what = _shortened(what, room) if room >= DESCRIPTION_CHARS_MIN else ""
    return " ".join(filter(None, (title, what, do)))


def _shortened(text: str, most: int) -> str:
    """At most that many characters: to the end of a sentence, else of a clause, else cut off."""
    if len(text) <= most:
        return text
    cut = text[: max(0, most)]
    for end in (_SENTENCE, _CLAUSE):
        ends = [found.end() for found in end.finditer(cut)]
        if ends and ends[-1] * 3 >= most:
            return cut[: ends[-1]].rstrip(" ，、：,:")
    return cut


def _referred(alert: CapFields) -> tuple[str, ...]:
    """The ids in `references`: `sender,identifier,sent`, separated by blanks."""
    named = (each.split(",") for each in single_field(alert, "references", "").split())
    return tuple(warning_order_id(parts[0], parts[1]) for parts in named if len(parts) > 1)
