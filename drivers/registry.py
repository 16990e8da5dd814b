"""Driver families, found by their folders: there is no list to edit.

A family is a folder of `drivers/`, here or in an extension, whose `driver.py` offers `DRIVER`. Its
modules are `drivers.<family>.…` in either case; a family of the product takes precedence over one
of the same name in an extension.
"""

import functools
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import drivers
from drivers.extensions import extension_folders
from drivers.family import Driver

_ROOT = Path(__file__).parent


def family_names() -> tuple[str, ...]:
    """The names of all families; nothing is imported."""
    folders = [_ROOT, *extension_folders("drivers")]
    for folder in folders[1:]:
        if str(folder) not in drivers.__path__:
            drivers.__path__.append(str(folder))
            importlib.invalidate_caches()
    return _names(tuple(folders))


@functools.cache
def _names(folders: tuple[Path, ...]) -> tuple[str, ...]:
    found = {path.parent.name for folder in folders for path in folder.glob("*/driver.py")}
    return tuple(sorted(found))


class _Families(Mapping[str, Driver]):
    """The families by name, imported on first use."""

    def __getitem__(self, family: str) -> Driver:
        if family not in family_names():
            raise KeyError(family)
        module = importlib.import_module(f"drivers.{family}.driver")
        return cast(Driver, module.DRIVER)

    def __iter__(self) -> Iterator[str]:
        return iter(family_names())

    def __len__(self) -> int:
        return len(family_names())


_families = _Families()


def families() -> Mapping[str, Driver]:
    """All driver families by name."""
    return _families
