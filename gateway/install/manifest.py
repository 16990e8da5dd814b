"""The list of what the installer has put in place, with hashes; only root may write it.

It is kept outside the station's own folders: what the station can write must never tell root what
to remove.
"""

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from gateway.errors import Unavailable

PLACE = "var/lib/yizhan-install/manifest.json"
VERSION = 1


class ManifestEntry(msgspec.Struct, frozen=True):
    """One thing that was not there before, with the proof that it is still ours.

    `proof` is a file's SHA-256, a link's target, an account's name; empty for a folder. `data`
    marks a folder of the station's own, which only a purge removes.
    """

    kind: Literal["folder", "file", "link", "account"]
    path: str
    proof: str = ""
    data: bool = False


class Manifest(msgspec.Struct):
    """All entries in the order in which they were made."""

    version: int = VERSION
    laid: list[ManifestEntry] = []

    # A choice made once holds until another is made.
    keep_logs: bool = False
    # The same, but only for upgrades: who runs the installer by hand chooses each time.
    wiring: bool = False

    def find(self, path: str) -> ManifestEntry | None:
        """The entry of that path."""
        return next((each for each in self.laid if each.path == path), None)

    def note(self, laid: ManifestEntry) -> None:
        """Add an entry; one of the same path keeps its place."""
        known = self.find(laid.path)
        if known is None:
            self.laid.append(laid)
        else:
            self.laid[self.laid.index(known)] = laid


def file_digest(body: bytes) -> str:
    """The proof that a file is unchanged."""
    return hashlib.sha256(body).hexdigest()


def read_manifest(root: Path) -> Manifest:
    """The manifest of that root; empty if nothing was installed."""
    path = root / PLACE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()
    except msgspec.DecodeError as error:
        raise Unavailable("install.bad-manifest", path=str(path), reason=str(error)) from error


def remove_manifest(root: Path) -> None:
    """Remove the list itself."""
    path = root / PLACE
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        path.parent.rmdir()


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Replace the list; an empty one is removed."""
    path = root / PLACE
    if not manifest.laid:
        remove_manifest(root)
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    fresh.replace(path)
