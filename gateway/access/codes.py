"""Secrets that a machine makes: codes for people to type, tokens for browsers to keep."""

import hashlib
import hmac

from gateway import entropy

# Without what looks or sounds alike: 0 and O, 1, I and L, U.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

# 59 bits: at ten guesses a minute, a hundred billion years.
CODE_LENGTH = 12

GROUP = 4
TOKEN_BYTES = 32


def new_code() -> str:
    """A code such as `7KQ2-M9XD-HT4R`."""
    return grouped("".join(entropy.choice(ALPHABET) for _ in range(CODE_LENGTH)))


def grouped(code: str) -> str:
    """The code in groups, as it is printed."""
    return "-".join(code[i : i + GROUP] for i in range(0, len(code), GROUP))


def code_from(secret: bytes) -> str:
    """The code that follows from a secret: the same every time it is printed."""
    number = int.from_bytes(hashlib.sha256(b"yizhan claim" + secret).digest())
    letters = []
    for _ in range(CODE_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return grouped("".join(letters))


def same_code(typed: str, code: str) -> bool:
    """Whether that is the code, however it was typed: blanks, dashes and case do not matter."""
    return hmac.compare_digest(_plain(typed), _plain(code))


def _plain(code: str) -> bytes:
    return "".join(code.split()).replace("-", "").upper().encode()


def new_token() -> str:
    """256 random bits for a cookie."""
    return entropy.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> str:
    """What is kept of a token: nobody who reads it can come in with it."""
    return hashlib.sha256(token.encode()).hexdigest()


def form_token(token: str) -> str:
    """The token that a form of the cookie's holder carries; it gives nothing of the cookie away."""
    return hmac.new(token.encode(), b"yizhan form", hashlib.sha256).hexdigest()
