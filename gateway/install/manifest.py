"""What the installer has laid, by hash: a list that root alone may write.

It stands apart from the station's own folders: what the station can write must never say what root
removes.
"""

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from gateway.errors import Unavailable

PLACE = "var/lib/yizhan-install/manifest.json"
VERSION = 1


class ManifestEntry(msgspec.Struct, frozen=True):
    """One thing that was not there before: below the root, with what proves that it is still ours.

    `proof` is a file's SHA-256, a link's target, an account's name; of a folder nothing. `data` is
    a folder of the station's own, which only a purge takes.
    """

    kind: Literal["folder", "file", "link", "account"]
    path: str
    proof: str = ""
    data: bool = False


class Manifest(msgspec.Struct):
    """All of them in the order in which they were laid."""

    version: int = VERSION
    laid: list[ManifestEntry] = []

    # A choice made once holds until another is made.
    keep_logs: bool = False
    # The same, but only for upgrades: who runs the installer by hand chooses each time.
    wiring: bool = False

    def find(self, path: str) -> ManifestEntry | None:
        """What is known of that path."""
        return next((each for each in self.laid if each.path == path), None)

    def note(self, laid: ManifestEntry) -> None:
        """Take a thing in; one that stands there already keeps its turn."""
        known = self.find(laid.path)
        if known is None:
            self.laid.append(laid)
        else:
            self.laid[self.laid.index(known)] = laid


def file_digest(body: bytes) -> str:
    """What proves that a file is still as it was laid."""
    return hashlib.sha256(body).hexdigest()


def read_manifest(root: Path) -> Manifest:
    """The manifest of that root; an empty one where nothing was ever laid."""
    path = root / PLACE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()
    except msgspec.DecodeError as error:
        raise Unavailable("install.bad-manifest", path=str(path), reason=str(error)) from error


def remove_manifest(root: Path) -> None:
    """Take the list itself away."""
    path = root / PLACE
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        path.parent.rmdir()


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Put it in place whole; one that holds nothing leaves nothing."""
    path = root / PLACE
    if not manifest.laid:
        remove_manifest(root)
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    fresh.replace(path)
