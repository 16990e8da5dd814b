"""Checks passwords one at a time, in its own thread: the loop never waits, memory is bounded.

A caller that goes away neither stops the running check nor lets a second one start beside it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gateway.access import passwords
from gateway.access.passwords import COST, ScryptCost
from gateway.errors import AccessDenied

T = TypeVar("T")

# More than the people of a station would try at once; others are refused for some seconds.
WAITING_MAX = 8

# Of these, for unknown computers: people at known ones always find room.
STRANGERS_MAX = 4


class PasswordWorker:
    """One scrypt at a time. `evaluations` counts them."""

    def __init__(self, cost: ScryptCost = COST) -> None:
        self._cost = cost
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scrypt")
        self._waiting = self._strangers = 0
        self.evaluations = 0

    async def hash(self, password: str) -> str:
        """The stored form of the password."""
        return await self._run(lambda: passwords.hash_password(password, self._cost))

    async def verify(self, password: str, stored: str | None, *, stranger: bool = False) -> bool:
        """Whether the password is right; `stored` None costs the same and is never right.

        AccessDenied while too many wait, half of which may be strangers.
        """
        tried = passwords.unmatchable_hash(self._cost) if stored is None else stored
        if not stranger:
            return await self._run(lambda: passwords.verify_password(password, tried))
        if self._strangers >= STRANGERS_MAX:
            raise AccessDenied("access.wait", retry_after_s=5)
        self._strangers += 1
        try:
            return await self._run(lambda: passwords.verify_password(password, tried))
        finally:
            self._strangers -= 1

    def needs_rehash(self, stored: str) -> bool:
        """Whether the password should be stored again, at the current cost."""
        return passwords.needs_rehash(stored, self._cost)

    def close(self) -> None:
        """Start no further check."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING_MAX:
            raise AccessDenied("access.wait", retry_after_s=5)
        self._waiting += 1
        self.evaluations += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1
