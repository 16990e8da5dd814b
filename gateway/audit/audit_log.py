"""The audit log: acts are written one after the other, each with the state that it changes.

The act, the end of the chain and the room's own state are one commit: an account cannot be disabled
without an act, nor the other way round.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import msgspec

from gateway.audit import act_history
from gateway.audit.events import ACT, HERE, TEXT_MAX, ActEventData, Actor, ActOrigin, ActResult
from gateway.clock import Clock
from gateway.errors import JournalError
from gateway.event import Event, encode_tail
from gateway.journal import StateChange, has_stored_row, load_state
from gateway.journal.chain import HEAD, ROOM, ChainHead, act_seal, decode_head
from gateway.journal.ports import ReadAppender
from gateway.tasks import TaskSet

_encode = msgspec.json.Encoder().encode
_replace = msgspec.structs.replace


class AuditLog:
    """Writes acts. One per journal: two would fork the chain."""

    def __init__(self, journal: ReadAppender, clock: Clock, head: ChainHead) -> None:
        """Continue behind `head`; stations use `open`."""
        self._journal = journal
        self._clock = clock
        self._head = head
        self._wrote = False
        self._turn = asyncio.Lock()
        self._writing = TaskSet()

    @classmethod
    async def open(cls, journal: ReadAppender, clock: Clock) -> "AuditLog":
        """The audit log of this journal, from where it ended."""
        lost = await has_stored_row(journal, ROOM, HEAD)
        head = (await load_state(journal, ROOM, decode_head)).get(HEAD)
        if head is None:
            return cls(journal, clock, await _newest(journal) if lost else ChainHead())
        if head.n and not head.seq:  # a kill lost the number: usually it is among the last entries
            newest = (await act_history.read_act_page(journal, 0, 1)).acts
            seq = next((past.seq for past in newest if past.act.n == head.n), 0)
            head = _replace(head, seq=seq)
        return cls(journal, clock, head)

    async def record(
        self,
        who: Actor,
        what: str,
        *,
        on: str = "",
        result: ActResult = ActResult.DONE,
        why: str = "",
        place: ActOrigin = HERE,
        alike: int = 0,
        state: Sequence[StateChange] = (),
    ) -> None:
        """Write one act and its state; it is on disk when this returns.

        A cancelled caller knows nothing, as with any append; the chain does.
        """
        act = ActEventData(0, "", what, result, who, place, on[:TEXT_MAX], why, alike)
        await asyncio.shield(self._writing.start(self._write(act, state)))

    @property
    def head(self) -> ChainHead:
        """The last act on disk."""
        return self._head

    async def close(self) -> None:
        """Wait for what is being written, and store the end of the chain."""
        await self._writing.wait()
        if self._wrote:
            with contextlib.suppress(JournalError):  # the next start can find it by itself
                await self._journal.append([], [_ends(self._head)])

    async def _write(self, act: ActEventData, state: Sequence[StateChange]) -> None:
        async with self._turn:
            former = self._head
            event = self._sealed(_replace(act, n=former.n + 1, prev=former.seal, back=former.seq))
            assert isinstance(event.data, ActEventData)
            head = ChainHead(event.data.n, event.data.seal)
            (entry,) = await self._journal.append([event], [*state, _ends(head)])
            self._head = _replace(head, seq=entry.seq)
            self._wrote = True

    def _sealed(self, act: ActEventData) -> Event:
        event = Event(kind=ACT, source=ROOM, stamps=self._clock.stamp(), data=act)
        seal = act_seal(msgspec.json.decode(b"{" + encode_tail(event, "")))
        return Event(kind=ACT, source=ROOM, stamps=event.stamps, data=_replace(act, seal=seal))


async def _newest(journal: ReadAppender) -> ChainHead:
    """The chain's end by its last act, if the stored end is lost."""
    acts = (await act_history.read_act_page(journal, 0, 1)).acts
    return ChainHead(acts[0].act.n, acts[0].act.seal, acts[0].seq) if acts else ChainHead()


def _ends(head: ChainHead) -> StateChange:
    return StateChange(ROOM, HEAD, _encode(head))
