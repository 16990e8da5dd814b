"""Signatures over canonical JSON, and key files.

Canonical JSON is RFC 8785 for what we sign: objects, arrays, strings, booleans, null and integers
that every JSON reader keeps exactly. Floating-point numbers are refused: two systems that print one
differently would see a forged order where there is none.
"""

import base64
import binascii
import importlib
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gateway import entropy
from gateway.disk import run_in_time
from gateway.errors import StationError, UsageError

INTEGER_MAX = 2**53 - 1
DEPTH_MAX = 16
KEY_BYTES = 32
_LOOSE = 0o077


def canonical_json(value: Any) -> bytes:
    """The canonical form of the value; UsageError if there is none."""
    plain = _checked(value, DEPTH_MAX)
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()


def _checked(value: Any, depth: int) -> Any:
    """The value with sorted keys (by UTF-16 code units, as in RFC 8785)."""
    if depth == 0:
        raise UsageError("signing.too-deep", max=DEPTH_MAX)
    match value:
        case None | bool():
            return value
        case int() if abs(value) <= INTEGER_MAX:
            return value
        case str():
            return _sound(value)
        case list() | tuple():
            return [_checked(item, depth - 1) for item in value]
        case dict() if all(isinstance(key, str) for key in value):
            keys = sorted(map(_sound, value), key=lambda key: key.encode("utf-16-be"))
            return {key: _checked(value[key], depth - 1) for key in keys}
    raise UsageError("signing.not-canonical", found=type(value).__name__)


def _sound(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError("signing.not-canonical", found="surrogate") from error
    return text


def preload() -> None:
    """Load the code for verification, so that the first signature does not wait for it.

    It takes 12 MB and, on a slow card, half a second: only stations that may receive signatures
    call this.
    """
    importlib.import_module("cryptography.hazmat.primitives.asymmetric.ed25519")


class Signer:
    """Signs with one Ed25519 key."""

    def __init__(self, seed: bytes) -> None:
        """The key derived from these 32 secret bytes."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415  # see `preload`
            Ed25519PrivateKey,
        )

        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @classmethod
    def open(cls, path: Path) -> "Signer":
        """The signer whose key is in that file, which is created if missing."""
        return cls(secret_key(path))

    @property
    def public(self) -> str:
        """The public key, for whoever verifies."""
        return _text(self._key.public_key().public_bytes_raw())

    def sign(self, value: Any) -> str:
        """The signature over the value's canonical form."""
        return _text(self._key.sign(canonical_json(value)))


def verify_signature(public: str, value: Any, signature: str) -> bool:
    """Whether the holder of that public key signed the value.

    Any value or signature from a stranger gives False; a wrong `public` is our own mistake
    (UsageError).
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # see `preload`
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PublicKey,
    )

    try:
        key = Ed25519PublicKey.from_public_bytes(_bytes(public))
    except ValueError as error:
        raise UsageError("signing.bad-public-key", key=public) from error
    try:
        key.verify(_bytes(signature), canonical_json(value))
    except (InvalidSignature, ValueError, UsageError):
        return False
    return True


def is_public_key(text: str) -> bool:
    """Whether that is a public key in our format."""
    try:
        return len(_bytes(text)) == KEY_BYTES  # any such number is a point of the curve, or none
    except ValueError:  # also from base64 and ASCII
        return False


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Base64url without padding, in its only canonical form; ValueError otherwise."""
    raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if _text(raw) != text:
        raise binascii.Error(text)
    return raw


def secret_key(path: Path, make: Callable[[int], bytes] = entropy.token_bytes) -> bytes:
    """The 32 secret bytes in that file, created on the first call; readable by its owner only.

    A file that others can read, or of another size, is refused: its key may be known to others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return run_in_time(partial(_made, path, make(KEY_BYTES)))
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_mode & _LOOSE:
            raise StationError("signing.key-readable", path=str(path))
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise StationError("signing.key-damaged", path=str(path))
    return key


def _made(path: Path, key: bytes) -> bytes:
    """Write the key atomically; if another process is first, its key wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{entropy.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(descriptor)
        os.link(fresh, path)  # unlike a rename, a link never replaces an existing key
    except FileExistsError:
        return secret_key(path)
    finally:
        fresh.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return key
