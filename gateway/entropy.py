"""Randomness: the single source of ids, keys, tokens and jitter.

The source is the operating system's. A simulation replaces it by a seeded one for the tasks that it
starts, therefore it is a context variable.
"""

import base64
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

# Returns that many random bytes.
Source = Callable[[int], bytes]

_T = TypeVar("_T")
_source: ContextVar[Source] = ContextVar("entropy", default=os.urandom)


@contextmanager
def use_source(source: Source) -> Iterator[None]:
    """Within this block, and in tasks started in it, draw randomness from that source."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


def token_bytes(size: int) -> bytes:
    """That many unguessable bytes."""
    return _source.get()(size)


def token_hex(size: int) -> str:
    """That many bytes in hexadecimal digits."""
    return token_bytes(size).hex()


def token_urlsafe(size: int) -> str:
    """That many bytes in base64url without padding."""
    return base64.urlsafe_b64encode(token_bytes(size)).rstrip(b"=").decode()


def choice(among: Sequence[_T]) -> _T:
    """A uniformly random element."""
    return among[_number(len(among))]


def jitter_generator() -> random.Random:
    """A generator for spreading retries; not for secrets."""
    return random.Random(token_bytes(16))  # noqa: S311  # jitter, not a secret


def _number(below: int) -> int:
    """A number from 0, without modulo bias."""
    size = (below.bit_length() + 7) // 8
    limit = (256**size // below) * below
    while (drawn := int.from_bytes(token_bytes(size))) >= limit:
        pass
    return drawn % below
