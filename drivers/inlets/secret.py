"""The secret in the path of an HTTP inlet."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from drivers.contract import PortUnfit

# 16 random URL-safe characters are 96 bits.
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,128}")


def load_secret(name: str, keys: Path | None, environ: Mapping[str, str] = os.environ) -> bytes:
    """The secret of that name, from systemd's credentials or from `keys`; PortUnfit without it."""
    path = _file(name, keys, environ)
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise PortUnfit("inlet.secret-missing", name=name, path=str(path)) from error
    if not _SECRET.fullmatch(secret.decode("ascii", "replace")):
        raise PortUnfit("inlet.secret-weak", name=name, path=str(path))
    return secret


def _file(name: str, keys: Path | None, environ: Mapping[str, str]) -> Path:
    handed = environ.get("CREDENTIALS_DIRECTORY")
    if handed and (path := Path(handed) / name).is_file():
        return path
    path = Path(name) if keys is None else keys / name
    if keys is None or not path.is_file():
        raise PortUnfit("inlet.secret-missing", name=name, path=str(path))
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise PortUnfit("inlet.secret-open", name=name, path=str(path))
    return path
