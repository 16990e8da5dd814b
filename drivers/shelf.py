"""The shelf of device models: where the profiles lie, in a checkout or an installed prefix.

A folder of the installer's own is searched before it.
"""

import contextlib
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


def names(*own: Path) -> list[str]:
    """The ids of all profiles, in order; `own` are folders of whoever runs this station."""
    return sorted({path.stem for place in (*own, folder()) for path in place.glob("*.toml")})


def find(profile_id: str, *own: Path) -> Profile:
    """The profile of that id; BadProfile says that there is none, or what is wrong with it.

    Folders in `own` are searched first: a model that an installer has written, or written anew,
    stands before the one that was shipped.
    """
    if profile_id not in names(*own):  # never a path out of the folders
        raise BadProfile("profile.missing", profile=profile_id, known=names(*own))
    places = [place / f"{profile_id}.toml" for place in (*own, folder())]
    return load(next(place for place in places if place.is_file()))


def profiles(*own: Path) -> Iterator[Profile]:
    """All profiles, in order; BadProfile at the first that is wrong."""
    return (find(name, *own) for name in names(*own))


def usable(*own: Path) -> Iterator[Profile]:
    """All profiles that are right, in order: a wrong one keeps nobody from the others."""
    for name in names(*own):
        with contextlib.suppress(BadProfile):
            yield find(name, *own)
