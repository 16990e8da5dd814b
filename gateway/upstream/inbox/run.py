"""Polls for commands, decides, acts, reports.

    polled ─► parsed ─► ours? in time? signed? new? ─► accepted ─► acted ─► done | sent | failed
                 └────────────┴── turned away: answered, never remembered

What was not proved to be the platform's word leaves no trace in the memory: a forged command must
not occupy the id of a real one. Record, then act: the acceptance is on disk before anything
happens, so a command is carried out at most once whatever is killed when. Only a kind that
promises otherwise (`Promise.AT_LEAST_ONCE`, emergency sound) acts beside the record, and goes
before the others of the same answer. A kill may therefore leave a later command on disk and an
earlier one not: after a start the platform is asked again for all that it has not seen ended.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from gateway.clock import Clock
from gateway.errors import BadReceipt, CommandRefused, StationError, UpstreamError
from gateway.event import Event, rfc3339
from gateway.journal import StateChange, load_state
from gateway.upstream.events import COMMAND_RECEIPT, ROOM, Receipt
from gateway.upstream.inbox import command as c
from gateway.upstream.inbox.cancel import cancelling
from gateway.upstream.inbox.command import (
    MOVES,
    Act,
    Command,
    CommandKind,
    Mandate,
    Promise,
    Sent,
    State,
)
from gateway.upstream.inbox.memory import Kept, Memory, decoded
from gateway.upstream.inbox.verify import Keys
from gateway.upstream.ports import Ledger
from gateway.upstream.retry import Retry
from gateway.upstream.uplinks.contract import Since, Uplink

WAIT_S = 55.0
POLL_EVERY_S_MIN = 1.0
ACTING_MAX = 4
"""Ordinary commands of one kind carried out at once: those of another kind, a stop say, do not wait
for them, and an emergency waits for none."""

OPEN_MAX = 64
"""Two whole answers of a platform: commands beyond that, accepted and waiting, are refused."""

_log = logging.getLogger(__name__)


class _Work(NamedTuple):
    """A command that may be carried out, and what does it."""

    kind: CommandKind
    data: msgspec.Struct
    raw: str

    @property
    def promise(self) -> Promise:
        """What was promised of it."""
        return self.kind.promised(self.data)


_Outcome = tuple[State, str | None, Any]
"""How a command ended: the state, the reason, the detail."""

_EXPIRED: _Outcome = (State.EXPIRED, c.EXPIRED, None)


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
        keys: Keys,
    ) -> None:
        self._uplink = name
        self._room = f"inbox-{name}"
        self._journal = journal
        self._clock = clock
        self._station = station
        self._kinds = {kind.name: kind for kind in (*kinds, cancelling(self.cancel))}
        self._keys = keys
        self._memory = Memory(self._room, {})
        self._acting: dict[str, asyncio.Task[None]] = {}
        self._turns = {name: asyncio.Semaphore(ACTING_MAX) for name in self._kinds}
        self._begun: set[str] = set()
        self._cancelled: set[str] = set()
        self._heard = ""

    def prepare(self) -> None:
        """What takes a moment before the first order: call it in a thread."""
        self._keys.prepare()

    async def load(self) -> None:
        """Take up the state, as it was when the process was last here."""
        self._memory = Memory(self._room, await load_state(self._journal, self._room, decoded))
        self._acting.clear()
        self._begun.clear()
        self._cancelled.clear()

    async def run(self, uplink: Uplink, rng: random.Random) -> None:
        """Poll until cancelled, after `load`; a fault of the journal or of a kind ends it."""
        retry = Retry(rng)
        async with asyncio.TaskGroup() as acting:
            await self.resume(acting)
            while True:
                await self._poll(uplink, retry, acting)

    async def resume(self, acting: asyncio.TaskGroup) -> None:
        """Answer for what a killed process left half-way, each as its kind has promised."""
        for name, kept in self._memory.open():
            try:
                work = self._work(kept.kind, kept.data.encode())
            except CommandRefused:  # of a version that had this kind, or wrote no data yet
                await self._move(name, kept, State.FAILED, c.INTERRUPTED)
                continue
            if work.promise is Promise.AT_LEAST_ONCE:
                self._begin(acting, name, work, self._act(name, kept, work, work.kind.act))
            elif work.kind.settle is not None:
                self._begin(acting, name, work, self._act(name, kept, work, work.kind.settle))
            else:
                await self._move(name, kept, State.FAILED, c.INTERRUPTED)

    async def take(self, raw: bytes, acting: asyncio.TaskGroup) -> bool:
        """Answer one command, and start to act on it; False if it had been answered before."""
        try:
            command = c.parse(raw)
            kept = self._memory.get(command.id)
            if kept is None:
                self._authenticate(command, raw)
                signed = command.family in c.SIGNED_FAMILIES
                changes = self._memory.make_room(self._clock, command.id, signed=signed)
        except CommandRefused as refusal:
            fresh = self._is_news(refusal.data.get("of"))
            await self._turn_away(refusal)
            return fresh
        fresh = self._is_news(command.id)
        if kept is not None:
            if kept.state is not None:  # else its answer is on its way
                await self._repeat(command.id, kept)
            return fresh
        await self._decide(command, changes, acting)
        return True

    def cancel(self, command_id: str) -> State | None:
        """Stop a command that is under way; the state of one that cannot be, None if unknown.

        CommandRefused for one that has begun, of a kind that must run to its end.
        """
        kept, task = self._memory.get(command_id), self._acting.get(command_id)
        if kept is None or task is None:
            return None if kept is None else kept.state
        if command_id in self._begun and not self._kinds[kept.kind].cancellable:
            raise CommandRefused("inbox.not-cancellable", kind=kept.kind)
        self._cancelled.add(command_id)
        task.cancel()
        return State.ACCEPTED

    async def _poll(self, uplink: Uplink, retry: Retry, acting: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            found = (await uplink.commands(Since(self._memory.newest), WAIT_S)).commands
        except UpstreamError as error:
            await asyncio.sleep(retry.after(error))
            return
        urgent = [raw for raw in found if self._is_urgent(raw)]
        others = [raw for raw in found if raw not in urgent]
        news = []
        for some in (urgent, others):  # in one commit each, so that a long queue moves on
            news += await asyncio.gather(*(self.take(raw, acting) for raw in some))
        if found and not any(news):
            # A platform that repeats itself must not make the journal grow at network speed.
            await asyncio.sleep(retry.after(BadReceipt(c.NOTHING_NEW)))
            return
        retry.succeeded()
        if not found:
            await asyncio.sleep(max(0.0, began + POLL_EVERY_S_MIN - loop.time()))

    def _is_urgent(self, raw: bytes) -> bool:
        seen = c.glance(raw)
        try:
            return self._work(seen.kind, bytes(seen.data)).promise is Promise.AT_LEAST_ONCE
        except CommandRefused:
            return False

    def _is_news(self, command_id: str | None) -> bool:
        """Whether this process meets that id for the first time; for the pace of asking alone."""
        if command_id is None or command_id <= self._heard:
            return False
        self._heard = command_id
        return True

    def _authenticate(self, command: Command, raw: bytes) -> None:
        """CommandRefused unless it is a platform's word to this station, of a kind that we know."""
        of = command.id
        if command.station != self._station:
            raise CommandRefused(c.WRONG_STATION, station=command.station, of=of)
        if self._ahead(command):
            raise CommandRefused(c.AHEAD, of=of)
        must_sign = command.family in c.SIGNED_FAMILIES
        if must_sign and command.signature is None:
            raise CommandRefused(c.UNSIGNED, kind=command.kind, of=of)
        if command.kind not in self._kinds:
            raise CommandRefused(c.UNAVAILABLE, kind=command.kind, of=of)
        if must_sign or (command.signature is not None and self._keys.key is not None):
            self._keys.check(command, raw)  # what need not be signed must not be signed wrongly

    def _ahead(self, command: Command) -> bool:
        wall_ns = self._clock.stamp_of(self._uplink).wall_ns
        return wall_ns is not None and command.id_ns > wall_ns + c.AHEAD_NS_MAX

    async def _decide(
        self, command: Command, changes: list[StateChange], acting: asyncio.TaskGroup
    ) -> None:
        self._memory.pass_over(command.id)
        deadline = command.deadline(self._clock.stamp_of(self._uplink), self._clock.floor_ns)
        fresh = Kept(None, deadline)
        try:
            work = self._judge(command, fresh)
        except CommandRefused as refusal:
            ended: _Outcome = (State.REFUSED, refusal.code, None)
            if refusal.code == c.EXPIRED:
                ended = await self._too_late(command, fresh)
            state, code, detail = ended
            await self._move(command.id, fresh, state, code, detail=detail, changes=changes)
            return
        accepted = Kept(State.ACCEPTED, deadline, kind=command.kind, data=work.raw)
        recording = self._commit(command.id, accepted, changes)
        recorded = asyncio.Event()
        if work.promise is Promise.AT_MOST_ONCE:
            await recording
            recorded.set()
        doing = self._act(command.id, accepted, work, work.kind.act, after=recorded)
        self._begin(acting, command.id, work, doing)
        if work.promise is Promise.AT_LEAST_ONCE:
            await recording  # beside the act: neither waits for the other
            recorded.set()

    def _judge(self, command: Command, fresh: Kept) -> _Work:
        """What would carry it out; CommandRefused with the first reason against it."""
        if fresh.deadline.passed(self._clock):
            raise CommandRefused(c.EXPIRED)
        work = self._work(command.kind, bytes(command.data))
        if work.promise is Promise.AT_MOST_ONCE and len(self._memory.open()) >= OPEN_MAX:
            raise CommandRefused(c.BUSY)
        return work

    async def _too_late(self, command: Command, fresh: Kept) -> _Outcome:
        try:
            work = self._work(command.kind, bytes(command.data))
        except CommandRefused:
            return _EXPIRED
        self._memory.keep(command.id, fresh)  # it may come again while this is found out
        return await _became(work, Mandate(command.id, fresh.deadline))

    def _work(self, kind_name: str, raw: bytes) -> _Work:
        kind = self._kinds.get(kind_name)
        if kind is None:
            raise CommandRefused(c.UNAVAILABLE, kind=kind_name)
        try:
            return _Work(kind, msgspec.json.decode(raw, type=kind.data), raw.decode())
        except (ValueError, RecursionError) as error:
            raise CommandRefused(c.MALFORMED, reason=str(error)) from error

    def _begin(
        self,
        acting: asyncio.TaskGroup,
        command_id: str,
        work: _Work,
        doing: Coroutine[Any, Any, None],
    ) -> None:
        task = acting.create_task(doing, name=work.kind.name)
        self._acting[command_id] = task
        task.add_done_callback(lambda _: self._ended(command_id))

    def _ended(self, command_id: str) -> None:
        self._acting.pop(command_id, None)
        self._begun.discard(command_id)

    async def _act(
        self,
        command_id: str,
        accepted: Kept,
        work: _Work,
        act: Act,
        *,
        after: asyncio.Event | None = None,
    ) -> None:
        """Do it and record the end; the record of the acceptance goes first."""
        state, code, detail = await self._outcome(command_id, accepted, work, act)
        if after is not None:
            await after.wait()
        await self._move(command_id, accepted, state, code, detail=detail)

    async def _outcome(self, command_id: str, accepted: Kept, work: _Work, act: Act) -> _Outcome:
        mandate = Mandate(command_id, accepted.deadline)
        waits = work.promise is Promise.AT_MOST_ONCE
        try:
            async with self._turns[work.kind.name] if waits else contextlib.nullcontext():
                if act is not work.kind.settle and accepted.deadline.passed(self._clock):
                    return await _became(work, mandate)  # waiting, or being dead, took too long
                self._begun.add(command_id)
                done = await act(work.data, mandate)
                if isinstance(done, Sent):
                    return State.SENT, None, done.detail
                return State.DONE, None, done
        except StationError as error:
            return State.FAILED, error.code, _plain(error.data)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if command_id not in self._cancelled or task is None:
                raise
            task.uncancel()  # the cancellation was ours, and ends here
            return State.FAILED, c.CANCELLED, None

    async def _move(
        self,
        command_id: str,
        before: Kept,
        state: State,
        reason_code: str | None = None,
        *,
        detail: Any = None,
        changes: Sequence[StateChange] = (),
    ) -> None:
        assert state in MOVES[before.state], (before.state, state)
        kept = Kept(state, before.deadline, reason_code, detail, before.kind)
        await self._commit(command_id, kept, changes)

    def _commit(
        self, command_id: str, kept: Kept, changes: Sequence[StateChange] = ()
    ) -> Coroutine[Any, Any, Kept]:
        """Remember it at once; the coroutine that is returned puts it on disk with its receipt."""
        assert kept.state is not None
        receipt = self._receipt(command_id, kept.state, kept.reason_code, kept.detail)
        state = [*changes, self._memory.keep(command_id, kept)]

        async def commit() -> Kept:
            await self._journal.append([receipt], state)
            return kept

        return commit()

    async def _repeat(self, command_id: str, kept: Kept) -> None:
        assert kept.state is not None
        self._memory.pass_over(command_id)
        former = {"state": kept.state.value, "detail": kept.detail}
        receipt = self._receipt(command_id, State.DUPLICATE, kept.reason_code, former)
        await self._journal.append([receipt])

    async def _turn_away(self, refusal: CommandRefused) -> None:
        """Answer what there is no reason or no room to remember."""
        command_id = refusal.data.get("of")
        if command_id is None:
            _log.warning("a command that cannot be answered: %s", refusal)
            return
        if refusal.code != c.AHEAD and self._clock.stamp().wall_ns is not None:
            self._memory.pass_over(command_id)
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


async def _became(work: _Work, mandate: Mandate) -> _Outcome:
    """Expired; but never said of an emergency that was heard before a kill took its record."""
    if work.promise is not Promise.AT_LEAST_ONCE or work.kind.settle is None:
        return _EXPIRED
    try:
        return State.DONE, None, await work.kind.settle(work.data, mandate)
    except StationError:
        return _EXPIRED


def _plain(data: dict[str, Any]) -> dict[str, Any] | None:
    """An error's data as a receipt shows them; what is no plain value is left out."""
    plain = {}
    for name, value in data.items():
        with contextlib.suppress(TypeError):
            msgspec.json.encode(value)
            plain[name] = value
    return plain or None
