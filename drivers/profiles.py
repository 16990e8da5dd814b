"""All device models: the shipped profiles in `config/devices/`, and folders that precede them.

Every function takes those folders as `own`. A profile in them replaces the shipped one with the
same id; those of extensions come last.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from drivers.contract import BadProfile
from drivers.data_files import config_path
from drivers.extensions import extension_folders
from drivers.profile import Profile, load_profile


def profile_folder() -> Path:
    """The folder of the shipped profiles."""
    return config_path("devices")


def _folders(own: tuple[Path, ...]) -> list[Path]:
    return [*own, profile_folder(), *extension_folders("config", "devices")]


def profile_ids(*own: Path) -> list[str]:
    """The ids of all profiles, sorted."""
    return sorted({path.stem for place in _folders(own) for path in place.glob("*.toml")})


def find_profile(profile_id: str, *own: Path) -> Profile:
    """The profile of that id; BadProfile if there is none or it has mistakes."""
    if profile_id not in profile_ids(*own):  # an id is never a path that leads out of the folders
        raise BadProfile("profile.missing", profile=profile_id, known=profile_ids(*own))
    places = [place / f"{profile_id}.toml" for place in _folders(own)]
    return load_profile(next(place for place in places if place.is_file()))


def load_profiles(*own: Path) -> Iterator[Profile]:
    """All profiles by id; BadProfile at the first one that has mistakes."""
    return (find_profile(name, *own) for name in profile_ids(*own))


def usable_profiles(*own: Path) -> Iterator[Profile]:
    """The profiles without mistakes by id; the others are left out."""
    for name in profile_ids(*own):
        with contextlib.suppress(BadProfile):
            yield find_profile(name, *own)
