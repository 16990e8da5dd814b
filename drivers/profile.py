"""A device model is data: a TOML file in `config/devices/`, never a Python file.

```toml
schema = 1
id = "maker-model"                # the file's name without .toml
name = { zh = "三相电表", en = "Three-phase meter" }
family = "modbus"                 # a folder in drivers/
maker = "Maker"
model = "Model"
line = "9600 8N1"                 # as delivered; [bus] and [device] may say otherwise
unverified = false                # true: no document that a stranger can open

[source]
document = "Title, edition"
url = "https://…"
rows = ["the few rows, quoted, that the points rest on"]
# With a second document that does not go back to the first: [[source]] for each, and what this one
# says of points, as far as it speaks of them. A profile that differs from it is wrong.
[source.says]
power-w = { address = 52, type = "f32" }

[limits]
max_block = { "" = 60 }           # most registers in one answer; { holding = 64 } of one kind only
unreadable = [["holding", 40, 47]]
pause_ms = 0                      # least pause between two requests

[[point]]
id = "power-w"
name = { zh = "总有功功率", en = "Total active power" }
kind = "input"                    # coil, discrete, input, holding, or the family's own word
address = 52                      # as on the wire, counted from 0
type = "f32"
order = "ABCD"
unit = "W"                        # UCUM
decimals = 1
scale = 1.0                       # value = count * scale + offset
range = [-1e6, 1e6]
priority = 5                      # 1 alarm input, 3 a person waits, 5 meter, 9 history
every_s = 15
```
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from drivers.contract import BadProfile, Device, DeviceLimits, Point, WriteSpec
from drivers.serial_line import SerialLine, serial_line_fault

SCHEMA = 1

KeyPath = tuple[str | int, ...]

_ALSO_CALLED = {
    **dict.fromkeys(("float", "float32", "real", "single", "f"), "f32"),
    **dict.fromkeys(("double", "float64"), "f64"),
    **dict.fromkeys(("int", "int16", "short", "s16"), "i16"),
    **dict.fromkeys(("uint", "uint16", "word", "ushort"), "u16"),
    **dict.fromkeys(("int32", "long", "s32", "dint"), "i32"),
    **dict.fromkeys(("uint32", "dword", "ulong", "udint"), "u32"),
    **dict.fromkeys(("int64", "s64"), "i64"),
    "uint64": "u64",
    "int8": "i8",
    "uint8": "u8",
    "byte": "u8",
    "bit": "bool",
    "boolean": "bool",
    "str": "string",
    "ascii": "string",
}


class ProfileFault(NamedTuple):
    """One mistake in a profile: its key, a text code and the parameters of the text."""

    path: KeyPath
    code: str
    data: Mapping[str, Any] = MappingProxyType({})

    def __str__(self) -> str:
        where = ".".join(map(str, self.path))
        return " ".join([where, self.code, *(f"{k}={v!r}" for k, v in self.data.items())])


def _type_fault(found: object) -> ProfileFault | None:
    meant = _ALSO_CALLED.get(found.lower()) if isinstance(found, str) else None
    return (
        None
        if meant is None
        else ProfileFault((), "profile.type", {"found": found, "meant": meant})
    )


def _name_fault(found: object) -> ProfileFault | None:
    return ProfileFault((), "profile.name", {"found": found}) if isinstance(found, str) else None


Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]
Type = Annotated[
    Literal[
        "bool", "bits", "bcd", "string",
        "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64",
    ],
    msgspec.Meta(extra={"explain": _type_fault}),
]  # fmt: skip
# Byte order of two registers; four registers continue the pattern.
Order = Literal[
    "ABCD", "CDAB", "BADC", "DCBA",
]  # fmt: skip


class ProfileName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name for people."""

    zh: str
    en: str


Named = Annotated[ProfileName, msgspec.Meta(extra={"explain": _name_fault})]


class SourcePoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a document says of one point, in the terms of `[[point]]`; None: nothing."""

    kind: str | None = None
    address: int | str | None = None
    type: Type | None = None
    order: Order | None = None
    scale: float | None = None
    unit: str | None = None
    at: int | None = None
    size: int | None = None


class ProfileSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A publicly available document, and the rows that the points are based on."""

    document: str
    url: str
    rows: tuple[str, ...]
    says: dict[str, SourcePoint] = {}


class PointSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[point]]` as written; `point()` is what the bus works with."""

    id: Id
    name: Named
    address: int | str
    type: Type = "u16"
    kind: str = ""
    unit: str = "1"
    decimals: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    size: Annotated[int, msgspec.Meta(ge=1, le=250)] | None = None
    at: Annotated[int, msgspec.Meta(ge=0, le=2000)] = 0
    bit: Annotated[int, msgspec.Meta(ge=0, le=63)] | None = None
    order: Order = "ABCD"
    scale: float = 1
    offset: float = 0
    counter: bool = False
    range: tuple[float, float] | None = None
    writable: WriteSpec | None = None
    priority: Annotated[int, msgspec.Meta(ge=1, le=9)] = 5
    every_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    extra: dict[str, Any] = {}

    def point(self) -> Point:
        """The point without its names."""
        low, high = self.range or (None, None)
        fields = {
            name: getattr(self, name)
            for name in Point.__struct_fields__
            if name not in {"min", "max"}
        }
        return Point(**fields, min=low, max=high)


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One device model."""

    schema: int
    id: Id
    name: Named
    family: str
    maker: str = ""
    model: str = ""
    source: ProfileSource | tuple[ProfileSource, ...] | None = None
    unverified: bool = False
    line: str | None = None
    limits: DeviceLimits = DeviceLimits()
    every_s: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=30)] = 1.0
    point: tuple[PointSpec, ...]

    @property
    def sources(self) -> tuple[ProfileSource, ...]:
        """All documents that it was checked against, first the one it was written from."""
        match self.source:
            case None:
                return ()
            case ProfileSource():
                return (self.source,)
        return self.source

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """The points, shared by all devices of this model."""
        return tuple(spec.point() for spec in self.point)

    def device(
        self,
        device_id: str,
        address: str,
        *,
        line: SerialLine | None = None,
        every_s: float | None = None,
        timeout_s: float | None = None,
        options: Any = None,
    ) -> Device:
        """A device of this model at that address; None keeps the profile's value."""
        own = SerialLine.parse(self.line) if self.line is not None else None
        return Device(
            id=device_id,
            family=self.family,
            address=address,
            points=self.points,
            options=options,
            limits=self.limits,
            line=line or own,
            every_s=every_s or self.every_s,
            timeout_s=timeout_s or self.timeout_s,
        )


def parse_profile(text: str, file: str) -> Profile:
    """Parse a profile; BadProfile lists all its mistakes."""
    try:
        profile = msgspec.convert(tomllib.loads(text), Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadProfile("profile.unreadable", file=file, mistakes=[str(error)]) from error
    mistakes = list(_mistakes(profile))
    if mistakes:
        raise BadProfile("profile.wrong", file=file, mistakes=mistakes)
    return profile


def load_profile(path: Path) -> Profile:
    """Load a profile; the name of its file is its id."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadProfile("profile.unreadable", file=str(path), mistakes=[str(error)]) from error
    profile = parse_profile(text, str(path))
    if profile.id != path.stem:
        fault = ProfileFault(("id",), "profile.id", {"found": profile.id, "meant": path.stem})
        raise BadProfile("profile.wrong", file=str(path), mistakes=[fault])
    return profile


def _mistakes(profile: Profile) -> Iterator[ProfileFault]:
    if profile.schema != SCHEMA:
        yield ProfileFault(
            ("schema",), "profile.schema", {"found": profile.schema, "meant": SCHEMA}
        )
    if not profile.sources and not profile.unverified:
        yield ProfileFault((), "profile.no-source")
    if profile.line is not None:
        try:
            SerialLine.parse(profile.line)
        except ValueError:
            fault = serial_line_fault(profile.line)
            like = ("profile.line", {"found": profile.line, "example": str(SerialLine())})
            yield ProfileFault(("line",), *(like if fault is None else fault))
    seen: set[str] = set()
    for number, spec in enumerate(profile.point):
        at = ("point", number)
        if spec.id in seen:
            yield ProfileFault((*at, "id"), "profile.twice", {"point": spec.id})
        seen.add(spec.id)
        if spec.range is not None and spec.range[0] > spec.range[1]:
            yield ProfileFault((*at, "range"), "profile.range", {"point": spec.id})
        if spec.type in {"string", "bits"} and spec.size is None:
            data = {"point": spec.id, "type": spec.type}
            yield ProfileFault((*at, "type"), "profile.size", data)
    if not profile.point:
        yield ProfileFault((), "profile.no-point")
    yield from _differences(profile)


def _differences(profile: Profile) -> Iterator[ProfileFault]:
    """Where a point differs from a document."""
    numbers = {spec.id: number for number, spec in enumerate(profile.point)}
    for source in profile.sources:
        for name, said in source.says.items():
            if name not in numbers:
                data = {"point": name, "url": source.url}
                yield ProfileFault(("source",), "profile.says-unknown", data)
                continue
            number = numbers[name]
            for field in said.__struct_fields__:
                theirs, ours = getattr(said, field), getattr(profile.point[number], field)
                if theirs is not None and theirs != ours:
                    data = {"point": name, "field": field, "ours": ours, "theirs": theirs}
                    at = ("point", number, field)
                    yield ProfileFault(at, "profile.differs", {**data, "url": source.url})
