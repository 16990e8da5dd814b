"""Showing somebody's personal fields: never without an act that says who looked at whose, and why.

The act is on disk before anything is shown; if it cannot be written, nothing is.
"""

import asyncio

from gateway.audit.events import Place, Result, Who
from gateway.audit.ledger import Ledger
from gateway.journal.private import Field, PrivateStore

TOKEN_SHOWN = 8
"""Enough of a token to find the request that it belongs to, too little to be one."""


async def reveal(
    ledger: Ledger, store: PrivateStore, token: str, *, who: Who, place: Place
) -> dict[str, Field] | None:
    """The fields; None once they are erased or expired (and the act says that it failed)."""
    fields = await asyncio.to_thread(store.get, token)
    result = Result.FAILED if fields is None else Result.DONE
    await ledger.record(who, "private/reveal", on=token[:TOKEN_SHOWN], result=result, place=place)
    return fields
