"""The bind key of an encrypting sensor: 16 bytes that are never shown."""

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from drivers.ble.codec.aes_ccm import KEY_BYTES
from drivers.contract import WrongUse

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_FILE_BYTES_MAX = 256


class BindKey:
    """A bind key; only `reveal` returns it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "Key(…)"

    def reveal(self) -> bytes:
        """The key, for the cipher."""
        return self._key


def parse_key(digits: str) -> BindKey | None:
    """The key from 32 hexadecimal digits, as makers print it; None if it is not one."""
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        return None
    return BindKey(key) if len(key) == KEY_BYTES else None


def load_key(credential: str, environ: Mapping[str, str], folder: Path | None) -> BindKey:
    """The key from the credential of that name; WrongUse says why that failed.

    systemd provides credentials in `$CREDENTIALS_DIRECTORY`; elsewhere it is a file in `folder`
    that only its owner can read.
    """
    if not _NAME.fullmatch(credential):
        raise WrongUse("ble.key-name", credential=credential)
    handed = environ.get("CREDENTIALS_DIRECTORY")
    if handed and (path := Path(handed) / credential).is_file():
        return _read(credential, path)
    if folder is None or not (path := folder / credential).is_file():
        raise WrongUse("ble.key-missing", credential=credential)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise WrongUse("ble.key-open", credential=credential)
    return _read(credential, path)


def _read(credential: str, path: Path) -> BindKey:
    try:
        with path.open("rb") as file:
            digits = file.read(_FILE_BYTES_MAX).decode("ascii", "replace").strip()
    except OSError as error:
        raise WrongUse("ble.key-missing", credential=credential) from error
    key = parse_key(digits)
    if key is None:
        raise WrongUse("ble.key-unusable", credential=credential)
    return key
