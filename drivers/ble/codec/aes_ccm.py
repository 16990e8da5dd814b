"""AES-CCM with a 4-byte tag, the encryption of BTHome and MiBeacon payloads."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

TAG_BYTES = 4
KEY_BYTES = 16
_CIPHERS_MAX = 256


@lru_cache(maxsize=_CIPHERS_MAX)
def _opener(key: bytes) -> tuple[Callable[..., bytes], type[Exception]]:
    """Decryption with that key; making a cipher costs more than decrypting an advert."""
    # Loaded only by stations with encrypting sensors.
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM  # noqa: PLC0415

    cipher: Any = AESCCM(key, tag_length=TAG_BYTES)
    return cipher.decrypt, InvalidTag


def decrypt_sealed(
    key: bytes, nonce: bytes, sealed: bytes, associated: bytes | None
) -> bytes | None:
    """The plain bytes of `sealed` (ciphertext, then tag); None if the key or data are wrong."""
    decrypt, invalid = _opener(key)
    try:
        return decrypt(nonce, sealed, associated)
    except invalid:
        return None
