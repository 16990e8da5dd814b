"""Families by shape: those of the product and the toys of `tests/driver_toys`."""

import importlib
import os
from pathlib import Path
from types import ModuleType
from unittest import mock

from drivers import registry
from drivers.extensions import EXTENSIONS_VARIABLE
from drivers.family import Driver, Shape
from drivers.message import Radio

TOYS = Path(__file__).parents[1] / "driver_toys"
WITH_TOYS = {EXTENSIONS_VARIABLE: str(TOYS)}


def families_of(shape: Shape) -> list[str]:
    """Those of that shape whose devices a suite can play; a radio's bus has its own suite."""
    with mock.patch.dict(os.environ, WITH_TOYS):
        found = [(name, registry.families()[name]) for name in registry.family_names()]
    return [
        name
        for name, driver in found
        if driver.shape is shape and not isinstance(getattr(driver, "inlet", None), Radio)
    ]


def driver_of(family: str) -> Driver:
    """The driver of that family."""
    with mock.patch.dict(os.environ, WITH_TOYS):
        return registry.families()[family]


def conformance_of(family: str) -> ModuleType:
    """What the family offers to its suite."""
    driver_of(family)
    return importlib.import_module(f"drivers.{family}.conformance")
