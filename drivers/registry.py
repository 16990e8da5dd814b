"""Driver families, found by folder: a new folder needs no list to be edited.

A family is a folder of `drivers/` with a `driver.py` that offers `DRIVER`.
"""

import functools
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from drivers.family import Driver

_ROOT = Path(__file__).parent


@functools.cache
def names() -> tuple[str, ...]:
    """The families that there are; nothing is imported."""
    return tuple(sorted(path.parent.name for path in _ROOT.glob("*/driver.py")))


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
