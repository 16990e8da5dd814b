"""The services that a resident can ask for: data in `config/services/`, one file each."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from drivers.data_files import config_path
from drivers.extensions import extension_folders
from gateway.errors import SettingsError
from gateway.event import ID_PATTERN
from kiosk.requests.request_type import TYPES, RequestType

Id = Annotated[str, msgspec.Meta(pattern=f"^{ID_PATTERN.pattern}$")]


class ServiceText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it is called, in the languages of the catalogues."""

    zh: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    en: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]

    def text(self, language: str) -> str:
        """In that language."""
        return self.en if language == "en" else self.zh


Minutes = Annotated[int, msgspec.Meta(ge=1, le=43_200)]


class ServiceTargets(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is promised of a work order: taken, somebody there, and come again, within so long."""

    take_min: Minutes = 120
    come_min: Minutes = 1440
    revisit_min: Minutes = 4320


class ServiceOption(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One picture to press. `person`: it does not wait for an order, a person is called at once.

    `joins`: two who press it at one place mean the same fault. `within`: else the service's.
    """

    id: Id
    name: ServiceText
    pictogram: Id
    note: ServiceText | None = None
    person: bool = False
    joins: bool = True
    within: ServiceTargets | None = None


class KioskService(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One service: the type of its requests (`family`), its plate, and what can be chosen.

    `key` is the number on its plate; `keep_days` how long personal fields given for it are kept.
    """

    id: Id
    family: Id
    key: Annotated[int, msgspec.Meta(ge=0, le=9)]
    name: ServiceText
    pictogram: Id
    hue: Literal["ride", "fix", "guide", "health", "person"]
    keep_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 1
    what: tuple[ServiceOption, ...] = ()
    within: ServiceTargets = ServiceTargets()

    @property
    def type(self) -> RequestType:
        """Its type."""
        return TYPES[self.family]

    def find_option(self, what: str) -> ServiceOption | None:
        """The picture of that id."""
        return next((each for each in self.what if each.id == what), None)


# The service behind plate 0: whatever ends in a person is a request of it.
CALL_SERVICE = "staff"


@cache
def load_services() -> Mapping[str, KioskService]:
    """Every service that this version and its extensions have; SettingsError if one is wrong."""
    found: dict[str, KioskService] = {}
    for folder in (*extension_folders("config", "services"), config_path("services")):
        for name, service in read_services(folder).items():
            found.setdefault(name, service)
    return found


def read_services(folder: Path) -> Mapping[str, KioskService]:
    """The services in a folder by id; SettingsError names the file that is wrong, and why."""
    return {path.stem: _read(path) for path in sorted(folder.glob("*.toml"))}


def _read(path: Path) -> KioskService:
    try:
        service = msgspec.convert(tomllib.loads(path.read_text("utf-8")), KioskService)
    except (OSError, ValueError) as error:  # TOML's and msgspec's are ValueErrors
        raise SettingsError("requests.bad-service", file=str(path), why=str(error)) from error
    if service.id != path.stem:
        raise SettingsError("requests.service-name", file=str(path), id=service.id)
    if service.family not in TYPES:
        known = ", ".join(TYPES)
        raise SettingsError("requests.no-type", file=str(path), type=service.family, known=known)
    return service
