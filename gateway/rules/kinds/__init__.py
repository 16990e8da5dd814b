"""The kinds of rule, one pure step function each; `kind.py` says what a kind is.

A kind is found by its place: a file here, or in `gateway/rules/kinds/` of an extension, that offers
`KINDS`.
"""

import importlib
import pkgutil
from collections.abc import Iterator

from drivers.extensions import extension_folders
from gateway.rules.kinds.kind import PointInfo, RuleInstant, RuleKind, RuleVerdict, S

__path__ += map(str, extension_folders("gateway", "rules", "kinds"))


def _kinds() -> Iterator[RuleKind]:
    for found in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{found.name}")
        yield from getattr(module, "KINDS", ())


KINDS: dict[str, RuleKind] = {kind.name: kind for kind in _kinds()}

__all__ = ["KINDS", "PointInfo", "RuleInstant", "RuleKind", "RuleVerdict", "S"]
