"""The same command over two uplinks, by id and signing key, is one command.

Its record is in the store of the inbox that accepted it; the others look there before they accept
one. A command that one inbox refused or found expired was never carried out: each judges by its
own clock and room. This does not hold for kinds that concern the uplink that they came over
(`CommandKind.of_uplink`), nor for unsigned commands, whose issuer is unknown.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable

from gateway.upstream.inbox.command import CommandKind, CommandState, PlatformCommand
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.command_store import ASKED, CommandRecord, CommandStore

# How long an inbox waits after a start for the others to load their records.
READY_S = 10.0


class SiblingInboxes:
    """An inbox as the station's other inboxes see it, and its view of them."""

    def __init__(self, keys: CommandKeys, on_cancel: Callable[[str], CommandState | None]) -> None:
        """`others` and `memory` are set later: the other inboxes, and this inbox's own store.

        `on_cancel` cancels a command that this inbox accepted itself.
        """
        self.others: Callable[[], Iterable[SiblingInboxes]] = lambda: ()
        self.memory: CommandStore | None = None
        self.loaded = asyncio.Event()
        self.on_cancel = on_cancel
        self._keys = keys

    async def wait_loaded(self) -> None:
        """Wait until the others have loaded their records, so that nothing is carried out twice."""
        waiting = [asyncio.ensure_future(other.loaded.wait()) for other in self.others()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=READY_S)
            for each in late:
                each.cancel()

    def issuer(self, kind: CommandKind) -> str:
        """The digest of the key that signs commands of that kind; "" where it does not matter."""
        key = self._keys.key
        return "" if key is None or kind.of_uplink else _digest(key)

    def find_record(self, command_id: str, issuer: str, *, urgent: bool) -> CommandRecord | None:
        """The record of that issuer's command in another inbox; None if it was not begun there.

        A command with a damaged record counts as carried out, unless it is an emergency.
        """
        found = self._other(command_id, issuer, lost=not urgent)
        return None if found is None else found[1]

    def check(self, command: PlatformCommand, shelf: str, issuer: str) -> None:
        """CommandRefused for a command that another inbox may have carried out and forgotten."""
        for other in self.others() if issuer else ():
            if other.memory is not None and other.serves(issuer):
                other.memory.check(command, shelf)

    def cancel(self, command_id: str) -> CommandState | None:
        """Cancel it in whichever inbox runs it; its state if it has ended, None if unknown.

        CommandRefused if it has begun and its kind is not cancellable.
        """
        kept = None if self.memory is None else self.memory.get(command_id)
        key = self._keys.key
        if key is not None and (kept is None or not kept.begun):
            found = self._other(command_id, _digest(key))
            if found is not None:
                return found[0].on_cancel(command_id)
        return self.on_cancel(command_id)

    def serves(self, issuer: str) -> bool:
        """Whether this inbox accepts that issuer's commands."""
        key = self._keys.key
        return key is not None and _digest(key) == issuer

    def _other(
        self, command_id: str, issuer: str, *, lost: bool = True
    ) -> "tuple[SiblingInboxes, CommandRecord] | None":
        for other in self.others() if issuer else ():
            kept = None if other.memory is None else other.memory.get(command_id)
            if kept is None or not kept.begun or (kept.lost and not lost):
                continue
            if kept.issuer == issuer or (_unnamed(kept) and other.serves(issuer)):
                return other, kept
        return None


def _unnamed(kept: CommandRecord) -> bool:
    """Whether its issuer is unknown: the record is damaged or older than the field.

    An unsigned command has no issuer, and must not occupy the id of a signed one.
    """
    return not kept.issuer and kept.shelf != ASKED


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
