"""Secrets made by the machine: codes for people to type, tokens for browsers."""

import hashlib
import hmac

from gateway import entropy

# Without characters that look or sound alike: 0 and O, 1, I and L, U.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

# 59 bits: at ten guesses a minute, a hundred billion years.
CODE_LENGTH = 12

GROUP = 4
TOKEN_BYTES = 32


def new_code() -> str:
    """A code such as `7KQ2-M9XD-HT4R`."""
    return group_code("".join(entropy.choice(ALPHABET) for _ in range(CODE_LENGTH)))


def group_code(code: str) -> str:
    """The code in groups, as it is printed."""
    return "-".join(code[i : i + GROUP] for i in range(0, len(code), GROUP))


def derive_code(secret: bytes) -> str:
    """The code derived from a secret: the same every time it is printed."""
    number = int.from_bytes(hashlib.sha256(b"yizhan claim" + secret).digest())
    letters = []
    for _ in range(CODE_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return group_code("".join(letters))


def codes_match(typed: str, code: str) -> bool:
    """Whether that is the code, ignoring blanks, dashes and case."""
    return hmac.compare_digest(_plain(typed), _plain(code))


def _plain(code: str) -> bytes:
    return "".join(code.split()).replace("-", "").upper().encode()


def new_token() -> str:
    """256 random bits for a cookie."""
    return entropy.token_urlsafe(TOKEN_BYTES)


def token_digest(token: str) -> str:
    """The stored form of a token: reading it does not let anybody in."""
    return hashlib.sha256(token.encode()).hexdigest()


def form_token(token: str) -> str:
    """The CSRF token of a form, derived from the cookie; it reveals nothing of the cookie."""
    return hmac.new(token.encode(), b"yizhan form", hashlib.sha256).hexdigest()
