"""The shelf of device models: where the profiles lie, in a checkout or an installed prefix."""

import sys
from collections.abc import Iterator
from pathlib import Path

from drivers.contract import BadProfile
from drivers.profile import Profile, load

_PLACES = (
    Path(__file__).parents[1] / "config" / "devices",
    Path(sys.prefix) / "share" / "yizhan" / "config" / "devices",
)


def folder() -> Path:
    """The folder of the profiles: the checkout's first, then the prefix's."""
    return next((place for place in _PLACES if place.is_dir()), _PLACES[-1])


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
