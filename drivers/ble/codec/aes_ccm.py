"""AES-CCM with a 4-byte tag, as BTHome and MiBeacon seal their payloads."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

TAG_BYTES = 4
KEY_BYTES = 16
_CIPHERS_MAX = 256


@lru_cache(maxsize=_CIPHERS_MAX)
def _opener(key: bytes) -> tuple[Callable[..., bytes], type[Exception]]:
    """The decryption with that key; a cipher costs more to make than an advert to open."""
    # Only stations with sealed sensors pay for loading the library.
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM  # noqa: PLC0415

    cipher: Any = AESCCM(key, tag_length=TAG_BYTES)
    return cipher.decrypt, InvalidTag


def decrypt_sealed(
    key: bytes, nonce: bytes, sealed: bytes, associated: bytes | None
) -> bytes | None:
    """The plain bytes of `sealed` (ciphertext, then tag); None: not sealed with this key."""
    decrypt, invalid = _opener(key)
    try:
        return decrypt(nonce, sealed, associated)
    except invalid:
        return None
