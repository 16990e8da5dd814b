"""Whose commands are carried out: the platform's key, and who may put another in its place.

The key that the settings or the enrolment name is the root. `key.rotate`, signed with the key in
force, puts another in its place; that one is kept in a file beside the station's own keys, so
that it outlives the journal, and counts for as long as the root is the one it came from: an
installer who writes down another root has the last word.
"""

from pathlib import Path
from typing import Any

import msgspec

from gateway import signing
from gateway.errors import CommandRefused
from gateway.toml import replace_file
from gateway.upstream.inbox import command as c
from gateway.upstream.inbox.command import PlatformCommand


class RotatedKey(msgspec.Struct, frozen=True):
    """The key in force, and the root that it goes back to."""

    root: str
    key: str


_rotated = msgspec.json.Decoder(RotatedKey)


class CommandKeys:
    """The platform's public key, as one uplink's inbox knows it."""

    def __init__(self, path: Path, root: str | None) -> None:
        """`path` keeps what was rotated; without a root no signed command is ever taken."""
        self._path = path
        self._root = root

    @property
    def key(self) -> str | None:
        """The key in force; None where nobody knows it, as when its file is damaged."""
        try:
            rotated = _rotated.decode(self._path.read_bytes())
        except FileNotFoundError:
            return self._root
        except ValueError:  # msgspec's are ValueErrors, and it may be no text at all
            return None  # the root may be the very key that was put out of force
        return rotated.key if rotated.root == self._root else self._root

    def prepare(self) -> None:
        """Get ready to check: an order must not wait while that is loaded. Takes a moment."""
        if self._root is not None:
            signing.preload()

    def check(self, command: PlatformCommand, raw: bytes) -> None:
        """CommandRefused unless the holder of the key in force signed this command."""
        key = self.key
        if key is None:
            raise CommandRefused(c.NO_KEY, kind=command.kind, of=command.id)
        if not signing.verify_signature(key, _signed_part(command, raw), command.signature or ""):
            raise CommandRefused(c.FORGED, kind=command.kind, of=command.id)

    def rotate(self, key: str) -> None:
        """From now on this key alone; durable when it returns."""
        assert self._root is not None, "a command was verified with it"
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self._path, msgspec.json.encode(RotatedKey(self._root, key)), mode=0o600)


def _signed_part(command: PlatformCommand, raw: bytes) -> Any:
    try:
        return c.signed_bytes(raw)
    except (ValueError, RecursionError) as error:
        raise CommandRefused(c.MALFORMED, reason=str(error), of=command.id) from error
