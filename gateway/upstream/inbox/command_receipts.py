"""The receipts of one inbox, each committed together with the record of its command."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.clock import Clock, Deadline
from gateway.errors import CommandRefused, JournalError, JournalFull, UsageError
from gateway.event import Event, rfc3339
from gateway.faults import OnFault
from gateway.journal import StateChange
from gateway.journal.ports import ReadAppender
from gateway.upstream.inbox.command import EXPIRED, MOVES, CommandState
from gateway.upstream.inbox.command_store import CommandRecord, CommandStore
from gateway.upstream.inbox.events import COMMAND_RECEIPT, ROOM, ReceiptEventData
from gateway.upstream.inbox.execution import CommandOutcome

# Delay before a failed record is tried again.
UNSTORED_S, UNSTORED_S_MAX = 2.0, 60.0

# Ends that may wait to be recorded; further ones are only logged.
UNTOLD_MAX = 256

_log = logging.getLogger(__name__)


class CommandReceipts:
    """Writes receipts to the journal and keeps the store in step with them."""

    def __init__(
        self,
        journal: ReadAppender,
        clock: Clock,
        memory: CommandStore,
        where: str,
        on_fault: OnFault,
    ) -> None:
        """`where` names the inbox for `on_fault`."""
        self._journal = journal
        self._clock = clock
        self._memory = memory
        self._where = where
        self._on_fault = on_fault
        self._untold = 0

    async def record(
        self, command_id: str, kept: CommandRecord, changes: Sequence[StateChange] = ()
    ) -> None:
        """Store its record and commit it with its receipt; on JournalError neither exists."""
        try:
            await self.append(command_id, kept, changes)
        except BaseException:  # without a commit there is no record
            self._memory.drop(command_id)
            raise

    async def append(
        self, command_id: str, kept: CommandRecord, changes: Sequence[StateChange] = ()
    ) -> None:
        """Store its record at once; JournalError if it could not be committed."""
        assert kept.state is not None, "there is something to tell"
        fate = self._memory.keep(command_id, kept)
        deadline = kept.deadline if kept.state is CommandState.ACCEPTED else None
        receipt = self._receipt(command_id, kept.state, kept.reason_code, kept.detail, deadline)
        await self._commit(receipt, [*changes, fate])

    async def end_command(self, command_id: str, kept: CommandRecord) -> None:
        """Record its end, retried until there is room."""
        try:
            await self._surely(command_id, kept)
        except JournalError as error:  # the disk has failed, and this process is about to end
            _log.error("the end of %s could not be recorded: %s", command_id, error)
        except Exception as error:  # noqa: BLE001  # a detail that is none: the end is told without
            self._on_fault(self._where, error)
            told = msgspec.structs.replace(kept, detail=None, data="")
            with contextlib.suppress(JournalError):
                await self._surely(command_id, told)

    async def repeat_receipt(self, command_id: str, kept: CommandRecord) -> None:
        """Answer a repeated command with its state."""
        assert kept.state is not None, "there is something to repeat"
        for detail in (kept.detail, None):
            former = {"state": kept.state.value, "detail": detail}
            receipt = self._receipt(command_id, CommandState.DUPLICATE, kept.reason_code, former)
            try:
                await self._commit(receipt)
            except UsageError:  # too large with the former receipt in it
                continue
            return

    async def refuse_command(self, command_id: str, refusal: CommandRefused) -> None:
        """Refuse a command without a record."""
        state = CommandState.EXPIRED if refusal.code == EXPIRED else CommandState.REFUSED
        await self._commit(self._receipt(command_id, state, refusal.code, None))

    async def _surely(self, command_id: str, kept: CommandRecord) -> None:
        wait_s, self._untold = UNSTORED_S, self._untold + 1
        try:
            while True:
                try:
                    await self.append(command_id, kept)
                except JournalFull:
                    if self._untold > UNTOLD_MAX:
                        raise
                else:
                    return
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, UNSTORED_S_MAX)
        finally:
            self._untold -= 1

    async def _commit(self, receipt: Event, changes: Sequence[StateChange] = ()) -> None:
        marks = self._memory.marks()
        await self._journal.append([receipt], [*changes, *marks])
        self._memory.stored(marks)

    def _receipt(
        self,
        command_id: str,
        state: CommandState,
        reason_code: str | None,
        detail: Any,
        deadline: Deadline | None = None,
    ) -> Event:
        """`deadline`: when it expires."""
        stamps = self._clock.stamp()
        at = None if stamps.wall_ns is None else rfc3339(stamps.wall_ns)
        return Event(
            kind=COMMAND_RECEIPT,
            source=ROOM,
            stamps=stamps,
            correlation=command_id,
            expires_wall_ns=None if deadline is None else deadline.wall_by(stamps),
            data=ReceiptEventData(command_id, state.value, reason_code, at, detail),
        )


def advance_record(
    before: CommandRecord, ended: CommandOutcome, *, kind: str = "", data: str = ""
) -> CommandRecord:
    """Its record in the new state; `data` are dropped once it has ended."""
    state, code, detail = ended
    assert state in MOVES[before.state], (before.state, state)
    kind = kind or before.kind
    return msgspec.structs.replace(
        before, state=state, reason_code=code, detail=detail, kind=kind, data=data
    )


def refusal_receipt(refusal: CommandRefused, command_id: str) -> CommandRefused:
    """The refusal, naming the command that it answers."""
    return CommandRefused(refusal.code, **{**refusal.data, "of": command_id})
