"""The kinds of bus: the polled ones, and those that a driver family brings itself.

A family with a bus of its own (a scanner, a listening socket) lists its kinds as `BUS_KINDS` in its
`driver.py`.
"""

import importlib

from drivers import registry
from drivers.bus.kinds import POLLED_KINDS
from drivers.field_bus import BusKind


def bus_kinds() -> dict[str, BusKind]:
    """All values of `kind` in `[bus.*]`, by name."""
    kinds = list(POLLED_KINDS)
    for family in registry.family_names():
        module = importlib.import_module(f"drivers.{family}.driver")
        kinds += getattr(module, "BUS_KINDS", ())
    return {kind.name: kind for kind in kinds}
