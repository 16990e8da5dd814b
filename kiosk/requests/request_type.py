"""A type of request, as its folder in `kiosk/request_types/` declares it, and how it is found.

    type.py               TYPE: a `RequestType`: its table, who may do what, its options, its flags
    screens.py            SCREENS: a `TypeScreens`, what a kiosk shows of it
    desk.py               DESK: a `TypeDesk`, what staff see of it and what they may do
    speech.zh.toml, …     what is said of it in each state
    rules.py              RULES: a `RequestRules`, what moves it beside people
    speech.py             SPEECH: a `TypeSpeech`, what its sentences depend on beside the state
    outside.py            OUTSIDE: makes the `OutsideClient` that asks somebody about it
    routes.py             open_routes: the ways to those who are asked
    commands.py           command_kinds: what a platform may say of it

A type has the first four, and of the others those that it needs. A part is imported when it is
first used: a station loads the types of its services, and the command line loads no screens.
"""

import enum
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from drivers.extensions import extension_folders
from gateway.transitions import TransitionTable
from kiosk import request_types

# More open requests of one type than this are refused: against a kiosk gone mad, and so that a
# type takes no room from another. Not of a type that calls staff.
OPEN_MAX = 300


class TypeFlag(enum.Enum):
    """What the station asks of a type before it knows anything else of it."""

    # It rings for a person: carried out before it is recorded, in the alarm lane, and never held
    # up by a disk or by another press. Pictures that mean danger become one of these.
    CALLS_STAFF = "calls-staff"
    # The person waits at the kiosk until it ends: seconds matter, the page stays, a press while one
    # is open belongs to that one.
    AWAITED = "awaited"
    # What cannot be recorded does not exist: refused while the station has no disk.
    NEEDS_DISK = "needs-disk"
    # A key on the wall asks for it without a screen: there is nothing to choose.
    WALL_KEY = "wall-key"
    # Somebody outside carries it out: it keeps how far that is (`Request.ride`).
    DISPATCHED = "dispatched"
    # A linkage may open it. Nobody calls a car because a meter says so.
    LINKAGE = "linkage"


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[service.<id>]` of a type with nothing to set."""


class RequestType(msgspec.Struct, frozen=True, kw_only=True):
    """One type of request.

    `resident` and `staff` are the events that each may cause; the others are what happens.
    `untaken` are the states in which nobody has it in hand, `unheard` (of a type that calls staff)
    those in which it rings. `failing` are the ends by which a person is called for the resident.
    `untimed` are the states that have no end of their own; `loud` those that are said into the
    room, to somebody who may have sat down. `put_away` is, by state, the event by
    which staff close many at once. `options` is the shape of `[service.<id>]` (a
    property `partners` of it names the addresses that are called, by key), `picture_keys` those of
    its keys whose tables are by picture. At most `open_max` may be open, `kiosk_max` at one
    kiosk; with `kiosk_max` several people may each have one. `order` is its place among the types.
    """

    name: str
    table: TransitionTable[Any, Any]
    resident: frozenset[str]
    staff: frozenset[str]
    flags: frozenset[TypeFlag] = frozenset()
    untaken: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()
    untimed: frozenset[str] = frozenset()
    loud: frozenset[str] = frozenset()
    put_away: Mapping[str, str] = {}
    options: type[msgspec.Struct] = NoOptions
    picture_keys: tuple[str, ...] = ()
    open_max: int = OPEN_MAX
    kiosk_max: int = 0
    order: int = 50

    def has_flag(self, flag: TypeFlag) -> bool:
        """Whether it declares that flag."""
        return flag in self.flags

    def allowed_events(self, state: str, *, staff: bool) -> tuple[str, ...]:
        """The events that staff, or the resident, may cause in that state."""
        may = self.staff if staff else self.resident
        return tuple(str(event) for event in self.table.allowed(state) if event in may)


class RequestTypes(Mapping[str, RequestType]):
    """The types by name; one is imported when it is first asked for.

    Iterating names all that there are and imports none.
    """

    def __init__(self) -> None:
        self._types: dict[str, RequestType] = {}
        self._parts: dict[tuple[str, str], ModuleType | None] = {}

    def __getitem__(self, name: str) -> RequestType:
        found = self._types.get(name)
        if found is None:
            module = self.load_part(name, "type")
            if module is None:
                raise KeyError(name)
            found = self._types[name] = module.TYPE
        return found

    def __iter__(self) -> Iterator[str]:
        found = {path.parent.name for root in _roots() for path in root.glob("*/type.py")}
        return iter(sorted(found))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in self._types or self.find_folder(str(name)) is not None

    def find_folder(self, name: str) -> Path | None:
        """Where that type lies; None if there is no such type."""
        if not name.isidentifier():  # never a path out of the folders
            return None
        places = (root / name for root in _roots())
        return next((place for place in places if (place / "type.py").is_file()), None)

    def load_part(self, name: str, part: str) -> ModuleType | None:
        """That module of the type's folder; None if it has none."""
        key = (name, part)
        if key not in self._parts:
            folder = self.find_folder(name)
            there = folder is not None and (folder / f"{part}.py").is_file()
            module = f"{request_types.__name__}.{name}.{part}"
            self._parts[key] = importlib.import_module(module) if there else None
        return self._parts[key]


def _roots() -> list[Path]:
    """The product's folder, then those of extensions; the package is searched for modules there."""
    for folder in map(str, extension_folders("kiosk", "request_types")):
        if folder not in request_types.__path__:
            request_types.__path__.append(folder)
    return [Path(each) for each in request_types.__path__]


TYPES = RequestTypes()
