"""The key that signs a platform's commands, and its rotation.

The key in the settings or the enrolment is the root. `key.rotate`, signed with the key in force,
replaces it. The rotated key is kept in a file beside the station's own keys, so that it outlives
the journal, and holds while the root is the one that it was rotated from: an installer who
writes another root overrides it.
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
    """The key in force, and the root that it was rotated from."""

    root: str
    key: str


_rotated = msgspec.json.Decoder(RotatedKey)


class CommandKeys:
    """The platform's public key for one uplink's inbox."""

    def __init__(self, path: Path, root: str | None) -> None:
        """`path`: the file of the rotated key. Without a root every signed command is refused."""
        self._path = path
        self._root = root

    @property
    def key(self) -> str | None:
        """The key in force; None if there is none, or if its file is damaged."""
        try:
            rotated = _rotated.decode(self._path.read_bytes())
        except FileNotFoundError:
            return self._root
        except ValueError:  # includes msgspec.DecodeError and UnicodeDecodeError
            return None  # the root may be the very key that was rotated away
        return rotated.key if rotated.root == self._root else self._root

    def prepare(self) -> None:
        """Load what checking needs, so that the first command does not wait; takes a moment."""
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
        """Replace the key in force; durable when this returns."""
        assert self._root is not None, "a command was verified with it"
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self._path, msgspec.json.encode(RotatedKey(self._root, key)), mode=0o600)


def _signed_part(command: PlatformCommand, raw: bytes) -> Any:
    try:
        return c.signed_bytes(raw)
    except (ValueError, RecursionError) as error:
        raise CommandRefused(c.MALFORMED, reason=str(error), of=command.id) from error
