"""The services that a resident can ask for: data in `config/services/`, one file each."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from drivers.data_files import config_path
from gateway.event import ID_PATTERN
from kiosk.flows import FAMILIES, Family

Id = Annotated[str, msgspec.Meta(pattern=f"^{ID_PATTERN.pattern}$")]


class Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it is called, in the languages of the catalogues."""

    zh: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    en: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]

    def of(self, language: str) -> str:
        """In that language."""
        return self.en if language == "en" else self.zh


Minutes = Annotated[int, msgspec.Meta(ge=1, le=43_200)]


class Within(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is promised of a work order: taken, somebody there, and come again, within so long."""

    take_min: Minutes = 120
    come_min: Minutes = 1440
    revisit_min: Minutes = 4320


class What(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One picture to press. `person`: it does not wait for an order, a person is called at once.

    `joins`: two who press it at one place mean the same fault. `within`: else the service's.
    """

    id: Id
    name: Name
    pictogram: Id
    note: Name | None = None
    person: bool = False
    joins: bool = True
    within: Within | None = None


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One service: the family that it belongs to, its plate, and what can be chosen.

    `key` is the number on its plate; `keep_days` how long personal fields given for it are kept.
    """

    id: Id
    family: Literal["ride", "call", "work"]
    key: Annotated[int, msgspec.Meta(ge=0, le=9)]
    name: Name
    pictogram: Id
    hue: Literal["ride", "fix", "guide", "health", "person"]
    keep_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 1
    what: tuple[What, ...] = ()
    within: Within = Within()

    @property
    def kind(self) -> Family:
        """Its family."""
        return FAMILIES[self.family]

    def choice(self, what: str) -> What | None:
        """The picture of that id."""
        return next((each for each in self.what if each.id == what), None)


CALL_SERVICE = "staff"
"""The service behind plate 0: whatever ends in a person is a request of it."""


@cache
def services() -> Mapping[str, Service]:
    """Every service that this version has."""
    return shelf(config_path("services"))


def shelf(folder: Path) -> Mapping[str, Service]:
    """The services in a folder by id; ValueError names the file that is wrong."""
    found = {}
    for path in sorted(folder.glob("*.toml")):
        service = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Service)
        if service.id != path.stem:
            raise ValueError(path.name)
        found[service.id] = service
    return found
