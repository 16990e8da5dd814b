"""Serial adapters that were plugged in a moment ago: what an installer looks for."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

# How long an adapter counts as just plugged in.
FRESH_S = 900.0

_PREFIXES = ("ttyUSB", "ttyACM")


class PluggedPorts:
    """Compares the present adapters with those at the start of the station."""

    def __init__(self, folder: Path = Path("/dev")) -> None:
        """Look at the present ones; one listing of a folder."""
        self._folder = folder
        self._old = self._there()
        self._since_s: dict[str, float] = {}

    def fresh(self, paths: Iterable[str], now_s: float) -> set[str]:
        """The paths whose adapter was plugged in, or again, within `FRESH_S`."""
        there = self._there()
        self._old &= there
        self._since_s = {name: self._since_s.get(name, now_s) for name in there - self._old}
        new = {name for name, since_s in self._since_s.items() if now_s - since_s <= FRESH_S}
        return {path for path in paths if Path(os.path.realpath(path)).name in new}

    def _there(self) -> set[str]:
        with contextlib.suppress(OSError):
            return {path.name for path in self._folder.iterdir() if path.name.startswith(_PREFIXES)}
        return set()
