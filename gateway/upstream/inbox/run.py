"""Polls for commands, decides, acts, reports.

Record, then act: the acceptance is on disk before anything happens, so a command is carried out
at most once whatever is killed when.
"""

import asyncio
import logging
import random
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gateway.clock import Clock
from gateway.errors import BadReceipt, CommandRefused, StationError, UpstreamError
from gateway.event import Event, rfc3339
from gateway.journal import StateChange
from gateway.upstream.events import COMMAND_RECEIPT, ROOM, Receipt
from gateway.upstream.inbox import command as c
from gateway.upstream.inbox.command import MOVES, Command, CommandKind, State
from gateway.upstream.inbox.memory import Kept, Memory
from gateway.upstream.ports import Ledger
from gateway.upstream.retry import Retry
from gateway.upstream.uplinks.contract import Uplink

WAIT_S = 55.0
POLL_EVERY_S_MIN = 1.0
ACTING_MAX = 4

_log = logging.getLogger(__name__)


class Inbox:
    """The commands of one platform."""

    def __init__(
        self,
        name: str,
        journal: Ledger,
        clock: Clock,
        *,
        station: str,
        kinds: Iterable[CommandKind],
    ) -> None:
        self._room = f"inbox-{name}"
        self._journal = journal
        self._clock = clock
        self._station = station
        self._kinds = {kind.name: kind for kind in kinds}
        self._memory = Memory(self._room, {})
        self._acting = 0

    async def load(self) -> None:
        """Take up the state; what a killed process left half-way is failed, never repeated."""
        self._memory = Memory(self._room, await self._journal.load(self._room))
        self._acting = 0
        for name, kept in self._memory.open():
            await self._move(name, kept, State.FAILED, c.INTERRUPTED)

    async def run(self, uplink: Uplink, rng: random.Random) -> None:
        """Poll until cancelled, after `load`; a fault of the journal or of a kind ends it."""
        retry = Retry(rng)
        async with asyncio.TaskGroup() as acting:
            while True:
                await self._poll(uplink, retry, acting)

    async def take(self, raw: bytes, acting: asyncio.TaskGroup) -> bool:
        """Record one command and start to act on it; False if it brought nothing new."""
        try:
            command = c.parse(raw)
            kept = self._memory.get(command.id)
            changes = [] if kept else self._memory.make_room(self._clock, command.id)
        except CommandRefused as refusal:
            await self._turn_away(refusal)
            return False
        if kept is not None:
            await self._repeat(command.id, kept)
            return False
        fresh = Kept(None, command.deadline(self._clock.stamp()))
        try:
            kind, data = self._judge(command, fresh)
        except CommandRefused as refusal:
            state = State.EXPIRED if refusal.code == c.EXPIRED else State.REFUSED
            await self._move(command.id, fresh, state, refusal.code, changes=changes)
            return True
        accepted = await self._move(command.id, fresh, State.ACCEPTED, changes=changes)
        self._acting += 1
        acting.create_task(self._act(command.id, accepted, kind, data), name=kind.name)
        return True

    async def _poll(self, uplink: Uplink, retry: Retry, acting: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            found = await uplink.commands(self._memory.newest, WAIT_S)
        except UpstreamError as error:
            await asyncio.sleep(retry.after(error))
            return
        news = [await self.take(raw, acting) for raw in found]
        if found and not any(news):
            # A platform that repeats itself must not make the journal grow at network speed.
            await asyncio.sleep(retry.after(BadReceipt(c.NOTHING_NEW)))
            return
        retry.succeeded()
        if not found:
            await asyncio.sleep(max(0.0, began + POLL_EVERY_S_MIN - loop.time()))

    def _judge(self, command: Command, fresh: Kept) -> tuple[CommandKind, msgspec.Struct]:
        """What would carry it out; CommandRefused with the first reason against it."""
        if command.station != self._station:
            raise CommandRefused(c.WRONG_STATION, station=command.station)
        if fresh.deadline.passed(self._clock):
            raise CommandRefused(c.EXPIRED)
        if command.family in c.SIGNED_FAMILIES and command.signature is None:
            raise CommandRefused(c.UNSIGNED, kind=command.kind)
        kind = self._kinds.get(command.kind)
        if kind is None:
            raise CommandRefused(c.UNAVAILABLE, kind=command.kind)
        if self._acting >= ACTING_MAX:
            raise CommandRefused(c.BUSY)
        try:
            return kind, msgspec.json.decode(command.data, type=kind.data)
        except msgspec.DecodeError as error:
            raise CommandRefused(c.MALFORMED, reason=str(error)) from error

    async def _act(
        self, command_id: str, accepted: Kept, kind: CommandKind, data: msgspec.Struct
    ) -> None:
        try:
            detail = await kind.act(data, accepted.deadline)
        except StationError as error:
            await self._move(command_id, accepted, State.FAILED, error.code)
        else:
            await self._move(command_id, accepted, State.DONE, detail=detail)
        finally:
            self._acting -= 1

    async def _move(
        self,
        command_id: str,
        before: Kept,
        state: State,
        reason_code: str | None = None,
        *,
        detail: Any = None,
        changes: Sequence[StateChange] = (),
    ) -> Kept:
        assert state in MOVES[before.state], (before.state, state)
        kept = Kept(state, before.deadline, reason_code, detail)
        receipt = self._receipt(command_id, state, reason_code, detail)
        await self._journal.append([receipt], [*changes, self._memory.keep(command_id, kept)])
        return kept

    async def _repeat(self, command_id: str, kept: Kept) -> None:
        assert kept.state is not None
        former = {"state": kept.state.value, "detail": kept.detail}
        receipt = self._receipt(command_id, State.DUPLICATE, kept.reason_code, former)
        await self._journal.append([receipt])

    async def _turn_away(self, refusal: CommandRefused) -> None:
        """Answer what there is no room or no reason to remember."""
        command_id = refusal.data.get("of")
        if command_id is None:
            _log.warning("a command that cannot be answered: %s", refusal)
            return
        await self._journal.append([self._receipt(command_id, State.REFUSED, refusal.code, None)])

    def _receipt(
        self, command_id: str, state: State, reason_code: str | None, detail: Any
    ) -> Event:
        stamps = self._clock.stamp()
        at = None if stamps.wall_ns is None else rfc3339(stamps.wall_ns)
        return Event(
            kind=COMMAND_RECEIPT,
            source=ROOM,
            stamps=stamps,
            correlation=command_id,
            data=Receipt(command_id, state.value, reason_code, at, detail),
        )
