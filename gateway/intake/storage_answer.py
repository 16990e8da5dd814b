"""Whether a poll is in the journal: for whoever may confirm only what cannot be lost any more."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable
from typing import Any, Self

from gateway.journal.ports import Ticket


class StorageAnswer:
    """Awaited, it answers whether all of a poll that was to be stored is in the journal.

    That includes what the device said before: a repeated reading is not stored again while the
    first is on its way. Cancelling the wait cancels nothing else.
    """

    def __init__(self, *, taken: bool, tickets: Iterable[Ticket] = ()) -> None:
        """`taken`: nothing of it was refused at once; `tickets` are still on their way."""
        self._taken = taken
        self._tickets = tuple(tickets)
        self._then: Callable[[], Awaitable[bool]] | None = None

    def and_then(self, decide: Callable[[], Awaitable[bool]]) -> Self:
        """Ask that, too, once the poll is stored: what has followed from it."""
        self._then = decide
        return self

    def __await__(self) -> Generator[Any, None, bool]:
        return self._decided().__await__()

    async def _decided(self) -> bool:
        if self._tickets:
            await asyncio.wait(self._tickets)
        stored = self._taken and all(
            not ticket.cancelled() and ticket.exception() is None for ticket in self._tickets
        )
        return stored and (self._then is None or await self._then())
