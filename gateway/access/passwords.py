"""What makes a password weak, and how it is stored. Pure; `verify_password` is slow on purpose."""

import base64
import hashlib
import hmac
import itertools
import re
import unicodedata
from collections.abc import Collection
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from gateway import entropy

SIZE_MIN = 12
SIZE_MAX = 200
# What must remain, in the same measure, without common words, names and runs.
LEFT_MIN = 6

WORD_MIN = 4
NAME_MIN = 3
RUN_MIN = 3
# A Chinese character counts as two: there are thousands of them, and six words make a phrase.
WIDE = 2

COMMON = Path(__file__).with_name("common.txt")


@cache
def common_passwords() -> frozenset[str]:
    """The most common passwords, from the shipped list."""
    lines = COMMON.read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def normalize(text: str) -> str:
    """One form for what looks the same, however a keyboard composed it."""
    return unicodedata.normalize("NFKC", text)


def password_weakness(password: str, about: Collection[str] = ()) -> str | None:
    """The text code of the reason if the password is weak; `about` are names of its owner."""
    password = normalize(password)
    if _size(password) < SIZE_MIN:
        return "access.password-short"
    if len(password) > SIZE_MAX:
        return "access.password-long"
    if _size(_without_runs(_without_words(password.casefold(), about))) < LEFT_MIN:
        return "access.password-common"
    return None


def pin_weakness(pin: str) -> str | None:
    """Why a PIN is refused: it must have four to eight digits, not all repeated or in one run."""
    if not re.fullmatch(r"[0-9]{4,8}", pin):
        return "access.pin-digits"
    half = pin[: len(pin) // 2]
    plain = len(_without_runs(pin)) < RUN_MIN or half * 2 == pin or len(set(pin)) < RUN_MIN
    return "access.pin-plain" if plain or pin in common_passwords() else None


def _size(text: str) -> int:
    return sum(WIDE if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _without_words(text: str, about: Collection[str]) -> str:
    names = {normalize(name).casefold() for name in about if _size(name) >= NAME_MIN}
    if names:
        text = re.sub(_any_of(frozenset(names)), "", text)
    return re.sub(_any_of(common_passwords()), "", text)


@lru_cache(8)
def _any_of(words: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, longest_first)))


def _without_runs(text: str) -> str:
    """`aaaa`, `abcd` and `4321` count as their first two characters."""
    kept, run, step = "", 1, 0
    for before, char in itertools.pairwise(text):
        moved = ord(char) - ord(before)
        run = run + 1 if moved == step and moved in (-1, 0, 1) else 2
        step = moved
        if run < RUN_MIN:
            kept += char
    return text[:1] + kept


class ScryptCost(NamedTuple):
    """The parameters of scrypt: 128 · r · 2^n bytes, p times."""

    n: int
    r: int
    p: int

    @property
    def bytes(self) -> int:
        """Memory of one check."""
        return 128 * self.r << self.n


# 32 MiB and a quarter of a second on a desktop, about a second on a Pi: a minimum of OWASP's
# password storage cheat sheet, chosen for the memory of a station with 1 GB.
COST = ScryptCost(15, 8, 3)

_SALT_BYTES = 16
_KEY_BYTES = 32
_SPARE_BYTES = 1024 * 1024


def hash_password(password: str, cost: ScryptCost = COST) -> str:
    """The stored form of the password: `scrypt$15$8$3$<salt>$<key>`."""
    salt = entropy.token_bytes(_SALT_BYTES)
    return "$".join(["scrypt", *map(str, cost), _text(salt), _text(_key(password, salt, cost))])


def unmatchable_hash(cost: ScryptCost = COST) -> str:
    """A stored form that no password opens, at the same cost."""
    drawn = (_text(entropy.token_bytes(size)) for size in (_SALT_BYTES, _KEY_BYTES))
    return "$".join(["scrypt", *map(str, cost), *drawn])


def verify_password(password: str, stored: str) -> bool:
    """Whether that is the password; the work is the same for a right and a wrong one."""
    _, n, r, p, salt, key = stored.split("$")
    found = _key(password, _bytes(salt), ScryptCost(int(n), int(r), int(p)))
    return hmac.compare_digest(found, _bytes(key))


def needs_rehash(stored: str, cost: ScryptCost = COST) -> bool:
    """Whether it was stored at another cost than the current one."""
    return stored.split("$")[1:4] != list(map(str, cost))


def _key(password: str, salt: bytes, cost: ScryptCost) -> bytes:
    return hashlib.scrypt(
        normalize(password).encode(errors="surrogatepass"),
        salt=salt,
        n=1 << cost.n,
        r=cost.r,
        p=cost.p,
        maxmem=cost.bytes + 128 * cost.r * cost.p + _SPARE_BYTES,
        dklen=_KEY_BYTES,
    )


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)
