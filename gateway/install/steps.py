"""The steps of an installation: whether one is done, how it is done, how it is described."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple, Protocol

from gateway.errors import AccessDenied, Unavailable
from gateway.install import system_users
from gateway.install.manifest import Manifest, ManifestEntry, file_digest, read_manifest
from gateway.install.safe_files import read_regular_file as read_file
from gateway.install.safe_files import replace_file, set_owner
from gateway.toml import Phrase


class InstallRoot(NamedTuple):
    """The root of the installation, and what was installed there before."""

    root: Path
    manifest: Manifest

    @classmethod
    def open(cls, root: Path, *, only_look: bool) -> "InstallRoot":
        """Open the root with its manifest; Denied if the user may not change this machine."""
        root = root.resolve()
        if root == Path("/") and os.geteuid() != 0 and not only_look:
            raise AccessDenied("install.not-root")
        return cls(root, read_manifest(root))

    def at(self, path: str) -> Path:
        """The place below the root."""
        return self.root / path


class InstallStep(Protocol):
    """One thing that should be in place."""

    def describe(self) -> Phrase:
        """The step in plain words."""
        ...

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether it is in place already."""
        ...

    def perform(self, tree: InstallRoot) -> None:
        """Put it in place, and record in the manifest what was not there before."""
        ...


class FolderStep(NamedTuple):
    """A folder with an owner; `data`: its contents are the station's."""

    path: str
    mode: int = 0o755
    owner: str | None = None
    data: bool = False

    def describe(self) -> Phrase:
        return Phrase("install.step-folder", {"path": f"/{self.path}"})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether it exists; systemd-tmpfiles restores its owner."""
        return tree.at(self.path).is_dir()

    def perform(self, tree: InstallRoot) -> None:
        make_folders(tree, self.path, data=self.data)
        set_owner(tree.root, self.path, self.mode, _ids(tree, self.owner))


class FileStep(NamedTuple):
    """A file of ours; one that was there before, or was changed since, is left alone."""

    path: str
    body: bytes
    mode: int = 0o644

    def describe(self) -> Phrase:
        return Phrase("install.step-file", {"path": f"/{self.path}"})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether it is as it should be, or somebody else's by now."""
        place = tree.at(self.path)
        return os.path.lexists(place) and (read_file(place) == self.body or self.is_foreign(tree))

    def is_foreign(self, tree: InstallRoot) -> bool:
        """Whether the present file is neither what we installed nor what we would install."""
        place, known = tree.at(self.path), tree.manifest.find(self.path)
        body = read_file(place)
        if not os.path.lexists(place) or body == self.body:
            return False
        return known is None or body is None or known.proof != file_digest(body)

    def perform(self, tree: InstallRoot) -> None:
        make_folders(tree, str(Path(self.path).parent))
        replace_file(tree.root, self.path, self.body, self.mode)
        tree.manifest.note(ManifestEntry("file", self.path, file_digest(self.body)))


class LinkStep(NamedTuple):
    """A symbolic link that enables a unit."""

    path: str
    target: str

    def describe(self) -> Phrase:
        return Phrase("install.step-enable", {"unit": Path(self.path).name})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether anything is there: another's link is respected."""
        return os.path.lexists(tree.at(self.path))

    def perform(self, tree: InstallRoot) -> None:
        make_folders(tree, str(Path(self.path).parent))
        tree.at(self.path).symlink_to(self.target)
        tree.manifest.note(ManifestEntry("link", self.path, self.target))


class UsersStep(NamedTuple):
    """The users that a sysusers.d file names."""

    names: tuple[str, ...]
    declared: bytes

    def describe(self) -> Phrase:
        return Phrase("install.step-accounts", {"names": ", ".join(self.names)})

    def _missing(self, root: Path) -> list[str]:
        return [name for name in self.names if not system_users.user_exists(root, name)]

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether all users exist."""
        return not self._missing(tree.root)

    def perform(self, tree: InstallRoot) -> None:
        """Create them with systemd-sysusers."""
        missing = self._missing(tree.root)
        system_users.create_users(tree.root, self.declared)
        for name in missing:
            tree.manifest.note(ManifestEntry("account", f"account:{name}", name))


class FirstFileStep(NamedTuple):
    """A file that becomes the station's own: once written, it is never overwritten."""

    path: str
    body: bytes
    owner: str

    def describe(self) -> Phrase:
        return Phrase("install.step-file", {"path": f"/{self.path}"})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether it exists, whatever its contents."""
        return tree.at(self.path).exists()

    def perform(self, tree: InstallRoot) -> None:
        """Write it; it is in a folder of data, so there is nothing to undo."""
        replace_file(tree.root, self.path, self.body, 0o600)
        OwnerStep(self.path, self.owner).perform(tree)


class OwnerStep(NamedTuple):
    """A file of the installer's that the station must be able to read and replace."""

    path: str
    owner: str
    mode: int = 0o640

    def describe(self) -> Phrase:
        return Phrase("install.step-owner", {"path": f"/{self.path}", "owner": self.owner})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether the owner is right; only root can change it."""
        place = tree.at(self.path)
        if os.geteuid() != 0 or not place.exists():
            return True
        if not system_users.user_exists(tree.root, self.owner):
            return False
        return place.stat().st_uid == system_users.user_ids(tree.root, self.owner)[0]

    def perform(self, tree: InstallRoot) -> None:
        """Change the owner; there is nothing to undo."""
        set_owner(tree.root, self.path, self.mode, _ids(tree, self.owner))


class AbsenceStep(NamedTuple):
    """A file of ours that should not exist; somebody else's is left alone."""

    path: str

    def describe(self) -> Phrase:
        return Phrase("install.step-absent", {"path": f"/{self.path}"})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether no file of ours is there."""
        laid, place = tree.manifest.find(self.path), tree.at(self.path)
        return laid is None or not os.path.lexists(place) or not _is_ours(place, laid)

    def perform(self, tree: InstallRoot) -> None:
        """Remove it if it is still ours."""
        laid = tree.manifest.find(self.path)
        if laid is not None and remove_entry(tree, laid, purge=False):
            tree.manifest.laid.remove(laid)


class ProgramStep(NamedTuple):
    """The program itself, which the package installs."""

    path: str

    def describe(self) -> Phrase:
        return Phrase("install.step-program", {"path": f"/{self.path}"})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether it is installed."""
        return os.path.lexists(tree.at(self.path))

    def perform(self, tree: InstallRoot) -> None:
        """Tell how to install it."""
        raise Unavailable("install.no-program", path=str(tree.at(self.path)))


def _ids(tree: InstallRoot, owner: str | None) -> tuple[int, int] | None:
    """The owner's ids; None if no owner changes, or we are not root."""
    return (
        system_users.user_ids(tree.root, owner) if owner is not None and os.geteuid() == 0 else None
    )


def make_folders(tree: InstallRoot, path: str, *, data: bool = False) -> None:
    """Create the folder and its parents, and record those that were missing."""
    above = [str(each) for each in reversed(Path(path).parents) if str(each) != "."]
    for each in (*above, path):
        if not tree.at(each).is_dir():
            tree.at(each).mkdir(mode=0o755)
            tree.manifest.note(ManifestEntry("folder", each, data=data and each == path))


def remove_entry(tree: InstallRoot, laid: ManifestEntry, *, purge: bool) -> bool:
    """Remove one thing; False if it stays: changed since, in use, or data."""
    place = tree.at(laid.path)
    if laid.kind == "account":
        return purge and system_users.remove_user(tree.root, laid.proof)
    if laid.kind == "folder":
        return _remove_folder(place, laid, purge=purge)
    if not os.path.lexists(place):
        return True
    ours = _is_ours(place, laid)
    if ours:
        place.unlink()
    return ours


def _is_ours(place: Path, laid: ManifestEntry) -> bool:
    """Whether a file or link is unchanged."""
    if laid.kind == "link":
        return place.is_symlink() and str(place.readlink()) == laid.proof
    body = read_file(place)
    return body is not None and file_digest(body) == laid.proof


def _remove_folder(place: Path, laid: ManifestEntry, *, purge: bool) -> bool:
    if laid.data and not purge:
        return False
    if laid.data:
        shutil.rmtree(place, ignore_errors=True)
    if place.is_dir() and any(place.iterdir()):
        return False
    if place.is_dir():
        place.rmdir()
    return True
