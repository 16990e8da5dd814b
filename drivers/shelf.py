"""The shelf of device models: where the profiles lie, in a checkout or an installed prefix."""

import sys
from collections.abc import Iterator
from pathlib import Path

from drivers.contract import BadProfile
from drivers.profile import Profile, load

_ROOTS = (
    Path(__file__).parents[1] / "config",
    Path(sys.prefix) / "share" / "yizhan" / "config",
)


def shared(*parts: str) -> Path:
    """Where data of `config/` lies: in the checkout, else in the installed prefix."""
    places = [root.joinpath(*parts) for root in _ROOTS]
    return next((place for place in places if place.exists()), places[-1])


def folder() -> Path:
    """The folder of the profiles."""
    return shared("devices")


def names() -> list[str]:
    """The ids of all profiles, in order."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def find(profile_id: str) -> Profile:
    """The profile of that id; BadProfile says that there is none, or what is wrong with it."""
    path = folder() / f"{profile_id}.toml"
    if profile_id not in names():  # never a path out of the folder
        raise BadProfile("profile.missing", profile=profile_id, known=names())
    return load(path)


def profiles() -> Iterator[Profile]:
    """All profiles, in order; BadProfile at the first that is wrong."""
    return map(find, names())
