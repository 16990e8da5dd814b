"""Shows personal fields: never without an act that says who looked at whose, and why.

The act is on disk before anything is shown; if it cannot be written, nothing is shown.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from gateway.audit.audit_log import AuditLog
from gateway.audit.events import Actor, ActOrigin, ActResult
from gateway.journal.personal_store import PersonalField, PersonalStore

RevealedT = TypeVar("RevealedT")

# Enough of a token to find its request, too little to use it.
TOKEN_SHOWN = 8


async def reveal_fields(
    ledger: AuditLog, store: PersonalStore, token: str, *, who: Actor, place: ActOrigin
) -> dict[str, PersonalField] | None:
    """The fields; None if they are erased or expired (and the act says that it failed)."""
    return await _shown(ledger, store.get, token, who, place)


async def reveal_sound(
    ledger: AuditLog, store: PersonalStore, token: str, *, who: Actor, place: ActOrigin
) -> bytes | None:
    """A recorded voice, likewise."""
    return await _shown(ledger, store.get_sound, token, who, place)


async def _shown(
    ledger: AuditLog,
    get: Callable[[str], RevealedT | None],
    token: str,
    who: Actor,
    place: ActOrigin,
) -> RevealedT | None:
    found = await asyncio.to_thread(get, token)
    result = ActResult.FAILED if found is None else ActResult.DONE
    await ledger.record(who, "private/reveal", on=token[:TOKEN_SHOWN], result=result, place=place)
    return found
