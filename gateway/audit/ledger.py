"""The ledger: acts are written one after the other, each with the state that it changes.

The act, the end of the chain and the room's own state are one commit: an account that was
disabled without an act of it, or the other way round, cannot be.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec

from gateway.audit.events import ACT, HERE, TEXT_MAX, Act, Place, Result, Who
from gateway.clock import Clock
from gateway.event import Entry, Event, tail
from gateway.journal import StateChange
from gateway.journal.chain import HEAD, ROOM, Head, seal_of

_encode = msgspec.json.Encoder().encode
_replace = msgspec.structs.replace


class Journal(Protocol):
    """What the ledger needs of the journal."""

    async def append(
        self, events: Sequence[Event], state: Sequence[StateChange] = ()
    ) -> tuple[Entry, ...]:
        """Store the events and the state, both or neither."""
        ...

    async def load(self, room: str) -> dict[str, bytes]:
        """The room's state by key."""
        ...


class Ledger:
    """Writes acts. One a journal: two would fork the chain."""

    def __init__(self, journal: Journal, clock: Clock, head: Head) -> None:
        """Go on behind `head`; stations use `open`."""
        self._journal = journal
        self._clock = clock
        self._head = head
        self._turn = asyncio.Lock()
        self._writing: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, journal: Journal, clock: Clock) -> "Ledger":
        """The ledger of this journal, from where it ended."""
        kept = (await journal.load(ROOM)).get(HEAD)
        head = Head() if kept is None else msgspec.json.decode(kept, type=Head)
        return cls(journal, clock, head)

    async def record(
        self,
        who: Who,
        what: str,
        *,
        on: str = "",
        result: Result = Result.DONE,
        why: str = "",
        place: Place = HERE,
        alike: int = 0,
        state: Sequence[StateChange] = (),
    ) -> None:
        """Write one act and the state that belongs to it; it is on disk when this returns.

        A caller that is cancelled knows nothing, as with any append; the chain does.
        """
        act = Act(0, "", what, result, who, place, on[:TEXT_MAX], why, alike)
        writing = asyncio.create_task(self._write(act, state))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        await asyncio.shield(writing)

    @property
    def head(self) -> Head:
        """The last act on disk."""
        return self._head

    async def close(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _write(self, act: Act, state: Sequence[StateChange]) -> None:
        async with self._turn:
            event = self._sealed(_replace(act, n=self._head.n + 1, prev=self._head.seal))
            assert isinstance(event.data, Act)
            head = Head(event.data.n, event.data.seal)
            await self._journal.append([event], [*state, StateChange(ROOM, HEAD, _encode(head))])
            self._head = head

    def _sealed(self, act: Act) -> Event:
        event = Event(kind=ACT, source=ROOM, stamps=self._clock.stamp(), data=act)
        seal = seal_of(msgspec.json.decode(b"{" + tail(event, "")))
        return Event(kind=ACT, source=ROOM, stamps=event.stamps, data=_replace(act, seal=seal))
