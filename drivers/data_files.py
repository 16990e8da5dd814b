"""Where the data files of `config/` are: in a checkout, or below an installed prefix."""

import sys
from pathlib import Path

_ROOTS = (
    Path(__file__).parents[1] / "config",
    Path(sys.prefix) / "share" / "yizhan" / "config",
)


def config_path(*parts: str) -> Path:
    """The path of a file or folder of `config/`; below the prefix if it exists in neither."""
    places = [root.joinpath(*parts) for root in _ROOTS]
    return next((place for place in places if place.exists()), places[-1])
