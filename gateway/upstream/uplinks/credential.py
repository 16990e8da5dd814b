"""The secret behind a credential's name.

systemd passes secrets in `$CREDENTIALS_DIRECTORY`; without it they are files in the state's
`keys/`, readable by their owner alone.
"""

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from gateway.errors import SettingsError

BYTES_MAX = 8192
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Credential:
    """A bearer token that no repr or log shows; `reveal` returns it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "Credential(…)"

    def reveal(self) -> str:
        """The token, for the header of a request."""
        return self._token


def load_credential(name: str, environ: Mapping[str, str], keys: Path) -> Credential:
    """Load the credential of that name; SettingsError with what is wrong with it."""
    if not _NAME.fullmatch(name):
        raise SettingsError("upstream.credential-name", name=name)
    handed = environ.get("CREDENTIALS_DIRECTORY")
    if handed and (path := Path(handed) / name).is_file():
        return _read(name, path)
    path = keys / name
    if not path.is_file():
        raise SettingsError("upstream.credential-missing", name=name, path=str(path))
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise SettingsError("upstream.credential-open", name=name, path=str(path))
    return _read(name, path)


def _read(name: str, path: Path) -> Credential:
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except OSError as error:
        data = {"name": name, "path": str(path), "reason": error.strerror}
        raise SettingsError("upstream.credential-unreadable", **data) from error
    token = raw.decode("ascii", "replace").strip()
    if len(raw) > BYTES_MAX or not token or not token.isprintable() or not token.isascii():
        raise SettingsError("upstream.credential-unusable", name=name, path=str(path))
    return Credential(token)
