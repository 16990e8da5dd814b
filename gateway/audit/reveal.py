"""Shows personal fields: never without an act that says who looked at whose, and why.

The act is on disk before anything is shown; if it cannot be written, nothing is shown.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from gateway.audit.events import Place, Result, Who
from gateway.audit.ledger import Ledger
from gateway.journal.private import Field, PrivateStore

Found = TypeVar("Found")

# Enough of a token to find its request, too little to use it.
TOKEN_SHOWN = 8


async def reveal(
    ledger: Ledger, store: PrivateStore, token: str, *, who: Who, place: Place
) -> dict[str, Field] | None:
    """The fields; None if they are erased or expired (and the act says that it failed)."""
    return await _shown(ledger, store.get, token, who, place)


async def reveal_sound(
    ledger: Ledger, store: PrivateStore, token: str, *, who: Who, place: Place
) -> bytes | None:
    """A recorded voice, likewise."""
    return await _shown(ledger, store.get_sound, token, who, place)


async def _shown(
    ledger: Ledger, get: Callable[[str], Found | None], token: str, who: Who, place: Place
) -> Found | None:
    found = await asyncio.to_thread(get, token)
    result = Result.FAILED if found is None else Result.DONE
    await ledger.record(who, "private/reveal", on=token[:TOKEN_SHOWN], result=result, place=place)
    return found
