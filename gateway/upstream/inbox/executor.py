"""Carries out the commands that an inbox has accepted, and records how each ends."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import msgspec

from gateway.clock import Clock
from gateway.errors import CommandRefused, StationError
from gateway.faults import OnFault
from gateway.upstream.inbox import command as c
from gateway.upstream.inbox.command import (
    CommandHandler,
    CommandKind,
    CommandState,
    ExecutionGuarantee,
    Mandate,
    UnconfirmedResult,
)
from gateway.upstream.inbox.command_receipts import advance_record
from gateway.upstream.inbox.command_store import CommandRecord
from gateway.upstream.inbox.execution import (
    CommandOutcome,
    CommandWork,
    final_outcome,
    find_work,
    plain_data,
)

# Ordinary commands of one kind carried out at once: those of another kind, a stop say, do not wait
# for them, and an emergency waits for none.
ACTING_MAX = 4

# How often to look whether the time is known by which an emergency was cut off.
LOOK_S = 1.0

_INTERRUPTED: CommandOutcome = (CommandState.FAILED, c.INTERRUPTED, None)


class CommandExecutor:
    """The commands of one platform that are being carried out.

    `end` records the state that a command ends with.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        kinds: Mapping[str, CommandKind],
        end: Callable[[str, CommandRecord], Awaitable[None]],
        on_fault: OnFault,
    ) -> None:
        self._name = name
        self._clock = clock
        self._kinds = kinds
        self._end = end
        self._on_fault = on_fault
        self._acting: dict[str, asyncio.Task[None]] = {}
        self._turns = {name: asyncio.Semaphore(ACTING_MAX) for name in kinds}
        self._begun: set[str] = set()
        self._cancelled: set[str] = set()

    def clear(self) -> None:
        """Forget what was being carried out: the process has begun anew."""
        self._acting.clear()
        self._begun.clear()
        self._cancelled.clear()

    def is_running(self, command_id: str) -> bool:
        """Whether it waits for its turn or is being carried out."""
        return command_id in self._acting

    def begin(
        self,
        acting: asyncio.TaskGroup,
        command_id: str,
        kind_name: str,
        doing: Coroutine[Any, Any, None],
    ) -> None:
        """Run what `execute` or `resume` made for that command."""
        task = acting.create_task(doing, name=kind_name)
        self._acting[command_id] = task
        task.add_done_callback(lambda _: self._on_ended(command_id))

    def cancel(self, command_id: str, kind: CommandKind) -> None:
        """Cancel a running command; CommandRefused once its kind cannot be stopped any more."""
        if command_id in self._begun and not kind.cancellable:
            raise CommandRefused("inbox.not-cancellable", kind=kind.name)
        self._cancelled.add(command_id)
        self._acting[command_id].cancel()

    async def resume(self, command_id: str, kept: CommandRecord) -> None:
        """Answer for a command that a killed process left half-way, as its kind has promised."""
        try:
            work = find_work(self._kinds, kept.kind, kept.data.encode())
        except CommandRefused:  # of a version that had this kind, or wrote no data yet
            await self._end(command_id, advance_record(kept, _INTERRUPTED))
            return
        except Exception as error:  # noqa: BLE001  # the edge of one command
            await self._end(command_id, advance_record(kept, self._fault(error)))
            return
        if work.promise is ExecutionGuarantee.AT_LEAST_ONCE:
            await self.execute(command_id, kept, work, work.kind.act)
        elif work.kind.settle is not None:
            await self.execute(command_id, kept, work, work.kind.settle)
        else:
            await self._end(command_id, advance_record(kept, _INTERRUPTED))

    async def execute(
        self,
        command_id: str,
        accepted: CommandRecord,
        work: CommandWork,
        act: CommandHandler,
        *,
        after: asyncio.Event | None = None,
    ) -> None:
        """Carry it out and record the end; the record of the acceptance (`after`) goes first."""
        ended = await self._outcome(command_id, accepted, work, act)
        if after is not None:
            await after.wait()
        await self._end(command_id, advance_record(accepted, ended))

    async def _outcome(
        self, command_id: str, accepted: CommandRecord, work: CommandWork, act: CommandHandler
    ) -> CommandOutcome:
        waits = work.promise is ExecutionGuarantee.AT_MOST_ONCE
        try:
            accepted = accepted if waits else await self._timed(accepted)
            mandate = Mandate(command_id, accepted.deadline)
            async with self._turns[work.kind.name] if waits else contextlib.nullcontext():
                if act is not work.kind.settle and accepted.deadline.passed(self._clock):
                    # Waiting for its turn, or for the process to be back, took too long.
                    return await final_outcome(work, mandate)
                self._begun.add(command_id)
                done = await act(work.data, mandate)
                if isinstance(done, UnconfirmedResult):
                    return CommandState.SENT, None, done.detail
                return CommandState.DONE, None, done
        except StationError as error:
            return CommandState.FAILED, error.code, plain_data(error.data)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if command_id not in self._cancelled or task is None:
                raise
            task.uncancel()  # the cancellation was ours, and ends here
            return CommandState.FAILED, c.CANCELLED, None
        except Exception as error:  # noqa: BLE001  # the edge of one command
            return self._fault(error)

    async def _timed(self, kept: CommandRecord) -> CommandRecord:
        """An emergency of another boot, once it can be told whether it has expired."""
        while (deadline := kept.deadline.resumed(self._clock, self._name)) is None:
            if kept.deadline.wall_ns is None:
                return kept  # that will never be known
            await asyncio.sleep(LOOK_S)
        return msgspec.structs.replace(kept, deadline=deadline)

    def _on_ended(self, command_id: str) -> None:
        self._acting.pop(command_id, None)
        self._begun.discard(command_id)
        self._cancelled.discard(command_id)

    def _fault(self, error: Exception) -> CommandOutcome:
        self._on_fault(f"inbox.{self._name}", error)
        return CommandState.FAILED, c.FAULT, {"what": type(error).__name__}
