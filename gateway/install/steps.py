"""One step of the installation: whether it is done, how it is done, what it leaves."""

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
    """Where it goes: a root, and what was laid below it before."""

    root: Path
    manifest: Manifest

    @classmethod
    def open(cls, root: Path, *, only_look: bool) -> "InstallRoot":
        """That root with what was laid there; Denied to whoever may not change this machine."""
        root = root.resolve()
        if root == Path("/") and os.geteuid() != 0 and not only_look:
            raise AccessDenied("install.not-root")
        return cls(root, read_manifest(root))

    def at(self, path: str) -> Path:
        """The place below the root."""
        return self.root / path


class InstallStep(Protocol):
    """One thing that should stand."""

    def describe(self) -> Phrase:
        """The step in plain words."""
        ...

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether it stands already."""
        ...

    def perform(self, tree: InstallRoot) -> None:
        """Make it stand, and note in the manifest what was not there before."""
        ...


class FolderStep(NamedTuple):
    """A folder with an owner; `data`: what is in it is the station's."""

    path: str
    mode: int = 0o755
    owner: str | None = None
    data: bool = False

    def describe(self) -> Phrase:
        """The step in plain words."""
        return Phrase("install.step-folder", {"path": f"/{self.path}"})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether it is there; its owner is systemd-tmpfiles' to restore."""
        return tree.at(self.path).is_dir()

    def perform(self, tree: InstallRoot) -> None:
        """Make it and the folders above it."""
        make_folders(tree, self.path, data=self.data)
        set_owner(tree.root, self.path, self.mode, _ids(tree, self.owner))


class FileStep(NamedTuple):
    """A file of ours. One that somebody has changed, or that was there before, is left alone."""

    path: str
    body: bytes
    mode: int = 0o644

    def describe(self) -> Phrase:
        """The step in plain words."""
        return Phrase("install.step-file", {"path": f"/{self.path}"})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether it stands as it should, or is somebody else's now."""
        place = tree.at(self.path)
        return os.path.lexists(place) and (read_file(place) == self.body or self.is_foreign(tree))

    def is_foreign(self, tree: InstallRoot) -> bool:
        """Whether what stands there is not what we laid, nor what we would lay."""
        place, known = tree.at(self.path), tree.manifest.find(self.path)
        body = read_file(place)
        if not os.path.lexists(place) or body == self.body:
            return False
        return known is None or body is None or known.proof != file_digest(body)

    def perform(self, tree: InstallRoot) -> None:
        """Put it in place whole."""
        make_folders(tree, str(Path(self.path).parent))
        replace_file(tree.root, self.path, self.body, self.mode)
        tree.manifest.note(ManifestEntry("file", self.path, file_digest(self.body)))


class LinkStep(NamedTuple):
    """A symbolic link: what enables a unit."""

    path: str
    target: str

    def describe(self) -> Phrase:
        """The step in plain words."""
        return Phrase("install.step-enable", {"unit": Path(self.path).name})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether something stands there: another's link is another's wish."""
        return os.path.lexists(tree.at(self.path))

    def perform(self, tree: InstallRoot) -> None:
        """Make it."""
        make_folders(tree, str(Path(self.path).parent))
        tree.at(self.path).symlink_to(self.target)
        tree.manifest.note(ManifestEntry("link", self.path, self.target))


class UsersStep(NamedTuple):
    """The users that a sysusers.d file names."""

    names: tuple[str, ...]
    declared: bytes

    def describe(self) -> Phrase:
        """The step in plain words."""
        return Phrase("install.step-accounts", {"names": ", ".join(self.names)})

    def _missing(self, root: Path) -> list[str]:
        return [name for name in self.names if not system_users.user_exists(root, name)]

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether all are there."""
        return not self._missing(tree.root)

    def perform(self, tree: InstallRoot) -> None:
        """Have systemd-sysusers make them."""
        missing = self._missing(tree.root)
        system_users.create_users(tree.root, self.declared)
        for name in missing:
            tree.manifest.note(ManifestEntry("account", f"account:{name}", name))


class FirstFileStep(NamedTuple):
    """A file that is the station's own as soon as it stands: it is never written over."""

    path: str
    body: bytes
    owner: str

    def describe(self) -> Phrase:
        """The step in plain words."""
        return Phrase("install.step-file", {"path": f"/{self.path}"})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether there is one, whatever is in it."""
        return tree.at(self.path).exists()

    def perform(self, tree: InstallRoot) -> None:
        """Write it; it lies in a folder of data, so nothing is to be undone."""
        replace_file(tree.root, self.path, self.body, 0o600)
        OwnerStep(self.path, self.owner).perform(tree)


class OwnerStep(NamedTuple):
    """A file of the installer's that the station must be able to read and to renew."""

    path: str
    owner: str
    mode: int = 0o640

    def describe(self) -> Phrase:
        """The step in plain words."""
        return Phrase("install.step-owner", {"path": f"/{self.path}", "owner": self.owner})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether it is the owner's already; only root can give anything away."""
        place = tree.at(self.path)
        if os.geteuid() != 0 or not place.exists():
            return True
        if not system_users.user_exists(tree.root, self.owner):
            return False
        return place.stat().st_uid == system_users.user_ids(tree.root, self.owner)[0]

    def perform(self, tree: InstallRoot) -> None:
        """Give it to its owner. Whoever wrote it knows what it was: nothing to be undone."""
        set_owner(tree.root, self.path, self.mode, _ids(tree, self.owner))


class AbsenceStep(NamedTuple):
    """A file of ours that should not stand; somebody else's is left alone."""

    path: str

    def describe(self) -> Phrase:
        """The step in plain words."""
        return Phrase("install.step-absent", {"path": f"/{self.path}"})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether there is none of ours."""
        laid, place = tree.manifest.find(self.path), tree.at(self.path)
        return laid is None or not os.path.lexists(place) or not _is_ours(place, laid)

    def perform(self, tree: InstallRoot) -> None:
        """Take it away, if it is still ours."""
        laid = tree.manifest.find(self.path)
        if laid is not None and remove_entry(tree, laid, purge=False):
            tree.manifest.laid.remove(laid)


class ProgramStep(NamedTuple):
    """The program itself: the package brings it, the installer only looks."""

    path: str

    def describe(self) -> Phrase:
        """The step in plain words."""
        return Phrase("install.step-program", {"path": f"/{self.path}"})

    def is_done(self, tree: InstallRoot) -> bool:
        """Whether it is there."""
        return os.path.lexists(tree.at(self.path))

    def perform(self, tree: InstallRoot) -> None:
        """Say how it comes there."""
        raise Unavailable("install.no-program", path=str(tree.at(self.path)))


def _ids(tree: InstallRoot, owner: str | None) -> tuple[int, int] | None:
    """The owner's numbers; None where nothing is given away, or we are not root."""
    return (
        system_users.user_ids(tree.root, owner) if owner is not None and os.geteuid() == 0 else None
    )


def make_folders(tree: InstallRoot, path: str, *, data: bool = False) -> None:
    """The folder and those above it, each that was missing noted."""
    above = [str(each) for each in reversed(Path(path).parents) if str(each) != "."]
    for each in (*above, path):
        if not tree.at(each).is_dir():
            tree.at(each).mkdir(mode=0o755)
            tree.manifest.note(ManifestEntry("folder", each, data=data and each == path))


def remove_entry(tree: InstallRoot, laid: ManifestEntry, *, purge: bool) -> bool:
    """Take one thing away again; False where it stays: changed since, in use, or data."""
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
    """Whether a file or link is still as we laid it."""
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
