"""The same command over two uplinks is one command: its id, and whose key signed it, make it so.

What it came to lies in the memory of the inbox that took it; the others look there before they
take one themselves. What one has refused or found expired was never done: each judges by its own
clock and room. Not meant is what concerns the uplink that it comes by (`CommandKind.of_uplink`),
nor what nobody has signed: nobody knows whose it is.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable

from gateway.upstream.inbox.command import CommandKind, CommandState, PlatformCommand
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.command_store import ASKED, CommandRecord, CommandStore

# So long after a start one inbox waits for the others to know what they have carried out.
READY_S = 10.0


class SiblingInboxes:
    """One inbox as the other inboxes of the station see it, and its view of them."""

    def __init__(self, keys: CommandKeys, on_cancel: Callable[[str], CommandState | None]) -> None:
        """`others` is set by whoever knows them; each inbox keeps its own `memory` here.

        `on_cancel` is `cancel`, but of what this inbox has taken itself.
        """
        self.others: Callable[[], Iterable[SiblingInboxes]] = lambda: ()
        self.memory: CommandStore | None = None
        self.loaded = asyncio.Event()
        self.on_cancel = on_cancel
        self._keys = keys

    async def wait_loaded(self) -> None:
        """Wait until the others have taken up their state: nothing is to be carried out twice."""
        waiting = [asyncio.ensure_future(other.loaded.wait()) for other in self.others()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=READY_S)
            for each in late:
                each.cancel()

    def issuer(self, kind: CommandKind) -> str:
        """Who signs a command of that kind here, by his key's digest; "" if that is no matter."""
        key = self._keys.key
        return "" if key is None or kind.of_uplink else _digest(key)

    def find_record(self, command_id: str, issuer: str, *, urgent: bool) -> CommandRecord | None:
        """What became of that issuer's command elsewhere; None if it was not begun there.

        One whose record is damaged counts as carried out, unless it is an emergency.
        """
        found = self._other(command_id, issuer, lost=not urgent)
        return None if found is None else found[1]

    def check(self, command: PlatformCommand, shelf: str, issuer: str) -> None:
        """CommandRefused for what another inbox may have carried out and forgotten."""
        for other in self.others() if issuer else ():
            if other.memory is not None and other.serves(issuer):
                other.memory.check(command, shelf)

    def cancel(self, command_id: str) -> CommandState | None:
        """Stop it where it is under way; the state of one that cannot be, None if unknown.

        CommandRefused for one that has begun, of a kind that must run to its end.
        """
        kept = None if self.memory is None else self.memory.get(command_id)
        key = self._keys.key
        if key is not None and (kept is None or not kept.begun):
            found = self._other(command_id, _digest(key))
            if found is not None:
                return found[0].on_cancel(command_id)
        return self.on_cancel(command_id)

    def serves(self, issuer: str) -> bool:
        """Whether this inbox takes that issuer's commands."""
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
    """Whether its issuer is not known: its row is damaged, or older than the keeping of that.

    What need not be signed has none, and must not take the id of what is signed.
    """
    return not kept.issuer and kept.shelf != ASKED


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
