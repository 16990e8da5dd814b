"""CAP 1.2: a public warning becomes something to say, or nothing. Pure.

The text comes from outside: no document type, no entity, no depth, and a bounded size. A message
that is a test, an exercise, a draft, of the system, or not for the public never sounds by itself.
"""

import datetime
import hashlib
from typing import NamedTuple
from xml.parsers import expat

from broadcast.order import ID_CHARS_MAX, TEXT_CHARS_MAX, Class
from gateway.errors import UsageError

BYTES_MAX = 131_072
DEPTH_MAX = 8
NODES_MAX = 2_000

_Fields = dict[str, list[str]]


class Warning_(NamedTuple):  # noqa: N801  # `Warning` is Python's own
    """One warning: `text` to say; `ends` the ids that it updates or cancels.

    `sounds` is False for what is no actual alarm or not meant for everybody; a cancel only ends
    others. From `expires_ns` (UTC) on it is not true any more.
    """

    id: str
    sounds: bool
    cls: Class
    text: str
    ends: tuple[str, ...]
    language: str
    expires_ns: int | None


def parse(raw: bytes) -> Warning_:
    """The warning in that document; UsageError says what is wrong with it."""
    alert, infos = _Reader().read(raw)
    kind, status = _one(alert, "msgType"), _one(alert, "status")
    if kind not in {"Alert", "Update", "Cancel"}:
        raise UsageError("broadcast.cap-kind", kind=kind[:40])
    info = _chosen(infos)
    public = _one(alert, "scope", "Public") == "Public"
    sounds = status == "Actual" and public and kind != "Cancel" and bool(info)
    name = order_id(_one(alert, "sender"), _one(alert, "identifier"))
    referred = tuple(each for each in _referred(alert) if each != name)  # never itself
    return Warning_(
        id=name,
        sounds=sounds,
        cls=_class(info),
        text=_said(info),
        ends=referred if status == "Actual" and kind != "Alert" else (),
        language="en" if _language(info).startswith("en") else "zh",
        expires_ns=_instant(info),
    )


def order_id(sender: str, identifier: str) -> str:
    """How the warning is called as an order: two warnings never by the same name."""
    whole = f"cap-{sender}-{identifier}"
    plain = "".join(c if c.isalnum() or c in "-._@" else "-" for c in whole)
    if plain == whole and len(whole) <= ID_CHARS_MAX:
        return plain
    mark = hashlib.sha256(whole.encode()).hexdigest()[:12]
    return f"{plain[: ID_CHARS_MAX - len(mark) - 1]}-{mark}"


def _class(info: _Fields) -> Class:
    urgency, severity = _one(info, "urgency", ""), _one(info, "severity", "")
    if urgency == "Immediate" and severity in {"Extreme", "Severe"}:
        return Class.EMERGENCY
    if urgency in {"Immediate", "Expected"} and severity in {"Extreme", "Severe", "Moderate"}:
        return Class.URGENT
    return Class.NOTICE


def _instant(info: _Fields) -> int | None:
    """When it ends, if it says so; one that cannot be read may have passed already."""
    text = _one(info, "expires", "")
    if not text:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError("broadcast.cap-bad", reason=f"expires {text[:40]}") from error
    if moment.tzinfo is None:
        raise UsageError("broadcast.cap-bad", reason=f"expires {text[:40]}")
    return int(moment.timestamp()) * 1_000_000_000


def _said(info: _Fields) -> str:
    parts = [_one(info, name, "") for name in ("headline", "description", "instruction")]
    return " ".join(filter(None, parts))[:TEXT_CHARS_MAX]


def _chosen(infos: list[_Fields]) -> _Fields:
    """The Chinese block, else the first."""
    return next((info for info in infos if _language(info).startswith("zh")), [*infos, {}][0])


def _language(info: _Fields) -> str:
    return _one(info, "language", "").lower()


def _referred(alert: _Fields) -> tuple[str, ...]:
    """`references` lists messages as `sender,identifier,sent`, parted by blanks."""
    named = (each.split(",") for each in _one(alert, "references", "").split())
    return tuple(order_id(parts[0], parts[1]) for parts in named if len(parts) > 1)


def _one(fields: _Fields, name: str, default: str | None = None) -> str:
    found = fields.get(name)
    if found:
        return found[0]
    if default is None:
        raise UsageError("broadcast.cap-lacks", name=name)
    return default


class _Reader:
    """Collects the fields of `alert`, and of each `info`."""

    def __init__(self) -> None:
        self._alert: _Fields = {}
        self._infos: list[_Fields] = []
        self._path: list[str] = []
        self._text: list[str] = []
        self._nodes = 0

    def read(self, raw: bytes) -> tuple[_Fields, list[_Fields]]:
        if len(raw) > BYTES_MAX:
            raise UsageError("broadcast.cap-bad", reason=f"> {BYTES_MAX}")
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        try:
            parser.Parse(raw, True)
        except (expat.ExpatError, ValueError) as error:
            raise UsageError("broadcast.cap-bad", reason=str(error)) from error
        return self._alert, self._infos

    def _start(self, tag: str, _attributes: dict[str, str]) -> None:
        self._path.append(tag.rpartition(":")[2])
        self._text.clear()
        self._nodes += 1
        if len(self._path) > DEPTH_MAX or self._nodes > NODES_MAX:
            raise UsageError("broadcast.cap-bad", reason="too deep or too long")
        if self._path == ["alert", "info"]:
            self._infos.append({})

    def _end(self, _tag: str) -> None:
        text, name = "".join(self._text).strip(), self._path[-1]
        if self._path[:-1] == ["alert"]:
            self._alert.setdefault(name, []).append(text)
        elif self._path[:-1] == ["alert", "info"]:
            self._infos[-1].setdefault(name, []).append(text)
        self._path.pop()
        self._text.clear()


def _refuse(*_: object) -> None:
    raise UsageError("broadcast.cap-bad", reason="DOCTYPE")
