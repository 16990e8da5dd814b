"""Acts in words: names instead of ids, the station's time, a word for each act."""

from collections.abc import Mapping

import msgspec

from gateway.audit import ActResult
from gateway.audit.act_history import PastAct
from gateway.event import Trust
from gateway.web.i18n import Translator
from gateway.web.page_header import written_text

MARKS = {
    ActResult.DONE: ("ok", "s-ok"),
    ActResult.REFUSED: ("warn", "warning"),
    ActResult.FAILED: ("bad", "s-bad"),
}
LOOPBACK = frozenset({"127.0.0.1", "::1"})
GROUPS = ("alarm", "signin", "keys", "clock", "private", "settings", "command")


class ActRow(msgspec.Struct, frozen=True):
    """One act on a page."""

    n: int
    when: str
    trust: str
    who: str
    what: str
    on: str
    where: str
    mark: tuple[str, str, str]
    why: str


class ActFilter(msgspec.Struct, frozen=True):
    """What a reader wants to see; empty means everything."""

    who: str = ""
    group: str = ""
    result: str = ""

    def __call__(self, past: PastAct) -> bool:
        """Whether the filter includes the act."""
        act = past.act
        return (
            self.who in ("", act.who.id)
            and (not self.group or act.what.startswith(f"{self.group}/"))
            and self.result in ("", act.result.value)
        )


def act_row(past: PastAct, names: Mapping[str, str], words: Translator, timezone: str) -> ActRow:
    """The act in words."""
    act = past.act
    result = words(f"desk.result-{act.result.value}")
    return ActRow(
        n=act.n,
        when=written_text(past.time, past.at_ms, timezone, words),
        trust=words(f"trust.{Trust(past.trust).value}"),
        who=_who(past, names, words),
        what=_said(f"act.{act.what.replace('/', '-')}", act.what, words),
        on=names.get(act.on, act.on),
        where=_where(past, words),
        mark=(*MARKS[act.result], result),
        why=" ".join(filter(None, [_why(act.why, words), _alike(act.alike, words)])),
    )


def _who(past: PastAct, names: Mapping[str, str], words: Translator) -> str:
    who = past.act.who
    if who.id in names:
        return f"{names[who.id]} {who.id}"
    return _said(f"desk.who-{who.kind}-{who.id or 'nobody'}", who.id, words)


def _where(past: PastAct, words: Translator) -> str:
    place = past.act.place
    if place.address == "console":
        return words("desk.at-console")
    if not place.address:
        return words("desk.at-station")
    address = words("desk.at-machine") if place.address in LOOPBACK else place.address
    return " · ".join(filter(None, [address, place.desk]))


def _why(code: str, words: Translator) -> str:
    return words("desk.why-wrong") if code.startswith("access.wrong") else _said(code, code, words)


def _alike(count: int, words: Translator) -> str:
    return words("desk.alike", n=count) if count else ""


def _said(code: str, otherwise: str, words: Translator) -> str:
    """The text with that code, if it exists and needs no data; else `otherwise`."""
    text = words(code) if code in words else otherwise
    return otherwise if "{" in text or text.startswith(code) else text
