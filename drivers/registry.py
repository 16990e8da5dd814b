"""Driver families, found by folder: a new folder needs no list to be edited.

A family is a folder of `drivers/`, or of another search path, with a `driver.py` that offers
`DRIVER`. Its modules are `drivers.<family>.…` wherever the folder lies.
"""

import functools
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import drivers
from drivers.family import Driver


def add_search_path(folder: Path) -> None:
    """Look for families in that folder, too; one of the product is found first."""
    if str(folder) not in drivers.__path__:
        drivers.__path__.append(str(folder))
        importlib.invalidate_caches()


def remove_search_path(folder: Path) -> None:
    """Look there no more; what has been imported stays so."""
    drivers.__path__.remove(str(folder))


def names() -> tuple[str, ...]:
    """The families that there are; nothing is imported."""
    return _names(tuple(drivers.__path__))


@functools.cache
def _names(folders: tuple[str, ...]) -> tuple[str, ...]:
    found = {path.parent.name for folder in folders for path in Path(folder).glob("*/driver.py")}
    return tuple(sorted(found))


class _Families(Mapping[str, Driver]):
    """The families by name; one is imported when it is first asked for."""

    def __getitem__(self, family: str) -> Driver:
        if family not in names():
            raise KeyError(family)
        module = importlib.import_module(f"drivers.{family}.driver")
        return cast(Driver, module.DRIVER)

    def __iter__(self) -> Iterator[str]:
        return iter(names())

    def __len__(self) -> int:
        return len(names())


_families = _Families()


def families() -> Mapping[str, Driver]:
    """All driver families by name."""
    return _families
