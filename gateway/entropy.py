"""Randomness: whatever a station draws (ids, keys, tokens, jitter) is drawn from one source.

The source is the operating system's. A simulation puts a seeded one in its place for the tasks
that it starts, therefore it is a context variable.
"""

import base64
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

# So many random bytes.
Source = Callable[[int], bytes]

_T = TypeVar("_T")
_source: ContextVar[Source] = ContextVar("entropy", default=os.urandom)


@contextmanager
def use_source(source: Source) -> Iterator[None]:
    """Within this block, and in the tasks that begin in it, randomness comes from there."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


def token_bytes(size: int) -> bytes:
    """That many bytes that nobody can guess."""
    return _source.get()(size)


def token_hex(size: int) -> str:
    """That many bytes in hexadecimal digits."""
    return token_bytes(size).hex()


def token_urlsafe(size: int) -> str:
    """That many bytes in base64url without padding."""
    return base64.urlsafe_b64encode(token_bytes(size)).rstrip(b"=").decode()


def choice(among: Sequence[_T]) -> _T:
    """One of them, each as likely as the other."""
    return among[_number(len(among))]


def jitter_generator() -> random.Random:
    """A generator that spreads retries and guards nothing."""
    return random.Random(token_bytes(16))  # noqa: S311  # jitter, not a secret


def _number(below: int) -> int:
    """A number from 0, without the bias of a remainder."""
    size = (below.bit_length() + 7) // 8
    limit = (256**size // below) * below
    while (drawn := int.from_bytes(token_bytes(size))) >= limit:
        pass
    return drawn % below
