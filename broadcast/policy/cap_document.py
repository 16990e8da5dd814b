"""Reads the XML of a CAP 1.2 document: the fields of its `alert`, `info`s and `area`s. Pure.

The text is untrusted: no document type, no entities, no depth, and a bounded size. The declared
encoding holds for bytes only; text that was decoded before may still declare what it once was.
"""

import re
from typing import NamedTuple
from xml.parsers import expat

from gateway.errors import UsageError

BYTES_MAX = 131_072
DEPTH_MAX = 8
NODES_MAX = 2_000

CapFields = dict[str, list[str]]

_DECLARED = re.compile(rb"\s*<\?xml[^>]*?\bencoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
_WIDE = (
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Declared encodings and how they are read: each name of GB by the largest of them.
_KNOWN = {
    "us-ascii": "ascii", "iso-8859-1": "latin-1", "big5": "big5hkscs",
    "gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "cp936": "gb18030",
}  # fmt: skip


class CapInfo(NamedTuple):
    """One `info`; `areas` are the names and codes of where it holds."""

    fields: CapFields
    areas: tuple[str, ...]


class CapDocument(NamedTuple):
    """One `alert` with its `info`s, in order."""

    alert: CapFields
    infos: tuple[CapInfo, ...]


def parse_document(raw: bytes | str) -> CapDocument:
    """Read a document from bytes or text; UsageError says what is wrong with it."""
    return _Reader().read(_text(raw))


def single_field(fields: CapFields, name: str, default: str | None = None) -> str:
    """The first field of that name, whitespace collapsed.

    UsageError if it is required and missing.
    """
    found = fields.get(name)
    if found:
        return " ".join(found[0].split())
    if default is None:
        raise UsageError("broadcast.cap-lacks", name=name)
    return default


def _text(raw: bytes | str) -> str:
    if len(raw) > BYTES_MAX:
        raise UsageError("broadcast.cap-bad", reason=f"> {BYTES_MAX}")
    if isinstance(raw, str):
        return raw.removeprefix("\ufeff")
    for name in _encodings(raw):
        try:
            return raw.decode(name).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
    raise UsageError("broadcast.cap-bad", reason="encoding")


def _encodings(raw: bytes) -> list[str]:
    """The encodings to try: text in GB is never valid UTF-8 beyond a few characters."""
    for mark, wide in _WIDE:
        if raw.startswith(mark):
            return [wide]
    declared = _DECLARED.match(raw[:200])
    name = declared[1].decode("ascii").lower() if declared else ""
    return ["utf-8", *([_KNOWN[name]] if name in _KNOWN else [])]


class _Reader:
    """Collects the fields of `alert` and of each `info`, and the names of its areas."""

    def __init__(self) -> None:
        self._alert: CapFields = {}
        self._infos: list[CapInfo] = []
        self._path: list[str] = []
        self._text: list[str] = []
        self._nodes = 0

    def read(self, text: str) -> CapDocument:
        parser = expat.ParserCreate("utf-8")  # whatever is declared
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        try:
            parser.Parse(text.encode(), True)
        except (expat.ExpatError, ValueError) as error:
            raise UsageError("broadcast.cap-bad", reason=str(error)) from error
        return CapDocument(self._alert, tuple(self._infos))

    def _start(self, tag: str, _attributes: dict[str, str]) -> None:
        self._path.append(tag.rpartition(":")[2])
        self._text.clear()
        self._nodes += 1
        if len(self._path) > DEPTH_MAX or self._nodes > NODES_MAX:
            raise UsageError("broadcast.cap-bad", reason="too deep or too long")
        if self._path == ["alert", "info"]:
            self._infos.append(CapInfo({}, ()))

    def _end(self, _tag: str) -> None:
        text = "".join(self._text).strip()
        match self._path:
            case ["alert", name]:
                self._alert.setdefault(name, []).append(text)
            case ["alert", "info", name]:
                self._infos[-1].fields.setdefault(name, []).append(text)
            case ["alert", "info", "area", "areaDesc"] | [
                "alert",
                "info",
                "area",
                "geocode",
                "value",
            ]:
                info = self._infos[-1]
                self._infos[-1] = info._replace(areas=(*info.areas, " ".join(text.split())))
        self._path.pop()
        self._text.clear()


def _refuse(*_: object) -> None:
    raise UsageError("broadcast.cap-bad", reason="DOCTYPE")
